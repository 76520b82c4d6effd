-- Generalised features, all levels in one table. Coordinates are Web Mercator divided by the unit of the level, a
-- 4096th of a tile of that zoom, so that they are integers and that a tile only needs a translation. The positions of
-- one territory at two levels differ by a factor two or more: one spatial index serves them all.
-- _kind f: a feature, drawn with its attributes, anchored in the cell (_cx, _cy). c: a cell, which stands for _nombre
-- features too small for that. b: a block of cells (_cx, _cy counts blocks), as they are drawn: one object in the tile.
-- (_ax, _ay): anchor in units of the finest level. _rest, for a cell of surfaces: area of those drawn as one square,
-- the last part of geom, in square units of the finest level.
CREATE TABLE {overview} (
    _level smallint NOT NULL,
    _kind "char" NOT NULL,
    _cx integer NOT NULL,
    _cy integer NOT NULL,
    _ax integer NOT NULL,
    _ay integer NOT NULL,
    _nombre integer NOT NULL,
    _rest bigint NOT NULL,
    key text COLLATE "C",
    geom geometry NOT NULL{field_definitions}
)
