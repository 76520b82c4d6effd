CREATE TEMPORARY TABLE overview_touched_parents ON COMMIT DROP AS
SELECT DISTINCT _cx >> 1 AS _cx, _cy >> 1 AS _cy FROM overview_touched
