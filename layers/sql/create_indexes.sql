ALTER TABLE {current} ADD CONSTRAINT {primary_key} PRIMARY KEY (key);
CREATE INDEX ON {current} USING gist (geom);
CREATE INDEX ON {current} (edition_from);
CREATE INDEX ON {history} (key, edition_from);
CREATE INDEX ON {history} (edition_to);
CREATE INDEX ON {history} USING gist (geom);
