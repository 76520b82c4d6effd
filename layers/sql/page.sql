-- One page. The inner query picks the rows by index; only those are written out.
SELECT {text} AS feature, {marks}
FROM (SELECT * FROM {source} source WHERE {where} ORDER BY {order} LIMIT {limit}) page
ORDER BY {order}
