-- The catalogue: layers, their editions, and the one revision number that every process follows.
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE SCHEMA IF NOT EXISTS portail;
CREATE SCHEMA IF NOT EXISTS data;

CREATE SEQUENCE portail.revision;

CREATE TABLE portail.layer (
    id text PRIMARY KEY,
    definition jsonb NOT NULL,
    style jsonb NOT NULL DEFAULT '{}',
    srid integer NOT NULL,
    position integer NOT NULL DEFAULT 1000,
    current_edition integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    withdrawn_at timestamptz
);

CREATE TABLE portail.edition (
    layer_id text NOT NULL REFERENCES portail.layer (id),
    number integer NOT NULL CHECK (number > 0),
    published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    author text NOT NULL,
    note text NOT NULL DEFAULT '',
    restores integer,              -- the edition whose state this one restores, for a rollback
    source text NOT NULL DEFAULT '',
    source_sha256 text NOT NULL DEFAULT '',
    added integer NOT NULL,
    changed integer NOT NULL,
    removed integer NOT NULL,
    unchanged integer NOT NULL,
    total integer NOT NULL,
    bbox double precision[],       -- west, south, east, north in CRS84; null when the layer is empty
    footprint bigint[],            -- z14 tiles touched, z-order codes; null means any tile
    report jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (layer_id, number),
    CHECK (total = added + changed + unchanged)
);

-- A text without accents and in lower case. unaccent() alone is only STABLE, since its dictionary could change;
-- naming the dictionary makes the result fixed, so that it can be indexed and compared.
CREATE FUNCTION portail.fold(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN lower(public.unaccent('public.unaccent'::regdictionary, value));

CREATE FUNCTION portail.strip_accents(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN public.unaccent('public.unaccent'::regdictionary, value);

CREATE FUNCTION portail.announce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('portail_revision', nextval('portail.revision')::text);
    RETURN NULL;
END $$;

-- For each row, not each statement: an import that changes nothing must announce nothing.
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON portail.layer
    FOR EACH ROW EXECUTE FUNCTION portail.announce();
