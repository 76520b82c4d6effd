-- Unlogged: a crash loses it, and the next import starts afresh; the public table never depends on it.
CREATE UNLOGGED TABLE {table} (rank bigint, {fields}, geom geometry)
