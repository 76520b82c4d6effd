"""The bench itself works, on a few parcels: figures are not judged here."""

import uuid
from collections.abc import Iterator

import pytest

from config.settings import Settings
from tests.bench.dataset import drop_database, prepare_dataset
from tests.bench.measures import MEASURES
from tests.bench.run import Options, UnknownMeasureError, choose_measures, run_bench

PARCELS = 2000
# One of each kind of reference: pgbench, psycopg, the empty application, ogr2ogr.
CHOSEN = ("publication", "tuile-z14", "objets-100-seul", "tuile-chaude", "page-profonde", "export")


@pytest.fixture
def database() -> Iterator[str]:
    name = f"geoportail_essai_{uuid.uuid4().hex[:12]}"
    yield name
    drop_database(Settings(), name)


def test_the_bench_measures_both_sides_and_leaves_nothing_running(database: str) -> None:
    said: list[str] = []
    options = Options(features=PARCELS, only=CHOSEN, seconds=1, rounds=1, database=database)
    outcome = run_bench(Settings(), options, said.append)
    assert [row.error for row in outcome.rows if row.error] == []
    figures = {row.name: row for row in outcome.rows}
    assert all(row.ours is not None and row.ours >= 0 for row in outcome.rows)
    for name in ("tuile-z14-froide", "tuile-chaude", "objets-100-seul", "page-profonde", "export"):
        assert figures[name].ratio, name
        assert figures[name].target, name
    assert f"{PARCELS} objets" in figures["export"].note
    assert outcome.as_json()["machine"]["coeurs"] >= 1


def test_a_published_dataset_is_used_again(database: str) -> None:
    said: list[str] = []
    assert prepare_dataset(Settings(), 200, database=database, say=said.append).publication_s
    assert prepare_dataset(Settings(), 200, database=database, say=said.append).publication_s is None
    assert prepare_dataset(Settings(), 300, database=database, say=said.append).publication_s


def test_only_takes_a_name_or_its_first_letters() -> None:
    assert [measure.name for measure in choose_measures(["objet"])] == ["objet"]
    assert [measure.name for measure in choose_measures(["tuile-z1"])] == [
        "tuile-z14-froide",
        "tuile-z12-froide",
        "tuile-z10-froide",
    ]
    assert choose_measures([]) == list(MEASURES)
    with pytest.raises(UnknownMeasureError, match="choisissez parmi publication, "):
        choose_measures(["tuilles"])


def test_names_of_measures_are_unique() -> None:
    assert len({measure.name for measure in MEASURES}) == len(MEASURES)
