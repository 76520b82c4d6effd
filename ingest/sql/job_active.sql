SELECT count(*) FILTER (WHERE owner = %(owner)s), count(*)
FROM portail.job
WHERE status IN ('accepted', 'running')
