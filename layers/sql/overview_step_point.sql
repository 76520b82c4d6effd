-- Level {level} of the overviews of a layer of points, from the rows one level finer.
-- A point alone in its cell keeps its place and attributes; several become one point in their middle.
WITH source AS MATERIALIZED (SELECT * FROM ({source}) rows),
placed AS (SELECT *, _ax >> {shift} AS _cx, _ay >> {shift} AS _cy FROM source),
counted AS (
    SELECT _cx, _cy, count(*) AS rows, sum(_nombre) AS _nombre,
           floor(sum(_ax::bigint * _nombre) / sum(_nombre))::int AS _ax, floor(sum(_ay::bigint * _nombre) / sum(_nombre))::int AS _ay
    FROM placed GROUP BY _cx, _cy
)
INSERT INTO {overview} (_level, _kind, _cx, _cy, _ax, _ay, _nombre, _rest, key{fields}, geom)
SELECT {level}, 'f', p._cx, p._cy, p._ax, p._ay, p._nombre, 0, p.key{fields}, {snapped}
FROM placed p JOIN counted c ON c._cx = p._cx AND c._cy = p._cy
WHERE {keep_all} OR (c.rows = 1 AND p.key IS NOT NULL)
UNION ALL
SELECT {level}, 'c', _cx, _cy, _ax, _ay, _nombre, 0, NULL{no_fields}, ST_MakePoint(_ax >> {anchor_shift}, _ay >> {anchor_shift})
FROM counted c
WHERE NOT {keep_all} AND NOT (c.rows = 1 AND EXISTS (
    SELECT FROM placed p WHERE p._cx = c._cx AND p._cy = c._cy AND p.key IS NOT NULL))
