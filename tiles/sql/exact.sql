-- A tile from the full geometries, each vertex transformed: exact at any zoom and for any edition, and slower.
SELECT ST_AsMVT(t, {layer}, 4096, 'geom'), count(*), {edition}
FROM (
    SELECT key{fields},
           ST_AsMVTGeom(ST_Transform(geom, 3857), ST_TileEnvelope(%(z)s::int, %(x)s::int, %(y)s::int), 4096, {buffer}) AS geom
    FROM {features} f
    WHERE geom && ST_MakeEnvelope(%(xmin)s, %(ymin)s, %(xmax)s, %(ymax)s, {srid})
    LIMIT {limit}
) t
