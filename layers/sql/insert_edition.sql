INSERT INTO portail.edition AS e (layer_id, number, author, note, restores, source, source_sha256,
    added, changed, removed, unchanged, total, bbox, footprint, report)
VALUES (%(layer_id)s, %(number)s, %(author)s, %(note)s, %(restores)s, %(source)s, %(source_sha256)s,
    %(added)s, %(changed)s, %(removed)s, %(unchanged)s, %(total)s, %(bbox)s, %(footprint)s, %(report)s)
RETURNING e.layer_id, e.number, e.published_at, e.author, e.note, e.restores, e.source, e.source_sha256,
    e.added, e.changed, e.removed, e.unchanged, e.total, e.bbox
