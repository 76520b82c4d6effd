-- Where to write the name of each surface: one point inside it, in degrees, with the attributes that tiles carry.
SELECT json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(feature), '[]'))::text
FROM (
    SELECT json_build_object(
               'type', 'Feature',
               'geometry', ST_AsGeoJSON(ST_Transform(ST_PointOnSurface(geom), 4326), 5)::json,
               'properties', {properties}::json) AS feature
    FROM {source} source
    WHERE geom IS NOT NULL
    ORDER BY key
) points
