-- Difference between editions {first} and {second}, whichever is the older. A row closed and opened again with the
-- same content (a return to an earlier state) is no difference.
WITH every AS (
    SELECT key, hash, edition_from, NULL::integer AS edition_to, {fields} geom FROM {current}
    WHERE edition_from > {low}
    UNION ALL
    SELECT key, hash, edition_from, edition_to, {fields} geom FROM {history}
    WHERE edition_to > {low} AND edition_from <= {high}
),
-- Rows still public and older than both editions are in both states: they cannot differ, and are not read.
before AS (SELECT * FROM every WHERE edition_from <= {first} AND (edition_to IS NULL OR edition_to > {first})),
after AS (SELECT * FROM every WHERE edition_from <= {second} AND (edition_to IS NULL OR edition_to > {second}))
SELECT coalesce(a.key, b.key) COLLATE "C" AS key,
       CASE WHEN b.key IS NULL THEN 'added' WHEN a.key IS NULL THEN 'removed' ELSE 'changed' END AS change,
       {picked_fields} CASE WHEN a.key IS NULL THEN b.geom ELSE a.geom END AS geom
FROM before b FULL JOIN after a ON a.key = b.key
WHERE a.key IS NULL OR b.key IS NULL OR a.hash <> b.hash
