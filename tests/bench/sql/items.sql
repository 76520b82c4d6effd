-- The whole answer in one statement: the first features of a window in the order of their keys, as a FeatureCollection.
SELECT '{{"type":"FeatureCollection","features":[' || string_agg(
    '{{"type":"Feature","id":' || to_json(key) || ',"geometry":' || ST_AsGeoJSON(ST_Transform(geom, 4326), 7)
    || ',"properties":' || json_build_object({properties}) || '}}', ',') || ']}}'
FROM (
    SELECT *
    FROM {table}
    WHERE ST_Intersects(geom, ST_Transform(ST_MakeEnvelope(:west, :south, :east, :north, 4326), {srid}))
    ORDER BY key
    LIMIT {limit}
) t
