UPDATE portail.job
SET status = 'accepted', progress = 0, message = %(message)s, updated_at = clock_timestamp()
WHERE id = %(id)s AND status = 'running'
