"""Editions: what is published, what it was, what changed; and that nothing half-done is ever public."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection, sql

from config.settings import ROOT, Settings
from layers import cql2
from layers.catalog import UnknownEditionError, read_catalog, read_editions
from layers.checks import RefusedError
from layers.crs import CRS84
from layers.editions import publish_edition, read_changes, rollback
from layers.keyset import Position
from layers.model import Layer
from layers.overviews import KEEP_ALL_UP_TO
from layers.queries import Selection, Values, feature_text, page_statement
from layers.staging import ImportInProgressError, Record, import_lock
from layers.storage import DefinitionChangedError, current_table
from tests.conftest import drop_database, make_database, settings_for
from tests.layer_samples import SQUARES, Content, collection_of, publish_squares, read_state, square_records

Conn = Connection[tuple[Any, ...]]
ONE: Content = {"a": (1, 1), "b": (2, 2), "c": (3, 3)}
TWO: Content = {"b": (2, 2), "c": (30, 3), "d": (4, 4)}

contents = st.dictionaries(st.sampled_from("abcdefgh"), st.tuples(st.integers(-5, 5), st.integers(0, 9)), min_size=1, max_size=8)


def changes(conn: Conn, first: int, second: int) -> dict[str, tuple[str, int, bytes]]:
    query = sql.SQL("SELECT key, change, nombre, ST_AsBinary(geom) FROM ({}) c").format(read_changes(SQUARES, first, second))
    return {key: (change, number, bytes(wkb)) for key, change, number, wkb in conn.execute(query).fetchall()}


def test_first_edition_counts_everything_as_added(conn: Conn) -> None:
    edition = publish_squares(conn, ONE).edition
    assert edition is not None
    assert (edition.number, edition.added, edition.total) == (1, 3, 3)
    assert read_state(conn, SQUARES, 1).keys() == ONE.keys()


def test_next_edition_counts_the_difference(conn: Conn) -> None:
    publish_squares(conn, ONE)
    edition = publish_squares(conn, TWO).edition
    assert edition is not None
    assert (edition.added, edition.changed, edition.removed, edition.unchanged) == (1, 1, 1, 1)


def test_same_import_twice_makes_no_edition_and_announces_nothing(conn: Conn) -> None:
    publish_squares(conn, ONE)
    revision = read_catalog(conn).revision
    assert publish_squares(conn, {key: ONE[key] for key in "cba"}).edition is None
    assert read_catalog(conn).revision == revision
    assert [e.number for e in read_editions(conn, SQUARES.id)] == [1]


def test_a_changed_title_changes_the_catalogue_without_an_edition(conn: Conn) -> None:
    publish_squares(conn, ONE)
    renamed = SQUARES.model_copy(update={"title": "Carrés renommés"})
    outcome = publish_edition(conn, renamed, square_records(ONE), srid=2154, storage_srid=2154, author="essai")
    assert outcome.edition is None
    assert collection_of(conn).layer.title == "Carrés renommés"


def test_the_past_stays_readable(conn: Conn) -> None:
    publish_squares(conn, ONE)
    before = read_state(conn, SQUARES, 1)
    publish_squares(conn, TWO)
    assert read_state(conn, SQUARES, 1) == before
    assert read_state(conn, SQUARES, 2)["c"][0] == 30


def test_rollback_is_a_new_edition_that_restores(conn: Conn) -> None:
    publish_squares(conn, ONE)
    publish_squares(conn, TWO)
    edition = rollback(conn, SQUARES, author="essai")
    assert edition is not None
    assert (edition.number, edition.restores) == (3, 1)
    assert read_state(conn, SQUARES, 3) == read_state(conn, SQUARES, 1)
    assert read_state(conn, SQUARES, 2).keys() == TWO.keys()
    assert changes(conn, 1, 3) == {}


def test_rollback_to_the_public_state_does_nothing(conn: Conn) -> None:
    publish_squares(conn, ONE)
    assert rollback(conn, SQUARES, author="essai", to=1) is None


def test_rollback_to_an_edition_that_never_was(conn: Conn) -> None:
    publish_squares(conn, ONE)
    with pytest.raises(UnknownEditionError):
        rollback(conn, SQUARES, author="essai", to=7)
    with pytest.raises(UnknownEditionError):
        rollback(conn, SQUARES, author="essai")  # the first edition has none before it


def test_a_new_field_keeps_the_past(conn: Conn) -> None:
    publish_squares(conn, ONE)
    wider = Layer.model_validate(
        {
            **SQUARES.model_dump(mode="json"),
            "fields": [*SQUARES.model_dump(mode="json")["fields"], {"name": "neuf", "title": "Neuf"}],
        }
    )
    records = (Record({**record.values, "neuf": "x"}, record.wkb) for record in square_records(ONE))
    outcome = publish_edition(conn, wider, records, srid=2154, storage_srid=2154, author="essai")
    assert outcome.edition is not None
    assert outcome.edition.changed == 3
    assert read_state(conn, wider, 1).keys() == ONE.keys()


@given(history=st.lists(contents, min_size=2, max_size=5), data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_dump_plus_diff_is_the_other_dump(conn: Conn, history: list[Content], data: st.DataObject) -> None:
    """dump(N) + diff(N, M) = dump(M), in both directions, with returns to earlier states in between."""
    for table in ("portail.edition", "portail.layer"):
        conn.execute(f"DELETE FROM {table}")
    for suffix in ("", "_history", "_overview"):
        conn.execute(f"DROP TABLE IF EXISTS data.carres_essai{suffix} CASCADE")
    for content in history:
        publish_squares(conn, content)
    count = collection_of(conn).edition.number
    rollback(conn, SQUARES, author="essai", to=data.draw(st.integers(1, count)))
    count = collection_of(conn).edition.number
    first, second = data.draw(st.integers(1, count)), data.draw(st.integers(1, count))
    state = read_state(conn, SQUARES, first)
    for key, (change, number, wkb) in changes(conn, first, second).items():
        assert (key in state) == (change != "added")
        if change == "removed":
            del state[key]
        else:
            state[key] = (number, wkb)
    assert state == read_state(conn, SQUARES, second)


def test_a_field_that_leaves_the_definition_keeps_its_past(conn: Conn) -> None:
    publish_squares(conn, ONE)
    fields = [one for one in SQUARES.model_dump(mode="json")["fields"] if one["name"] != "part"]
    narrower = Layer.model_validate({**SQUARES.model_dump(mode="json"), "fields": fields})
    publish_edition(conn, narrower, square_records(TWO), srid=2154, storage_srid=2154, author="essai")
    rows = conn.execute("SELECT key, part FROM data.carres_essai_history ORDER BY key").fetchall()
    assert rows
    assert all(part is not None for _, part in rows)


@pytest.mark.parametrize("change", [{"name": "nom", "title": "Nom", "type": "integer"}, None])
def test_a_change_of_type_is_refused_in_one_sentence(conn: Conn, change: dict[str, str] | None) -> None:
    publish_squares(conn, ONE)
    definition = SQUARES.model_dump(mode="json")
    if change:
        definition["fields"] = [change if one["name"] == "nom" else one for one in definition["fields"]]
    else:
        definition["geometry"] = "Point"
    other = Layer.model_validate(definition)
    with pytest.raises(DefinitionChangedError, match="a changé de type"):
        publish_edition(conn, other, square_records(TWO), srid=2154, storage_srid=2154, author="essai")
    assert read_state(conn, SQUARES, 1).keys() == ONE.keys()


def test_a_publication_does_not_keep_readers_waiting(conn: Conn, settings: Settings) -> None:
    """A reader inside a long transaction does not stop a publication, and new readers are answered meanwhile."""
    publish_squares(conn, ONE)
    url = settings.effective_database_url
    with psycopg.connect(url) as export, psycopg.connect(url, autocommit=True, options="-c statement_timeout=2000") as reader:
        export.execute("SELECT count(*) FROM data.carres_essai").fetchone()
        conn.execute("SET statement_timeout = 5000")
        assert publish_squares(conn, TWO).edition is not None
        with conn.transaction():
            publish_squares_inside(conn)
            assert reader.execute("SELECT count(*) FROM data.carres_essai").fetchone() == (3,)
        assert export.execute("SELECT count(*) FROM data.carres_essai_history").fetchone() is not None


def publish_squares_inside(conn: Conn) -> None:
    """Publish in the caller's open transaction: its locks stay until the caller commits."""
    publish_squares(conn, {**TWO, "z": (7, 7)})


