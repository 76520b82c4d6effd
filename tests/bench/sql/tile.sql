-- The bare vector tile: full detail, the layer's tile attributes, the envelope transformed rather than the column.
SELECT ST_AsMVT(t, {layer}, 4096, 'geom')
FROM (
    SELECT ST_AsMVTGeom(ST_Transform(geom, 3857), ST_TileEnvelope(:zoom, :x, :y), 4096, 64, true) AS geom, {fields}
    FROM {table}
    WHERE geom && ST_Transform(ST_TileEnvelope(:zoom, :x, :y, margin => 64.0 / 4096), {srid})
) t
