-- How many objects, counted no further than the ceiling.
SELECT count(*) FROM (SELECT 1 FROM {source} source WHERE {where} LIMIT {ceiling}) counted
