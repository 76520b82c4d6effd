-- Level {level} of the overviews of a layer of lines, from the rows one level finer.
-- Legible lines keep their attributes. The others are cut in segments, rounded to the grid (ends that met still meet)
-- and put together by cell without repetition; a cell where nothing is left is drawn as one short dash.
WITH source AS MATERIALIZED (SELECT * FROM ({source}) rows),
sized AS (
    SELECT *, _ax >> {shift} AS _cx, _ay >> {shift} AS _cy,
           key IS NOT NULL AND ({keep_all} OR greatest(ST_XMax(geom) - ST_XMin(geom), ST_YMax(geom) - ST_YMin(geom)) >= 2 * {legible}) AS _is_legible
    FROM source
),
cell AS (
    SELECT _cx, _cy, sum(_nombre) AS _nombre,
           floor(sum(_ax::bigint * _nombre) / sum(_nombre))::int AS _ax, floor(sum(_ay::bigint * _nombre) / sum(_nombre))::int AS _ay
    FROM sized WHERE NOT _is_legible GROUP BY _cx, _cy
),
edge AS (
    SELECT DISTINCT _cx, _cy, least(a, b) AS a, greatest(a, b) AS b
    FROM (SELECT s._cx, s._cy, ST_StartPoint(d.geom) AS a, ST_EndPoint(d.geom) AS b
          FROM sized s CROSS JOIN LATERAL ST_DumpSegments({snapped}) d
          WHERE NOT s._is_legible) segment
    WHERE NOT a = b
),
drawn AS (
    SELECT _cx, _cy, ST_Multi(ST_LineMerge(ST_Collect(ST_MakeLine(a, b) ORDER BY a, b))) AS geom FROM edge GROUP BY _cx, _cy
),
merged AS (
    -- Rather than a join, which would be planned on a wrong guess of the number of cells.
    SELECT _cx, _cy, max(_ax) AS _ax, max(_ay) AS _ay, max(_nombre) AS _nombre,
           (array_agg(geom) FILTER (WHERE geom IS NOT NULL))[1] AS geom
    FROM (SELECT _cx, _cy, _ax, _ay, _nombre, NULL::geometry AS geom FROM cell
          UNION ALL SELECT _cx, _cy, NULL, NULL, NULL, geom FROM drawn) both_sides
    GROUP BY _cx, _cy
)
INSERT INTO {overview} (_level, _kind, _cx, _cy, _ax, _ay, _nombre, _rest, key{fields}, geom)
SELECT {level}, 'f', _cx, _cy, _ax, _ay, _nombre, 0, key{fields},
       coalesce({snapped}, ST_MakeLine(ST_MakePoint(_x, _y), ST_MakePoint(_x + {grid}, _y)))
FROM (SELECT *, (_ax >> {anchor_shift}) - {grid} / 2 AS _x, _ay >> {anchor_shift} AS _y FROM sized WHERE _is_legible) legible
UNION ALL
SELECT {level}, 'c', _cx, _cy, _ax, _ay, _nombre, 0, NULL{no_fields},
       coalesce(geom, ST_Multi(ST_MakeLine(ST_MakePoint(_x, _y), ST_MakePoint(_x + {grid}, _y))))
FROM (SELECT *, (_ax >> {anchor_shift}) - {grid} / 2 AS _x, _ay >> {anchor_shift} AS _y FROM merged) cell
