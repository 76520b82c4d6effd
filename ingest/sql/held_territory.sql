-- The département of the communes that this database publishes.
SELECT departement_code FROM data.communes WHERE departement_code IS NOT NULL LIMIT 1
