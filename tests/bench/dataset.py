"""The database of the bench: its own, filled once through the product's own publication, then used again."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from config.settings import Settings
from layers.catalog import read_catalog
from layers.editions import publish_edition
from layers.migrations import MigrationChangedError, migrate
from layers.model import Layer
from tests.bench.parcels import SRID, Cadastre

DATABASE = "geoportail_bench"
LAYER = Layer.model_validate(
    {
        "id": "banc-parcelles",
        "title": "Parcelles du banc d'essai",
        "description": "Parcelles inventées, pour mesurer la vitesse du portail.",
        "theme": "Banc d'essai",
        "producer": {"name": "Banc d'essai du géoportail"},
        "licence": "etalab-2.0",
        "geometry": "MultiPolygon",
        "key": "id",
        "label": "id",
        "fictif": True,
        "tiles": {"min_zoom": 0, "max_zoom": 16},
        "fields": [
            {"name": "id", "title": "Identifiant", "tiles": True},
            {"name": "commune", "title": "Commune", "tiles": True},
            {"name": "section", "title": "Section", "tiles": True},
            {"name": "numero", "title": "Numéro", "type": "integer", "tiles": True},
            {"name": "contenance", "title": "Contenance", "type": "integer", "unit": "m²", "tiles": True},
            {"name": "arpente", "title": "Arpentée", "type": "boolean"},
            {"name": "created", "title": "Créée le", "type": "date"},
        ],
    }
)

Say = Callable[[str], None]


class DatabaseUnavailableError(RuntimeError):
    """The PostgreSQL server does not answer, or does not let a database be made."""


@dataclass(frozen=True)
class Dataset:
    """What is published: its database, its parcels, and the seconds that publication took (None when it was there)."""

    database_url: str
    cadastre: Cadastre
    publication_s: float | None


def prepare_dataset(
    settings: Settings, count: int, *, database: str = DATABASE, reset: bool = False, say: Say = print
) -> Dataset:
    """Make sure that ``count`` parcels are published in ``database``, on the server of ``settings``.

    A database that already holds as many is used as it is; with ``reset``, or when the number differs, it is made anew.
    Raises DatabaseUnavailableError.
    """
    cadastre = Cadastre(count)
    url = database_url(settings, database)
    if not reset and _published(url) == count:
        say(f"Jeu de {count} parcelles déjà publié dans la base {database}.")
        return Dataset(url, cadastre, None)
    drop_database(settings, database)
    _administer(settings, sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(database)))
    say(f"Publication de {count} parcelles dans la base {database}…")
    start = time.perf_counter()
    with psycopg.connect(url, autocommit=True) as conn:
        migrate(conn)
        publish_edition(conn, LAYER, cadastre, srid=SRID, storage_srid=SRID, author="banc d'essai", force=True)
        seconds = time.perf_counter() - start
        # Autovacuum would do it in the middle of a measure.
        conn.execute("VACUUM (ANALYZE)")
        conn.execute("CHECKPOINT")
    return Dataset(url, cadastre, seconds)


def database_url(settings: Settings, database: str) -> str:
    """The address of ``database`` on the server of ``settings``."""
    return make_conninfo(settings.effective_database_url, dbname=database)


def drop_database(settings: Settings, database: str) -> None:
    """Forget the database; nothing happens when it is absent. Raises DatabaseUnavailableError."""
    _administer(settings, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def _administer(settings: Settings, statement: sql.Composed) -> None:
    try:
        with psycopg.connect(settings.effective_database_url, autocommit=True) as conn:
            conn.execute(statement)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailableError(
            "PostgreSQL ne répond pas : lancez ./portail up, ou donnez GEOPORTAL_DATABASE_URL."
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseUnavailableError(
            "Ce compte ne peut pas créer de base : donnez dans GEOPORTAL_DATABASE_URL un compte qui le peut."
        ) from error


def _published(url: str) -> int | None:
    """Number of parcels already published by the code of now, or None."""
    try:
        with psycopg.connect(url, autocommit=True) as conn:
            if migrate(conn):
                return None
            found = read_catalog(conn).collections.get(LAYER.id)
    except (psycopg.OperationalError, MigrationChangedError):
        return None
    return found.edition.total if found and found.layer == LAYER else None
