-- A tile from the overviews: (x0, y1) is the top left corner of the tile in units of the level, scale the number of
-- units of the tile in one unit of the level, side the side of the tile. What lies within the tile and its margin is
-- only moved: its coordinates are integers already. Blocks of cells are small, and never cut at their own zoom.
SELECT ST_AsMVT(t, {layer}, 4096, 'geom'), count(*),
       {edition}
FROM (
    SELECT key{fields}, {number},
           CASE WHEN geom @ box.outer OR ({keep_blocks} AND key IS NULL)
                THEN ST_Affine(geom, %(scale)s, 0, 0, -%(scale)s, -%(x0)s * %(scale)s, %(y1)s * %(scale)s)
                ELSE ST_AsMVTGeom(geom, box.inner, 4096, {buffer}) END AS geom
    FROM {overview} o, (
        SELECT ST_MakeEnvelope(
                   %(x0)s - %(margin)s, %(y1)s - %(side)s - %(margin)s, %(x0)s + %(side)s + %(margin)s, %(y1)s + %(margin)s
               ) AS outer,
               ST_MakeBox2D(ST_MakePoint(%(x0)s, %(y1)s - %(side)s), ST_MakePoint(%(x0)s + %(side)s, %(y1)s)) AS inner
    ) box
    WHERE _level = {level} AND {drawn} AND geom && box.outer
    LIMIT {limit}
) t
