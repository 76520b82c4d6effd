-- Features as if they were drawn at one level finer than the finest, before any rounding. The anchor is the middle of
-- the extent in the storage CRS: a feature is thus always found by searching the storage index around its anchor.
SELECT key{fields}, 1 AS _nombre, 0::bigint AS _rest,
       floor(ST_X(_anchor) / {unit})::int AS _ax, floor(ST_Y(_anchor) / {unit})::int AS _ay,
       ST_Scale(ST_SetSRID(ST_Transform(geom, 3857), 0), 2 / {unit}, 2 / {unit}) AS geom
FROM (
    SELECT f.key{source_fields}, f.geom, ST_Transform(ST_SetSRID(ST_MakePoint(
        (ST_XMin(f.geom) + ST_XMax(f.geom)) / 2, (ST_YMin(f.geom) + ST_YMax(f.geom)) / 2), {srid}), 3857) AS _anchor
    FROM {features} WHERE NOT ST_IsEmpty(f.geom) OFFSET 0 -- the anchor must be computed once
) feature
