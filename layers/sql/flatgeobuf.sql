-- One batch as a FlatGeobuf file, how many features it holds, and the sort values of the last one.
WITH batch AS MATERIALIZED (
    SELECT * FROM {source} source WHERE {where} ORDER BY {order} LIMIT {limit}
)
SELECT (SELECT ST_AsFlatGeobuf(f, false, 'geom') FROM (SELECT {columns}, {geometry} AS geom FROM batch ORDER BY {order}) f),
       (SELECT count(*) FROM batch),
       (SELECT ARRAY[{marks}] FROM (SELECT *, row_number() OVER (ORDER BY {order}) AS rank FROM batch) b ORDER BY rank DESC LIMIT 1)
