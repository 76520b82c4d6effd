-- Level {level} of the overviews of a layer of points, from the rows one level finer.
-- A point alone in its cell keeps its place and attributes; several become one point in their middle.
WITH source AS MATERIALIZED (SELECT * FROM ({source}) rows),
placed AS (SELECT *, _ax >> {shift} AS _cx, _ay >> {shift} AS _cy FROM source),
counted AS MATERIALIZED (
    SELECT *, {keep_all} OR (count(*) OVER cell = 1 AND key IS NOT NULL) AS _is_kept,
           row_number() OVER cell AS _rank, sum(_nombre) OVER cell AS _total,
           floor(sum(_ax::bigint * _nombre) OVER cell / sum(_nombre) OVER cell)::int AS _mx,
           floor(sum(_ay::bigint * _nombre) OVER cell / sum(_nombre) OVER cell)::int AS _my
    FROM placed WINDOW cell AS (PARTITION BY _cx, _cy)
)
INSERT INTO {overview} (_level, _kind, _cx, _cy, _ax, _ay, _nombre, _rest, key{fields}, geom)
SELECT {level}, 'f', _cx, _cy, _ax, _ay, _nombre, 0, key{fields}, {snapped}
FROM counted WHERE _is_kept
UNION ALL
SELECT {level}, 'c', _cx, _cy, _mx, _my, _total, 0, NULL{no_fields}, ST_MakePoint(_mx >> {anchor_shift}, _my >> {anchor_shift})
FROM counted WHERE NOT _is_kept AND _rank = 1
