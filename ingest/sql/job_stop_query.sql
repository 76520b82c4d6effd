-- Each run names its connection after the job, so that it is found again without storing a process number.
SELECT pg_cancel_backend(pid)
FROM pg_stat_activity
WHERE application_name = %(application_name)s AND datname = current_database()
