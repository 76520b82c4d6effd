-- Columns and rows of the Web Mercator tiles of zoom :zoom met by the extents of the geometries in temp table delta.
-- One row (xs, ys), or nulls when more than :limit tiles are met: the sizes are added up before any tile is listed.
WITH size AS MATERIALIZED (
    SELECT count(*) AS n FROM (SELECT 1 FROM delta LIMIT 2 * %(limit)s + 1) bounded
),
extent AS MATERIALIZED (
    SELECT ST_Transform(ST_SetSRID(g.geom, %(srid)s), 3857) AS geom
    FROM delta CROSS JOIN LATERAL (VALUES (old_geom), (new_geom)) g (geom)
    WHERE NOT ST_IsEmpty(g.geom) AND (SELECT n FROM size) <= 2 * %(limit)s
),
span AS MATERIALIZED (
    SELECT DISTINCT
        greatest(0, floor((ST_XMin(geom) + w.half) / w.tile))::int AS x0, least(w.n - 1, floor((ST_XMax(geom) + w.half) / w.tile))::int AS x1,
        greatest(0, floor((w.half - ST_YMax(geom)) / w.tile))::int AS y0, least(w.n - 1, floor((w.half - ST_YMin(geom)) / w.tile))::int AS y1
    FROM extent, (SELECT 20037508.342789244 AS half, 2 * 20037508.342789244 / (1 << %(zoom)s) AS tile, 1 << %(zoom)s AS n) w
),
work AS MATERIALIZED (
    SELECT coalesce(sum((x1 - x0 + 1)::bigint * (y1 - y0 + 1)), 0) AS n FROM span
),
tile AS MATERIALIZED (
    SELECT DISTINCT x, y
    FROM span, generate_series(x0, x1) x, generate_series(y0, y1) y
    WHERE (SELECT n FROM work) <= 40 * %(limit)s
)
SELECT
    CASE WHEN bound.ok THEN coalesce((SELECT array_agg(x ORDER BY x, y) FROM tile), '{}') END,
    CASE WHEN bound.ok THEN coalesce((SELECT array_agg(y ORDER BY x, y) FROM tile), '{}') END
FROM (
    SELECT (SELECT n FROM size) <= 2 * %(limit)s
        AND (SELECT n FROM work) <= 40 * %(limit)s
        AND (SELECT count(*) FROM tile) <= %(limit)s AS ok
) bound
