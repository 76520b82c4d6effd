SELECT ST_AsBinary(geom) FROM {source} AS source ORDER BY key
