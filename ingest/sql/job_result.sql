SELECT result FROM portail.job WHERE id = %(id)s AND status = 'successful'
