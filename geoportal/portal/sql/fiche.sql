-- One object for its card: attributes, and its box in degrees (west, south, east, north; null without geometry).
SELECT {properties},
       CASE WHEN geom IS NOT NULL THEN ARRAY[ST_XMin(box), ST_YMin(box), ST_XMax(box), ST_YMax(box)] END
FROM {source} source, LATERAL (SELECT Box3D(ST_Transform(geom, 4326)) AS box) boxed
WHERE key = %(key)s
