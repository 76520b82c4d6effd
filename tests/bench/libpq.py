"""How the reference programs (pgbench, ogr2ogr) reach the database."""

import os

from psycopg.conninfo import conninfo_to_dict

# Every query of the bench is bounded; JIT costs more than it gives on queries this short.
OPTIONS = "-c jit=off -c statement_timeout=120s"
_VARIABLES = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}


def libpq_environment(database_url: str) -> dict[str, str]:
    """The environment with the connection as libpq variables: a password must not show in the list of processes."""
    info = conninfo_to_dict(database_url)
    named = {variable: str(info[key]) for key, variable in _VARIABLES.items() if info.get(key)}
    return {**os.environ, **named, "PGOPTIONS": OPTIONS}
