-- Features whose extent meets the touched cells of the finest level; those anchored elsewhere are left out later.
{current} f
JOIN (SELECT DISTINCT n.key
      FROM overview_touched t
      CROSS JOIN LATERAL (SELECT ST_Transform(ST_MakeEnvelope(
          t._cx * {side}, t._cy * {side}, (t._cx + 1) * {side}, (t._cy + 1) * {side}, 3857), {srid}) AS geom) cell
      JOIN {current} n ON n.geom && ST_Expand(cell.geom, (ST_XMax(cell.geom) - ST_XMin(cell.geom)) / 20)
) found ON found.key = f.key
