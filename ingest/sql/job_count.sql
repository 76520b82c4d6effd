SELECT count(*) FROM portail.job WHERE %(owner)s::text IS NULL OR owner = %(owner)s
