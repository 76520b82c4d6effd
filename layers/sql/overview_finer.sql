-- The rows of level {level} whose parent cell was touched: four cells each.
SELECT o.key{fields}, o._nombre, o._rest, o._ax, o._ay, o.geom
FROM overview_touched t
CROSS JOIN (VALUES (0, 0), (0, 1), (1, 0), (1, 1)) child (_dx, _dy)
JOIN {overview} o ON o._level = {level} AND o._kind <> 'b' AND o._cx = t._cx * 2 + child._dx AND o._cy = t._cy * 2 + child._dy
