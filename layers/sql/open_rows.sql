INSERT INTO {current} (key, edition_from, hash, {fields}, geom)
SELECT n.key, %(number)s, n.hash, {new_fields}, n.geom
FROM {new_state} n JOIN delta d ON d.key = n.key AND d.op IN ('a', 'c')