def test_an_edition_asked_for_by_number_holds_that_one_even_when_another_follows(conn: Conn) -> None:
    """A process whose catalogue is late must not serve edition 2 under the name of edition 1."""
    publish_squares(conn, ONE)
    late = collection_of(conn)
    publish_squares(conn, TWO)
    pinned = Selection(late, late.edition, pinned=True)
    rows = conn.execute(page_statement(pinned, sql.SQL("key"), 10), pinned.values.values).fetchall()
    assert {row[0] for row in rows} == set(ONE)


# Checks


def test_an_empty_source_is_refused(conn: Conn) -> None:
    with pytest.raises(RefusedError, match="aucun objet"):
        publish_squares(conn, {})
    assert not read_catalog(conn).collections


def test_duplicate_and_missing_keys_are_refused_with_examples(conn: Conn) -> None:
    records = [*square_records(ONE), *square_records({"a": (9, 9)}), Record({"code": None}, None)]
    with pytest.raises(RefusedError) as caught:
        publish_edition(conn, SQUARES, records, srid=2154, storage_srid=2154, author="essai")
    found = {finding.code: finding for finding in caught.value.report.findings}
    assert found["cle-double"].examples == ("a",)
    assert found["cle-absente"].count == 1


def test_a_sudden_loss_is_refused_unless_forced(conn: Conn) -> None:
    careful = SQUARES.model_copy(update={"checks": SQUARES.checks.model_copy(update={"max_loss": 0.2})})
    publish_squares(conn, ONE)
    one = {"a": ONE["a"]}
    with pytest.raises(RefusedError, match="2 objets disparaîtraient sur 3"):
        publish_edition(conn, careful, square_records(one), srid=2154, storage_srid=2154, author="essai")
    assert read_state(conn, SQUARES, 1).keys() == ONE.keys()
    forced = publish_edition(conn, careful, square_records(one), srid=2154, storage_srid=2154, author="essai", force=True)
    assert forced.edition is not None
    assert forced.edition.removed == 2


