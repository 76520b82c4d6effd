"""The bench: our server against raw PostgreSQL, a bare "hello" and ogr2ogr, on the same data, in the same run."""
