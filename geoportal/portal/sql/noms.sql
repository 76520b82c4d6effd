-- Keys and names of a layer, for a list of choices.
SELECT key, {label} FROM {source} source ORDER BY {label}, key LIMIT 2000
