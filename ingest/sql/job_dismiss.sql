UPDATE portail.job
SET status = 'dismissed', message = %(message)s, finished_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE id = %(id)s AND status IN ('accepted', 'running')
RETURNING queue_id
