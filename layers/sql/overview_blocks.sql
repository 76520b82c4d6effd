-- The blocks of level {level}: cells put together, {block_side} by {block_side}, so that a tile has few objects to write.
INSERT INTO {overview} (_level, _kind, _cx, _cy, _ax, _ay, _nombre, _rest, geom)
SELECT {level}, 'b', _cx >> {block_bits}, _cy >> {block_bits}, min(_ax), min(_ay), sum(_nombre), 0,
       ST_CollectionExtract(ST_Collect(geom ORDER BY _cx, _cy), {part})
FROM {overview}
WHERE _level = {level} AND _kind = 'c' AND {touched}
GROUP BY _cx >> {block_bits}, _cy >> {block_bits}
