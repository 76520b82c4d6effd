UPDATE portail.job
SET status = 'failed', message = %(message)s, error = %(message)s,
    finished_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE id = %(id)s AND status IN ('accepted', 'running')
