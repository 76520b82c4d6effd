-- A job already running is taken too: the queue only hands it out again when its worker is dead.
UPDATE portail.job
SET status = 'running', attempt = attempt + 1, progress = 0, message = %(message)s,
    started_at = coalesce(started_at, clock_timestamp()), updated_at = clock_timestamp()
WHERE id = %(id)s AND status IN ('accepted', 'running')
RETURNING process, inputs, attempt
