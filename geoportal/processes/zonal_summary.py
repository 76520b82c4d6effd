"""« Résumer une couche par commune »: counts, lengths, areas and statistics of a layer's features in each zone.

Measures are made in the storage CRS of the layer (EPSG:2154 in metropolitan France): exact in that projection, whose
scale error is at most about 1 m per km in Loire-Atlantique.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import Connection, sql

from geoportal.processes.base import LAYER_ID, InputError, Json, Output, Process, Progress
from layers import storage
from layers.catalog import Catalog, Collection, UnknownLayerError
from layers.crs import CRS84, CRS84_URI, Box
from layers.model import FieldType
from layers.queries import bbox_condition
from layers.statements import statement

SQL = Path(__file__).resolve().parent / "sql"
MAX_ZONES = 5000
_IDENTIFIER = re.compile(r"[a-z][a-z0-9-]{0,49}")
_NUMERIC = (FieldType.INTEGER, FieldType.NUMBER)
_MEASURES = {0: "", 1: "length_m", 2: "area_m2"}


@dataclass(frozen=True)
class Request:
    """What was asked, read and checked. ``bbox`` is west, south, east, north in degrees."""

    collection: Collection
    zones: Collection
    edition: int
    property: str | None
    bbox: Box | None


def read_inputs(catalog: Catalog, inputs: Mapping[str, Any]) -> Request:
    """Check the inputs against the catalogue; raises InputError with the name of the one at fault."""
    for name in inputs:
        if name not in INPUTS:
            raise InputError(name, f"L'entrée « {name[:60]} » n'existe pas ; entrées acceptées : {', '.join(INPUTS)}.")
    if "collection" not in inputs:
        raise InputError(
            "collection", "L'entrée « collection » manque : donnez l'identifiant d'une couche, par exemple « mairies »."
        )
    collection = _public_layer(catalog, "collection", inputs["collection"])
    zones = _public_layer(catalog, "zones", inputs.get("zones", "communes"))
    if zones.layer.geometry.dimension != 2:
        raise InputError("zones", f"La couche « {zones.id} » n'est pas faite de surfaces : elle ne peut pas servir de zones.")
    if zones.edition.total > MAX_ZONES:
        raise InputError(
            "zones", f"La couche « {zones.id} » compte {zones.edition.total} zones ; {MAX_ZONES} au plus sont acceptées."
        )
    return Request(
        collection,
        zones,
        _edition(collection, inputs.get("edition")),
        _numeric_field(collection, inputs.get("property")),
        read_bbox(inputs.get("bbox")),
    )


def _public_layer(catalog: Catalog, name: str, value: Any) -> Collection:
    """A layer anyone may read; one that is not public is said not to exist."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise InputError(name, f"L'entrée « {name} » attend l'identifiant d'une couche : minuscules, chiffres et tirets.")
    try:
        collection = catalog.get(value)
    except UnknownLayerError as error:
        raise InputError(name, str(error)) from None
    if not collection.is_public:
        raise InputError(name, str(UnknownLayerError(value)))
    return collection


def _edition(collection: Collection, value: Any) -> int:
    current = collection.edition.number
    if value is None:
        return current
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= current:
        raise InputError("edition", f"L'entrée « edition » attend un numéro d'édition de 1 à {current}.")
    return value


def _numeric_field(collection: Collection, value: Any) -> str | None:
    if value is None:
        return None
    names = [field.name for field in collection.layer.public_fields if field.type in _NUMERIC]
    if value not in names:
        accepted = ", ".join(names) or "aucun dans cette couche"
        raise InputError(
            "property", f"L'entrée « property » attend le nom d'un attribut numérique ; attributs possibles : {accepted}."
        )
    return str(value)


