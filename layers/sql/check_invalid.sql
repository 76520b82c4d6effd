SELECT key, count(*) OVER () FROM {prepared} WHERE NOT ST_IsValid(geom) ORDER BY key LIMIT {limit}
