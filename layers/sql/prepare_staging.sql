-- From what was read to what will be published: key, fields, geometry in the storage CRS, content hash.
-- The hash is taken on the stored geometry, so that it does not depend on the CRS of the file.
CREATE UNLOGGED TABLE {prepared} AS
SELECT key, {fields}, geom,
       md5(ROW({hashed}, geom::bytea)::text)::uuid AS hash
FROM (SELECT ({key})::text COLLATE "C" AS key, {fields}, {geometry} AS geom FROM {staging}) s
