SELECT ST_AsBinary(geom) FROM {table} ORDER BY key
