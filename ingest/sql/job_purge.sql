DELETE FROM portail.job WHERE finished_at < now() - make_interval(days => %(days)s)
