DELETE FROM portail.job WHERE id = %(id)s
