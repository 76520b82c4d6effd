SELECT {text} FROM {source} source WHERE key = {key}
