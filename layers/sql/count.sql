SELECT count(*) FROM (SELECT 1 FROM {source} source WHERE {where} {limit}) counted
