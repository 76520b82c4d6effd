-- Outlines as SVG paths in metres, y down, and their extent. One hundred metres of simplification suits a small picture.
SELECT ST_AsSVG(ST_SimplifyPreserveTopology(geom, 100), 1, 0), ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom)
FROM {source} source
WHERE geom IS NOT NULL
ORDER BY key
