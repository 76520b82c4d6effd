"""The list beside the map: a word is found by index in a large layer; a layer whose names are numbers has no search."""

from typing import Any

import pytest
import shapely
from psycopg import Connection, sql

from geoportal.errors import ProblemError
from geoportal.portal.listing import Wanted, commune_field, count_statement, is_searchable, list_statement, select_page
from layers.catalog import Collection, read_catalog
from layers.editions import publish_edition
from layers.model import Layer
from layers.staging import Record

Conn = Connection[tuple[Any, ...]]
COUNT = 30_000
_WORDS = ("Moulin", "Étang", "Château", "Prairie", "Chaussée", "Île", "Forêt", "Place")


def layer(**changes: Any) -> Layer:
    definition: dict[str, Any] = {
        "id": "lieux-dits",
        "title": "Lieux-dits",
        "description": "Couche d'essai.",
        "theme": "essai",
        "producer": {"name": "Essai"},
        "licence": "etalab-2.0",
        "geometry": "Point",
        "key": "code",
        "label": "nom",
        "fields": [
            {"name": "code", "title": "Code"},
            {"name": "nom", "title": "Nom", "index": True},
            {"name": "numero", "title": "Numéro", "type": "integer"},
            {"name": "code_insee", "title": "Commune", "type": "integer"},
        ],
    }
    return Layer.model_validate(definition | changes)


def publish(conn: Conn, one: Layer, count: int) -> Collection:
    records = (
        Record(
            {"code": f"l{n:06}", "nom": f"{_WORDS[n % 8]} de la {_WORDS[n // 8 % 8]} {n}", "numero": n, "code_insee": 44109},
            shapely.to_wkb(shapely.Point(350_000 + n % 200, 6_690_000 + n // 200)),
        )
        for n in range(count)
    )
    publish_edition(conn, one, records, srid=2154, storage_srid=2154, author="essai")
    return read_catalog(conn).get(one.id)


def index_names(plan: dict[str, Any]) -> set[str]:
    found = {plan["Index Name"]} if "Index Name" in plan else set()
    return found.union(*(index_names(child) for child in plan.get("Plans", ())))


def test_a_word_is_found_by_index(conn: Conn) -> None:
    collection = publish(conn, layer(), COUNT)
    selection = select_page(collection, Wanted("zzz"))
    for query in (list_statement(selection), count_statement(selection)):
        row = conn.execute(sql.SQL("EXPLAIN (FORMAT JSON) ") + query, selection.values.values).fetchone()
        assert row
        assert index_names(row[0][0]["Plan"]) == {"lieux_dits_nom_trgm_idx"}


@pytest.mark.parametrize("text", ["étang de la FORET", "ILE", "e 7", "%", "_", "moulin"])
def test_case_accents_and_wildcards_are_those_of_a_reader(conn: Conn, text: str) -> None:
    collection = publish(conn, layer(), 100)
    names = [f"{_WORDS[n % 8]} de la {_WORDS[n // 8 % 8]} {n}" for n in range(100)]
    selection = select_page(collection, Wanted(text))
    row = conn.execute(count_statement(selection), selection.values.values).fetchone()
    assert row == (sum(_plain(text) in _plain(name) for name in names),)


def _plain(text: str) -> str:
    return text.lower().translate(str.maketrans("éâîêô", "eaieo"))


def test_names_that_are_numbers_are_not_searched(conn: Conn) -> None:
    collection = publish(conn, layer(label="numero"), 3)
    assert not is_searchable(collection.layer)
    with pytest.raises(ProblemError) as caught:
        select_page(collection, Wanted("12"))
    assert (caught.value.status, caught.value.parameter) == (400, "q")


def test_a_commune_known_by_a_number_is_not_offered_as_a_filter(conn: Conn) -> None:
    collection = publish(conn, layer(), 3)
    assert commune_field(collection.layer) is None
    assert select_page(collection, Wanted(commune="44109")).is_everything
