-- Keys compare byte by byte: the same order everywhere, and the quickest. hash is the md5 of the content.
CREATE TABLE {table} (
    key text COLLATE "C" NOT NULL,
    edition_from integer NOT NULL,
    hash uuid NOT NULL,
    {fields},
    geom {geometry}
)
