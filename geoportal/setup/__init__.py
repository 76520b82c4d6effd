"""Set-up of one machine: the private PostGIS cluster, the processes that serve, and their diagnosis."""
