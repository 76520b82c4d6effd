-- Cells of the finest level where features of temp table delta were or are anchored.
CREATE TEMPORARY TABLE overview_touched ON COMMIT DROP AS
SELECT DISTINCT floor(ST_X(_anchor) / {side})::int AS _cx, floor(ST_Y(_anchor) / {side})::int AS _cy
FROM (
    SELECT ST_Transform(ST_SetSRID(ST_MakePoint(
        (ST_XMin(g.geom) + ST_XMax(g.geom)) / 2, (ST_YMin(g.geom) + ST_YMax(g.geom)) / 2), {srid}), 3857) AS _anchor
    FROM {delta} CROSS JOIN LATERAL (VALUES (old_geom), (new_geom)) g (geom)
    WHERE NOT ST_IsEmpty(g.geom)
) moved
