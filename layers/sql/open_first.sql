INSERT INTO {current} (key, edition_from, hash, {fields}, geom)
SELECT key, %(number)s, hash, {fields}, geom FROM {new_state} n ORDER BY key