BOWTIE = shapely.to_wkb(shapely.Polygon([(330000, 6690000), (330100, 6690100), (330100, 6690000), (330000, 6690100)]))


def test_replacing_every_feature_is_a_loss_too(conn: Conn) -> None:
    careful = SQUARES.model_copy(update={"checks": SQUARES.checks.model_copy(update={"max_loss": 0.2})})
    publish_squares(conn, ONE)
    others = {"x": (1, 1), "y": (2, 2), "z": (3, 3)}
    with pytest.raises(RefusedError, match="3 objets disparaîtraient sur 3"):
        publish_edition(conn, careful, square_records(others), srid=2154, storage_srid=2154, author="essai")


def test_an_invalid_geometry_is_refused_or_repaired_with_consent(conn: Conn) -> None:
    record = Record({"code": "x", "nom": "Nœud"}, BOWTIE)
    with pytest.raises(RefusedError, match="invalide"):
        publish_edition(conn, SQUARES, [record], srid=2154, storage_srid=2154, author="essai")
    outcome = publish_edition(conn, SQUARES, [record], srid=2154, storage_srid=2154, author="essai", repair=True)
    assert outcome.edition is not None
    assert conn.execute("SELECT ST_IsValid(geom) FROM data.carres_essai").fetchone() == (True,)


def test_a_refusal_leaves_the_public_edition(conn: Conn) -> None:
    publish_squares(conn, ONE)
    with pytest.raises(RefusedError):
        publish_edition(conn, SQUARES, [Record({"code": "x"}, BOWTIE)], srid=2154, storage_srid=2154, author="essai")
    assert read_state(conn, SQUARES, 1).keys() == ONE.keys()
    assert conn.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'staging'").fetchone() == (0,)


# Concurrency and crashes


def test_two_imports_of_one_layer_do_not_mix(conn: Conn, settings: Settings) -> None:
    with (
        psycopg.connect(settings.effective_database_url, autocommit=True) as other,
        other.cursor() as cur,
        import_lock(cur, SQUARES),
        pytest.raises(ImportInProgressError),
    ):
        publish_squares(conn, ONE)
    assert publish_squares(conn, ONE).edition is not None


