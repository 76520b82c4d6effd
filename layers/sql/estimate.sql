EXPLAIN (FORMAT JSON) SELECT 1 FROM {source} source WHERE {where}
