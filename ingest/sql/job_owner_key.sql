SELECT key FROM portail.job_key
