"""JSON Schemas of a collection: what its features hold, what may filter and sort them."""

from typing import Any

from geoportal.links import Links
from layers.catalog import Collection
from layers.model import FieldType, Geometry, LayerField

Json = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"

TYPES: dict[FieldType, Json] = {
    FieldType.TEXT: {"type": "string"},
    FieldType.INTEGER: {"type": "integer"},
    FieldType.NUMBER: {"type": "number"},
    FieldType.BOOLEAN: {"type": "boolean"},
    FieldType.DATE: {"type": "string", "format": "date"},
    FieldType.TIMESTAMP: {"type": "string", "format": "date-time"},
    FieldType.JSON: {},
}
_GEOMETRIES = {
    Geometry.POINT: "geometry-point",
    Geometry.MULTI_POINT: "geometry-multipoint",
    Geometry.MULTI_LINE: "geometry-multilinestring",
    Geometry.MULTI_POLYGON: "geometry-multipolygon",
}


def field_schema(field: LayerField) -> Json:
    """Schema of one attribute, with its French label and its unit."""
    out: Json = {"title": field.title, **TYPES[field.type]}
    if field.description:
        out["description"] = field.description
    if field.unit:
        out["x-ogc-unit"] = field.unit
    if field.values:
        out["oneOf"] = [{"const": value, "title": label} for value, label in field.values.items()]
    return out


def _schema(links: Links, collection: Collection, name: str, title: str, properties: Json) -> Json:
    return {
        "$schema": DIALECT,
        "$id": links.collection(collection.id, name),
        "type": "object",
        "title": f"{collection.layer.title} : {title}",
        "properties": properties,
        "additionalProperties": False,
    }


def _geometry(collection: Collection) -> Json:
    return {"title": "Géométrie", "format": _GEOMETRIES[collection.layer.geometry]}


def schema(links: Links, collection: Collection) -> Json:
    """What a feature holds (OGC API Features, part 5)."""
    layer = collection.layer
    properties: Json = {}
    for rank, field in enumerate(layer.public_fields, start=1):
        properties[field.name] = {**field_schema(field), "x-ogc-propertySeq": rank}
        if field.name == layer.key:
            properties[field.name]["x-ogc-role"] = "id"
        if field.name == layer.datetime:
            properties[field.name]["x-ogc-role"] = "primary-instant"
    properties["geometry"] = {**_geometry(collection), "x-ogc-role": "primary-geometry"}
    return _schema(links, collection, "schema", "schéma", properties)


def queryables(links: Links, collection: Collection) -> Json:
    """What a filter may name (OGC API Features, part 3)."""
    properties = {f.name: field_schema(f) for f in collection.layer.public_fields if f.type is not FieldType.JSON}
    return _schema(links, collection, "queryables", "attributs de filtre", {**properties, "geometry": _geometry(collection)})


def sortables(links: Links, collection: Collection) -> Json:
    """What ``sortby`` may name."""
    properties = {f.name: field_schema(f) for f in collection.layer.public_fields if f.type is not FieldType.JSON}
    return _schema(links, collection, "sortables", "attributs de tri", properties)
