SELECT key, count(*) OVER () FROM {prepared} WHERE key IS NOT NULL GROUP BY key HAVING count(*) > 1 ORDER BY key LIMIT {limit}
