-- Work that takes time, as people see it: the queue itself is procrastinate's, in schema "jobs".
CREATE TABLE portail.job (
    id uuid PRIMARY KEY,                -- random (version 4): knowing it is the right to follow and to cancel the job
    process text NOT NULL,
    inputs jsonb NOT NULL,
    owner text NOT NULL DEFAULT '',     -- keyed digest of who asked; empty for the command line
    status text NOT NULL DEFAULT 'accepted'
        CHECK (status IN ('accepted', 'running', 'successful', 'failed', 'dismissed')),
    progress integer NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    message text NOT NULL DEFAULT '',
    result jsonb,
    error text,
    attempt integer NOT NULL DEFAULT 0, -- a worker that was thought dead may not overwrite its successor
    queue_id bigint,                    -- the job's number in procrastinate's queue
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX job_created_at_idx ON portail.job (created_at DESC, id);
CREATE INDEX job_owner_idx ON portail.job (owner, created_at DESC, id);

-- The key of the digests above: one per installation, known to nobody.
CREATE TABLE portail.job_key (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    key uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO portail.job_key DEFAULT VALUES;

-- Rasters computed from the layers: published as coverages, followed like the catalogue.
CREATE TABLE portail.raster (
    id text PRIMARY KEY,
    definition jsonb NOT NULL,
    path text NOT NULL,                 -- relative to the data directory
    sources jsonb NOT NULL,             -- layer id → edition number it was computed from
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON portail.raster
    FOR EACH STATEMENT EXECUTE FUNCTION portail.announce();
