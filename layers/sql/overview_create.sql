-- Generalised features, all levels in one table. Coordinates are Web Mercator divided by the unit of the level, a
-- 4096th of a tile of that zoom, so that they are integers and that a tile only needs a translation. The positions of
-- one territory at two levels differ by a factor two or more: one spatial index serves them all.
-- key is null for a cell of the level (_cx, _cy), which stands for "_nombre" features too small to be drawn with their
-- attributes. (_ax, _ay): anchor in units of the finest level. _rest: area of what is drawn as the square of the cell,
-- which is then the last part of geom, in square units of the finest level.
CREATE TABLE {overview} (
    _level smallint NOT NULL,
    _cx integer NOT NULL,
    _cy integer NOT NULL,
    _ax integer NOT NULL,
    _ay integer NOT NULL,
    _nombre integer NOT NULL,
    _rest bigint NOT NULL,
    key text COLLATE "C",
    geom geometry NOT NULL{field_definitions}
)
