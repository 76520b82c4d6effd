-- The blocks of level {level} that hold touched cells.
DELETE FROM {overview} o
USING (SELECT DISTINCT _cx >> {block_bits} AS _cx, _cy >> {block_bits} AS _cy FROM overview_touched) t
WHERE o._level = {level} AND o._kind = 'b' AND o._cx = t._cx AND o._cy = t._cy
