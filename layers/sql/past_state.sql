-- The state of edition N: rows opened by then and not closed by then. Parenthesised, to be selected from.
(SELECT {columns} FROM {current} WHERE edition_from <= {number}
 UNION ALL
 SELECT {columns} FROM {history} WHERE edition_from <= {number} AND edition_to > {number})
