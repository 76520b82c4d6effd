(_cx, _cy) IN (
    SELECT (b._cx << {block_bits}) + dx, (b._cy << {block_bits}) + dy
    FROM (SELECT DISTINCT _cx >> {block_bits} AS _cx, _cy >> {block_bits} AS _cy FROM overview_touched) b
    CROSS JOIN generate_series(0, {block_side} - 1) dx CROSS JOIN generate_series(0, {block_side} - 1) dy)
