SELECT key, count(*) OVER () FROM {prepared} WHERE ST_GeometryType(geom) <> {wanted} ORDER BY key LIMIT {limit}
