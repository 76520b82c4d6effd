-- Level {level} of the overviews of a layer of surfaces, from the rows one level finer.
-- Legible surfaces keep their attributes; visible ones keep their shape, put together by cell; the others become one
-- square per cell, as large as what it stands for. Every vertex is rounded to the same grid, whatever the surface it
-- belongs to, so that neighbours still touch; ST_AsMVTGeom then mends the rings that this made invalid.
WITH source AS MATERIALIZED (SELECT * FROM ({source}) rows),
sized AS (
    SELECT *, _ax >> {shift} AS _cx, _ay >> {shift} AS _cy,
           key IS NOT NULL AND ({keep_all} OR greatest(ST_XMax(geom) - ST_XMin(geom), ST_YMax(geom) - ST_YMin(geom)) >= 2 * {legible}) AS _is_legible
    FROM source
),
faded AS (
    SELECT s._cx, s._cy, s._ax, s._ay, s._nombre, s._rest, piece.path IS NULL OR piece.path[1] = 1 AS _is_first,
           piece.geom, greatest(ST_XMax(piece.geom) - ST_XMin(piece.geom), ST_YMax(piece.geom) - ST_YMin(piece.geom)) >= 2 * {visible} AS _is_visible
    FROM sized s
    LEFT JOIN LATERAL ST_Dump(ST_Multi(s.geom)) piece ON s._rest = 0 OR piece.path[1] < ST_NumGeometries(s.geom)
    WHERE NOT s._is_legible
),
cell AS (
    SELECT _cx, _cy,
           floor(sum(_ax::bigint * _nombre) FILTER (WHERE _is_first) / sum(_nombre) FILTER (WHERE _is_first))::int AS _ax,
           floor(sum(_ay::bigint * _nombre) FILTER (WHERE _is_first) / sum(_nombre) FILTER (WHERE _is_first))::int AS _ay,
           sum(_nombre) FILTER (WHERE _is_first) AS _nombre,
           coalesce(sum(_rest) FILTER (WHERE _is_first), 0)
               + coalesce(sum(ceil(ST_Area(geom) * {source_area})::bigint) FILTER (WHERE NOT _is_visible), 0)::bigint AS _rest,
           ST_CollectionExtract(ST_Collect({snapped}) FILTER (WHERE _is_visible), 3) AS _shapes
    FROM faded GROUP BY _cx, _cy OFFSET 0
),
squared AS (
    SELECT *, CASE WHEN _rest * 2 >= {full_area} THEN {cell}
                   WHEN _rest > 0 OR ST_IsEmpty(_shapes) IS NOT FALSE THEN greatest({grid}, ceil(sqrt(_rest / {unit_area})))::int
              END AS _side
    FROM cell OFFSET 0
),
placed AS (
    SELECT *, least(greatest((_ax >> {anchor_shift}) - _side / 2, _cx * {cell}), (_cx + 1) * {cell} - _side) AS _x,
              least(greatest((_ay >> {anchor_shift}) - _side / 2, _cy * {cell}), (_cy + 1) * {cell} - _side) AS _y
    FROM squared OFFSET 0
)
INSERT INTO {overview} (_level, _kind, _cx, _cy, _ax, _ay, _nombre, _rest, key{fields}, geom)
SELECT {level}, 'f', _cx, _cy, _ax, _ay, _nombre, 0, key{fields},
       coalesce({snapped}, ST_MakeEnvelope(_x, _y, _x + {grid}, _y + {grid}))
FROM (SELECT *, (_ax >> {anchor_shift}) - {grid} / 2 AS _x, (_ay >> {anchor_shift}) - {grid} / 2 AS _y FROM sized WHERE _is_legible) legible
UNION ALL
SELECT {level}, 'c', _cx, _cy, _ax, _ay, _nombre, CASE WHEN _side IS NULL THEN 0 ELSE greatest(_rest, 1) END, NULL{no_fields},
       CASE WHEN _side IS NULL THEN _shapes
            ELSE ST_CollectionExtract(ST_Collect(_shapes, ST_MakeEnvelope(_x, _y, _x + _side, _y + _side)), 3) END
FROM placed
