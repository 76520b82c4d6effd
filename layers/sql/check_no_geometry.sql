SELECT key, count(*) OVER () FROM {prepared} WHERE geom IS NULL ORDER BY key LIMIT {limit}
