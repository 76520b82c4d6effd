-- One feature as a GeoJSON text, by its key; pgbench has only numbers, the key is made of them.
SELECT '{{"type":"Feature","id":' || to_json(key) || ',"geometry":' || ST_AsGeoJSON(ST_Transform(geom, 4326), 7)
    || ',"properties":' || json_build_object({properties}) || '}}'
FROM {table}
WHERE key = '44' || lpad(:commune::int::text, 3, '0') || '000'
    || chr(65 + :section::int / 26) || chr(65 + :section::int % 26) || lpad(:number::int::text, 4, '0')
