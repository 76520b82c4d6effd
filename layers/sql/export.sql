SELECT {columns} FROM {source} source WHERE {where} ORDER BY {order} {limit}
