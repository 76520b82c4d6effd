WITH closed AS (
    DELETE FROM {current} c USING delta d WHERE d.key = c.key AND d.op IN ('c', 'r')
    RETURNING {closed_columns}
)
INSERT INTO {history} ({columns}, edition_to) SELECT {columns}, %(number)s FROM closed
