-- The last row of a page, and the one after it when there is one.
SELECT {marks} FROM {source} source WHERE {where} ORDER BY {order} OFFSET {offset} LIMIT 2
