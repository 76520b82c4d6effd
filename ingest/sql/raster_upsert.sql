INSERT INTO portail.raster AS r (id, definition, path, sources)
VALUES (%(id)s, %(definition)s, %(path)s, %(sources)s)
ON CONFLICT (id) DO UPDATE
SET definition = excluded.definition, path = excluded.path, sources = excluded.sources, updated_at = clock_timestamp()