def read_bbox(value: Any) -> Box | None:
    """Read ``[west, south, east, north]`` in degrees, or the object ``{"bbox": …, "crs": CRS84}`` of the standard."""
    if value is None:
        return None
    if isinstance(value, dict):
        if value.get("crs", CRS84_URI) != CRS84_URI:
            raise InputError("bbox", f"L'emprise « bbox » n'est acceptée qu'en {CRS84_URI}.")
        value = value.get("bbox")
    sentence = "L'entrée « bbox » attend quatre nombres en degrés : ouest, sud, est, nord."
    if not isinstance(value, list) or len(value) != 4 or not all(_is_number(number) for number in value):
        raise InputError("bbox", sentence)
    west, south, east, north = (float(number) for number in value)
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InputError("bbox", f"{sentence} L'ouest ne dépasse pas l'est, ni le sud le nord.")
    return west, south, east, north


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def summary_statement(request: Request, *, with_geometry: bool) -> sql.Composed:
    """The one statement of a run: rows of (code, nom, count, measure, values, sum, mean, min, max, GeoJSON or null)."""
    features, zones = request.collection, request.zones
    zone_geom: sql.Composable = sql.SQL("z.geom")
    if zones.srid != features.srid:
        zone_geom = sql.SQL("ST_Transform(z.geom, {})").format(sql.Literal(features.srid))
    value = sql.Identifier("f", request.property) if request.property else sql.SQL("NULL")
    return statement(
        "zonal_summary",
        SQL,
        label=sql.Identifier("z", zones.layer.label),
        zone_geom=zone_geom,
        zones=_state(zones, zones.edition.number),
        zone_filter=_inside(request.bbox, zones.srid),
        features=_features(request),
        point=sql.SQL("f.geom" if features.layer.geometry.value == "Point" else "ST_PointOnSurface(f.geom)"),
        measure=sql.SQL(_MEASURE_SQL[features.layer.geometry.dimension]),
        value=sql.SQL("{}::double precision").format(value),
        geojson=sql.SQL("ST_AsGeoJSON(ST_Transform(z.geom, 4326), 6, 0)" if with_geometry else "NULL"),
    )


# The intersection is only computed for what crosses a border.
_MEASURE_SQL = {
    0: "NULL::double precision",
    1: "ST_Length(CASE WHEN ST_Covers(z.geom, f.geom) THEN f.geom ELSE ST_Intersection(z.geom, f.geom) END)",
    2: "ST_Area(CASE WHEN ST_Covers(z.geom, f.geom) THEN f.geom ELSE ST_Intersection(z.geom, f.geom) END)",
}


def _inside(bbox: Box | None, srid: int) -> sql.Composable:
    return bbox_condition(bbox, CRS84, srid) if bbox else sql.SQL("TRUE")


def _state(collection: Collection, number: int) -> sql.Composable:
    """The features of this very edition, even when a newer one is published between the catalogue's reading and the run."""
    return storage.relation(collection.layer, number, storage.UNKNOWN)


def _features(request: Request) -> sql.Composable:
    """The features of the edition asked for, inside the box asked for, as something to select from."""
    collection = request.collection
    source = _state(collection, request.edition)
    if request.bbox is None:
        return source
    return sql.SQL("(SELECT * FROM {} AS b WHERE {})").format(source, _inside(request.bbox, collection.srid))


def summarize(
    conn: Connection[Any], catalog: Catalog, inputs: Mapping[str, Any], outputs: tuple[str, ...], progress: Progress
) -> dict[str, Any]:
    """Run the summary and give the outputs asked for, by name; raises InputError."""
    request = read_inputs(catalog, inputs)
    progress(10, f"Calcul sur {request.collection.edition.total} objets et {request.zones.edition.total} zones.")
    rows = conn.execute(summary_statement(request, with_geometry="zones" in outputs)).fetchall()
    progress(90, "Mise en forme du résultat.")
    lines = [_line(request, row) for row in rows]
    makers = {"table": lambda: _table(request, lines), "zones": lambda: _geojson(lines, rows)}
    return {name: makers[name]() for name in outputs}


def _line(request: Request, row: tuple[Any, ...]) -> Json:
    code, nom, count, measure, *statistics, _geometry = row
    line: Json = {"code": code, "nom": nom, "count": count}
    if name := _MEASURES[request.collection.layer.geometry.dimension]:
        line[name] = round(measure or 0.0, 2)
    if request.property:
        line |= dict(zip(("values", "sum", "mean", "min", "max"), statistics, strict=True))
    return line


def _table(request: Request, lines: list[Json]) -> Json:
    measure = _MEASURES[request.collection.layer.geometry.dimension]
    total: Json = {"count": sum(line["count"] for line in lines)}
    if measure:
        total[measure] = round(sum(line[measure] for line in lines), 2)
    table: Json = {
        "collection": request.collection.id,
        "edition": request.edition,
        "zones": request.zones.id,
        "zonesEdition": request.zones.edition.number,
        "measureCrs": f"http://www.opengis.net/def/crs/EPSG/0/{request.collection.srid}",
        "fictif": request.collection.layer.fictif or request.zones.layer.fictif,
        "rows": lines,
        "total": total,
    }
    if request.property:
        field = request.collection.layer.field(request.property)
        table["property"] = {"name": field.name, "title": field.title, "unit": field.unit}
    if request.bbox:
        table["bbox"] = list(request.bbox)
    return table


