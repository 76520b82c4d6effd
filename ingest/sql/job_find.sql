SELECT id, process, inputs, status, progress, message, error, created_at, started_at, finished_at, updated_at
FROM portail.job
WHERE id = %(id)s
