SELECT definition, path, sources, updated_at FROM portail.raster ORDER BY id
