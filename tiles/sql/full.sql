-- A tile in full detail. Over a tile this small, from the storage CRS to the tile, the projection is an affine map
-- within a fraction of a unit: see tiles/affine.py. The box of the index condition is in the storage CRS.
-- Rows are counted and bounded: a tile with more of them is too heavy anyway, and is not written to its end.
SELECT ST_AsMVT(t, {layer}, 4096, 'geom'), count(*),
       {edition}
FROM (
    SELECT key{fields},
           ST_AsMVTGeom(
               ST_Affine(geom, %(a)s, %(b)s, %(d)s, %(e)s, %(x)s, %(y)s),
               ST_MakeBox2D(ST_MakePoint(0, -4096), ST_MakePoint(4096, 0)), 4096, {buffer}) AS geom
    FROM {features} f
    WHERE geom && ST_MakeEnvelope(%(xmin)s, %(ymin)s, %(xmax)s, %(ymax)s, {srid})
    LIMIT {limit}
) t
