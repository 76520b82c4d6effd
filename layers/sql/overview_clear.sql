-- The rows of level {level} that belong to the touched cells.
DELETE FROM {overview} o USING overview_touched t
WHERE o._level = {level} AND o._kind <> 'b' AND o._cx = t._cx AND o._cy = t._cy