_IMPORT = """
import sys
import psycopg
from tests.conftest import drop_database, make_database, settings_for
from tests.layer_samples import publish_squares
with psycopg.connect(sys.argv[1], autocommit=True) as conn:
    print("prêt", flush=True)
    publish_squares(conn, {f"k{i}": (i, i % 50) for i in range(20_000)})
"""


def test_kill_at_random_instants_leaves_the_previous_edition_public(conn: Conn, settings: Settings) -> None:
    """SIGKILL an import at ten random instants: the public state never changes, and the next import succeeds."""
    publish_squares(conn, ONE)
    before = read_state(conn, SQUARES, 1)
    rng = random.Random(44)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    for _ in range(10):
        process = subprocess.Popen(
            [sys.executable, "-c", _IMPORT, settings.effective_database_url], cwd=ROOT, env=env, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "prêt".encode()
        timer = threading.Timer(rng.uniform(0.0, 1.2), process.send_signal, (signal.SIGKILL,))
        timer.start()
        process.wait(30)
        timer.cancel()
        process.stdout.close()
        _until_sessions_end(conn)
        number = collection_of(conn).edition.number
        if number > 1:  # the import was quicker than the signal: take it back and go on
            assert read_state(conn, SQUARES, number).keys() != before.keys()
            rollback(conn, SQUARES, author="essai", to=1)
            number += 1
        assert read_state(conn, SQUARES, number) == before
    assert publish_squares(conn, TWO).edition is not None


def _until_sessions_end(conn: Conn) -> None:
    """Wait until the server has noticed that the killed client is gone, by taking the lock that it held."""
    row = conn.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (f"geoportail:{SQUARES.id}",)).fetchone()
    assert row is not None
    conn.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (f"geoportail:{SQUARES.id}",))


# Plans on a large table


@pytest.fixture(scope="module")
def large(template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conn]:
    name = make_database(template)
    settings = settings_for(name, tmp_path_factory.mktemp("grand"))
    with psycopg.connect(settings.effective_database_url, autocommit=True) as connection:
        publish_squares(connection, {f"k{i:05}": (i, i) for i in range(30_000)})
        yield connection
    drop_database(name)


def plan(conn: Conn, query: sql.Composable, values: dict[str, Any]) -> str:
    return "\n".join(row[0] for row in conn.execute(sql.SQL("EXPLAIN {}").format(query), values).fetchall())


def test_a_bbox_uses_the_spatial_index(large: Conn) -> None:
    collection = collection_of(large)
    selection = Selection(collection, collection.edition, bbox=(-1.95, 47.20, -1.94, 47.22))
    query = page_statement(selection, feature_text(SQUARES.public_fields, CRS84, 2154), 10)
    assert "carres_essai_geom_idx" in plan(large, query, selection.values.values)


def test_a_deep_page_uses_the_key_index(large: Conn) -> None:
    collection = collection_of(large)
    selection = Selection(collection, collection.edition, position=Position(("k25000",)))
    query = page_statement(selection, feature_text(SQUARES.public_fields, CRS84, 2154), 10)
    text = plan(large, query, selection.values.values)
    assert "Index Scan using carres_essai_pkey" in text
    assert "Index Cond: (key > " in text


def test_a_folded_search_uses_its_index(large: Conn) -> None:
    values = Values()
    tree = cql2.parse_text("CASEI(ACCENTI(nom)) = CASEI(ACCENTI('CARRÉ K00012'))")
    where = cql2.compile_filter(tree, SQUARES, CRS84, 2154, values.bind)
    query = sql.SQL("SELECT key FROM {} WHERE {}").format(current_table(SQUARES), where)
    assert "carres_essai_nom_fold_idx" in plan(large, query, values.values)
    assert large.execute(query, values.values).fetchall() == [("k00012",)]


def test_a_layer_that_becomes_large_redraws_every_tile(conn: Conn) -> None:
    """Crossing the number of features up to which all are drawn changes tiles that the difference does not touch."""
    content = {f"k{i:05}": (i, i) for i in range(KEEP_ALL_UP_TO)}
    publish_squares(conn, content)
    publish_squares(conn, {**content, "z": (1, 3)})
    assert collection_of(conn).footprints[2] is None
    publish_squares(conn, {**content, "z": (2, 3)})
    assert collection_of(conn).footprints[3]
