-- Only a real change touches the row, so that an import without change leaves the revision alone.
INSERT INTO portail.layer AS l (id, definition, style, srid, position)
VALUES (%(id)s, %(definition)s, %(style)s, %(srid)s, %(position)s)
ON CONFLICT (id) DO UPDATE
SET definition = excluded.definition, style = excluded.style, position = excluded.position, withdrawn_at = NULL
WHERE (l.definition, l.style, l.position) IS DISTINCT FROM (excluded.definition, excluded.style, excluded.position)
   OR l.withdrawn_at IS NOT NULL
