-- One row per zone. The loop goes zone by zone, so that the index on the features' geometry serves and the zone is
-- prepared once for all the tests made against it.
-- A feature is counted in the zone that holds its point on surface; when that point lies exactly on the border of
-- several zones, in the first of them by code.
WITH zone AS MATERIALIZED (
    SELECT key AS code, {label} AS nom, {zone_geom} AS geom
    FROM {zones} AS z
    WHERE {zone_filter}
)
SELECT z.code, z.nom,
       coalesce(s.n, 0), s.measure, s.stat_count, s.stat_sum, s.stat_mean, s.stat_min, s.stat_max,
       {geojson}
FROM zone AS z
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE m.is_inside) AS n,
           sum(m.measure) AS measure,
           count(m.value) FILTER (WHERE m.is_inside) AS stat_count,
           sum(m.value) FILTER (WHERE m.is_inside) AS stat_sum,
           avg(m.value) FILTER (WHERE m.is_inside) AS stat_mean,
           min(m.value) FILTER (WHERE m.is_inside) AS stat_min,
           max(m.value) FILTER (WHERE m.is_inside) AS stat_max
    FROM (
        SELECT {measure} AS measure, {value} AS value,
               ST_Contains(z.geom, p.point) OR (
                   ST_Intersects(z.geom, p.point) AND NOT EXISTS (
                       SELECT FROM zone AS o
                       WHERE o.code < z.code AND o.geom && p.point AND ST_Intersects(o.geom, p.point)
                   )
               ) AS is_inside
        FROM {features} AS f
        CROSS JOIN LATERAL (SELECT {point} AS point) AS p
        WHERE f.geom && z.geom AND ST_Intersects(z.geom, f.geom)
    ) AS m
) AS s ON true
ORDER BY z.code
