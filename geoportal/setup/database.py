"""The database of the portal: created when it is private, examined when it is somebody else's."""

from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from config.settings import Settings
from geoportal.setup.cluster import ROLE
from geoportal.setup.errors import SetupError
from geoportal.setup.postgres import MINIMUM_MAJOR, install_command

EXTENSIONS = ("postgis", "unaccent", "pg_trgm")


def create_private_database(settings: Settings) -> bool:
    """Create the database of the private cluster; False when it is there already."""
    server = make_conninfo(settings.effective_database_url, dbname="postgres")
    with psycopg.connect(server, autocommit=True) as conn:
        if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (ROLE,)).fetchone():
            return False
        conn.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(ROLE), sql.Identifier(ROLE)))
        return True


def check_server(conn: Connection[tuple[Any, ...]]) -> None:
    """Verify version and extensions of the server. Raises SetupError with what its administrator must do."""
    major = conn.info.server_version // 10_000
    if major < MINIMUM_MAJOR:
        raise SetupError(
            f"Le serveur PostgreSQL est en version {major} : il faut la version {MINIMUM_MAJOR} ou une plus récente.",
            "Mettez-le à niveau, ou donnez une autre base dans GEOPORTAL_DATABASE_URL.",
        )
    available = {name for (name,) in conn.execute("SELECT name FROM pg_available_extensions")}
    missing = [name for name in EXTENSIONS if name not in available]
    if missing:
        raise SetupError(
            f"Il manque au serveur PostgreSQL {major} : {', '.join(missing)}.", f"Sur sa machine : {install_command(major)}"
        )


def postgis_version(conn: Connection[tuple[Any, ...]]) -> str | None:
    """Version of PostGIS in this database, None when the extension is not created."""
    row = conn.execute("SELECT extversion FROM pg_extension WHERE extname = 'postgis'").fetchone()
    return row[0] if row else None


def describe_server(url: str) -> str:
    """Where a database is, in words, without its password."""
    info = conninfo_to_dict(url)
    host = info.get("host") or info.get("hostaddr") or "socket local"
    return f"{info.get('dbname') or info.get('user') or 'base par défaut'} sur {host}"
