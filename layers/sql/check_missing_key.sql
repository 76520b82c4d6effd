SELECT coalesce(ST_AsText(ST_PointOnSurface(geom), 1), 'sans géométrie'), count(*) OVER ()
FROM {prepared} WHERE key IS NULL OR key = '' LIMIT {limit}
