CREATE TABLE {table} (
    key text COLLATE "C" NOT NULL,
    edition_from integer NOT NULL,
    edition_to integer NOT NULL,
    hash uuid NOT NULL,
    {fields},
    geom {geometry}
)
