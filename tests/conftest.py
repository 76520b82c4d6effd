"""Real PostGIS for every test: one database made from a template per test, and one portal served for the session."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo

from config.settings import ROOT, Settings
from ingest.demo import load_territory
from layers.migrations import migrate
from tests.archive import give_archive
from tests.serving import serve


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="écrire à nouveau les documents de référence (tests/data/golden)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright keeps an event loop running, under which no other may be started."""
    items.sort(key=lambda item: "tests/browser/" in item.path.as_posix())


def _admin_url() -> str:
    """The server on which test databases are made: GEOPORTAL_DATABASE_URL, or the private cluster."""
    return Settings().effective_database_url


def _database_url(name: str) -> str:
    return make_conninfo(_admin_url(), dbname=name)


def _execute(statement: sql.Composed) -> None:
    with psycopg.connect(_admin_url(), autocommit=True) as conn:
        conn.execute(statement)


def make_database(template: str | None = None) -> str:
    """Create a database of a name never used before; return the name."""
    name = f"geoportail_essai_{uuid.uuid4().hex[:12]}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}" if template else "CREATE DATABASE {} TEMPLATE template0")
    _execute(create.format(sql.Identifier(name), sql.Identifier(template or "template0")))
    return name


def drop_database(name: str) -> None:
    _execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def settings_for(name: str, data_dir: Path, **values: Any) -> Settings:
    return Settings(database_url=_database_url(name), data_dir=data_dir, **values)


@pytest.fixture(scope="session")
def template() -> Iterator[str]:
    """Name of a migrated database that nobody connects to."""
    name = make_database()
    with psycopg.connect(_database_url(name), autocommit=True) as conn:
        migrate(conn)
    yield name
    drop_database(name)


@pytest.fixture
def settings(template: str, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a fresh, migrated, empty database."""
    name = make_database(template)
    yield settings_for(name, tmp_path)
    drop_database(name)


@pytest.fixture
def conn(settings: Settings) -> Iterator[Connection[tuple[Any, ...]]]:
    """Autocommit connection to the database of ``settings``."""
    with psycopg.connect(settings.effective_database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def territory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a database that holds the start-up territory. Shared by the session: read only."""
    name = make_database()
    settings = settings_for(name, tmp_path_factory.mktemp("portail"))
    with psycopg.connect(settings.effective_database_url, autocommit=True) as conn:
        migrate(conn)
    give_archive(settings)
    load_territory(settings, say=lambda _: None, progress=lambda *_: None)
    yield settings
    drop_database(name)


@pytest.fixture(scope="session")
def server(territory: Settings) -> Iterator[str]:
    """Base URL of a real portal (two web processes) that serves the start-up territory."""
    with serve(territory) as url:
        yield url


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real files; absent on a user's machine, present in CI."""
    folder = Settings().shared_data
    if folder is None or not folder.is_dir():
        pytest.skip("fichiers réels absents : donnez leur dossier dans GEOPORTAL_SHARED_DATA")
    return folder


@pytest.fixture
def python_environment() -> dict[str, str]:
    """Environment for a subprocess that runs our code."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def run_python(settings: Settings, *args: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run ``python -m geoportal …`` against the database of ``settings``."""
    env = {
        **os.environ,
        "GEOPORTAL_DATABASE_URL": settings.effective_database_url,
        "GEOPORTAL_DATA_DIR": str(settings.data_dir),
    }
    return subprocess.run(
        [sys.executable, "-m", "geoportal", *args],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
