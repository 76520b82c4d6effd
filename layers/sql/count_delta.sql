SELECT count(*) FILTER (WHERE op = 'a'), count(*) FILTER (WHERE op = 'c'), count(*) FILTER (WHERE op = 'r')
FROM delta
