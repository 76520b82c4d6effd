SELECT id, process, inputs, status, progress, message, error, created_at, started_at, finished_at, updated_at
FROM portail.job
WHERE %(owner)s::text IS NULL OR owner = %(owner)s
ORDER BY created_at DESC, id
LIMIT %(limit)s OFFSET %(offset)s
