UPDATE portail.job
SET status = %(status)s, progress = CASE %(status)s WHEN 'successful' THEN 100 ELSE progress END,
    message = %(message)s, result = %(result)s, error = %(error)s,
    finished_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE id = %(id)s AND status = 'running' AND attempt = %(attempt)s
