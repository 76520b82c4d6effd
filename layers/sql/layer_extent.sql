-- Extent in CRS84 of the features themselves.
SELECT ARRAY[ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b)]
FROM (SELECT ST_Extent(ST_Transform(geom, 4326)) AS b FROM {current}) extent
WHERE b IS NOT NULL
