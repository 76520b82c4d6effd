-- The queue gives up a job after its last try, even when the database was away and nobody could write it here.
UPDATE portail.job AS j
SET status = 'failed', message = %(message)s, error = %(message)s,
    finished_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE j.status IN ('accepted', 'running')
  AND NOT EXISTS (SELECT FROM jobs.procrastinate_jobs AS q WHERE q.id = j.queue_id)