def _geojson(lines: list[Json], rows: list[tuple[Any, ...]]) -> Json:
    features = [
        {"type": "Feature", "id": line["code"], "geometry": json.loads(row[-1]), "properties": line}
        for line, row in zip(lines, rows, strict=True)
    ]
    return {"type": "FeatureCollection", "features": features}


_LAYER_ID = {"type": "string", "format": LAYER_ID, "pattern": f"^{_IDENTIFIER.pattern}$"}

INPUTS: dict[str, Json] = {
    "collection": {
        "title": "Couche à résumer",
        "description": "Identifiant d'une couche publique, tel que dans /collections.",
        "schema": _LAYER_ID,
        "minOccurs": 1,
        "maxOccurs": 1,
    },
    "zones": {
        "title": "Couche des zones",
        "description": f"Identifiant d'une couche de surfaces d'au plus {MAX_ZONES} objets ; par défaut les communes.",
        "schema": _LAYER_ID | {"default": "communes"},
        "minOccurs": 0,
        "maxOccurs": 1,
    },
    "property": {
        "title": "Attribut numérique",
        "description": "Attribut dont on veut la somme, la moyenne, le minimum et le maximum par zone.",
        "schema": {"type": "string", "maxLength": 50},
        "minOccurs": 0,
        "maxOccurs": 1,
    },
    "bbox": {
        "title": "Emprise",
        "description": "Ouest, sud, est, nord en degrés : ne comptent que les objets et les zones qui y touchent, entiers.",
        "schema": {
            "oneOf": [
                {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
                {
                    "type": "object",
                    "required": ["bbox"],
                    "properties": {
                        "bbox": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
                        "crs": {"type": "string", "enum": [CRS84_URI]},
                    },
                },
            ]
        },
        "minOccurs": 0,
        "maxOccurs": 1,
    },
    "edition": {
        "title": "Édition",
        "description": "Numéro d'une édition passée de la couche ; par défaut la dernière.",
        "schema": {"type": "integer", "minimum": 1},
        "minOccurs": 0,
        "maxOccurs": 1,
    },
}

_ROW_SCHEMA = {
    "type": "object",
    "required": ["code", "nom", "count"],
    "properties": {
        "code": {"type": "string"},
        "nom": {"type": "string", "nullable": True},
        "count": {"type": "integer"},
        "length_m": {"type": "number"},
        "area_m2": {"type": "number"},
        "values": {"type": "integer"},
        "sum": {"type": "number", "nullable": True},
        "mean": {"type": "number", "nullable": True},
        "min": {"type": "number", "nullable": True},
        "max": {"type": "number", "nullable": True},
    },
}

PROCESS = Process(
    id="zonal-summary",
    title="Résumer une couche par commune",
    description=(
        "Compte les objets d'une couche dans chaque commune (ou dans chaque surface d'une autre couche), avec la longueur des "
        "lignes ou l'aire des surfaces comprises dans la zone et, au choix, les statistiques d'un attribut numérique. "
        "Un objet à cheval sur plusieurs zones est compté une fois, là où tombe son point intérieur ; sa longueur ou son aire "
        "est partagée entre les zones par découpage ; une ligne qui suit une limite compte des deux côtés. "
        "Les mesures sont planes, dans le système de stockage de la couche "
        "(Lambert-93 en métropole), à l'altération de la projection près."
    ),
    version="1.0.0",
    keywords=("statistiques", "communes", "comptage"),
    inputs=INPUTS,
    outputs={
        "table": Output(
            "Tableau par zone",
            "Une ligne par zone et le total.",
            "application/json",
            {
                "type": "object",
                "required": ["collection", "edition", "zones", "rows", "total"],
                "properties": {"rows": {"type": "array", "items": _ROW_SCHEMA}, "total": {"type": "object"}},
            },
        ),
        "zones": Output(
            "Zones avec leurs chiffres",
            "Les zones en GeoJSON (CRS84), chacune avec sa ligne du tableau comme attributs.",
            "application/geo+json",
            {
                "type": "object",
                "required": ["type", "features"],
                "properties": {"type": {"type": "string", "enum": ["FeatureCollection"]}},
            },
        ),
    },
    example={"inputs": {"collection": "mairies", "zones": "communes"}},
    check=read_inputs,
    run=summarize,
)
