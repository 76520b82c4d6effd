-- Extent in CRS84. The box is cut finely before it is transformed: its sides are curves in degrees.
SELECT ARRAY[ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b)]
FROM (SELECT ST_Extent(ST_Transform(ST_Segmentize(e::geometry, greatest(ST_Perimeter(e::geometry) / 200, 0.001)), 4326)) AS b
      FROM (SELECT ST_SetSRID(ST_Extent(geom)::geometry, {srid}) AS e FROM {current}) box
      WHERE e IS NOT NULL) extent
WHERE b IS NOT NULL
