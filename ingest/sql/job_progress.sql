UPDATE portail.job
SET progress = %(progress)s, message = %(message)s, updated_at = clock_timestamp()
WHERE id = %(id)s AND status = 'running' AND attempt = %(attempt)s
