-- What changes from the public state to the new one, by key and content hash. One row per key.
CREATE TEMPORARY TABLE delta ON COMMIT DROP AS
SELECT n.key, CASE WHEN c.key IS NULL THEN 'a' ELSE 'c' END::"char" AS op, c.geom AS old_geom, n.geom AS new_geom
FROM {new_state} n LEFT JOIN {current} c ON c.key = n.key
WHERE c.key IS NULL OR c.hash <> n.hash
UNION ALL
SELECT c.key, 'r'::"char", c.geom, NULL
FROM {current} c LEFT JOIN {new_state} n ON n.key = c.key
WHERE n.key IS NULL
