-- The coarsest drawing, whatever the layer: one square (or point) per 64th of the tile, with the number of features
-- anchored there. Its weight is bounded by construction. Serves tiles too heavy for every overview.
SELECT ST_AsMVT(t, {layer}, 4096, 'geom'), count(*), {edition}
FROM (
    SELECT nombre AS {number}, ST_Collect({shape}) AS geom
    FROM (
        SELECT floor((ST_X(anchor) - ST_XMin(tile)) / (ST_XMax(tile) - ST_XMin(tile)) * 64)::int * 64 AS x,
               floor((ST_YMax(tile) - ST_Y(anchor)) / (ST_YMax(tile) - ST_YMin(tile)) * 64)::int * 64 AS y,
               count(*) AS nombre
        FROM (
            SELECT ST_Transform(ST_SetSRID(ST_MakePoint(
                       (ST_XMin(f.geom) + ST_XMax(f.geom)) / 2, (ST_YMin(f.geom) + ST_YMax(f.geom)) / 2), {srid}), 3857) AS anchor,
                   ST_TileEnvelope(%(z)s::int, %(x)s::int, %(y)s::int) AS tile
            FROM {features} f
            WHERE f.geom && ST_MakeEnvelope(%(xmin)s, %(ymin)s, %(xmax)s, %(ymax)s, {srid})
        ) placed
        WHERE anchor && tile
        GROUP BY 1, 2
    ) cell
    GROUP BY nombre
) t
