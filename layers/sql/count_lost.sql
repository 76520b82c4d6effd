-- Features that are public and no longer in the source.
SELECT count(*) FROM {current} c WHERE NOT EXISTS (SELECT FROM {prepared} p WHERE p.key = c.key)
