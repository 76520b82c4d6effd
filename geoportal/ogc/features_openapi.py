"""The OpenAPI paths of the features."""

from typing import Any

from geoportal.context import Portal
from geoportal.ogc.part import Json, OpenApiFragment
from geoportal.security.access import visible_collections
from layers.catalog import Collection
from layers.crs import CRS84_URI, offered
from layers.model import FieldType, LayerField

_GEOJSON = "application/geo+json"


def _parameter(name: str, description: str, schema: Json, *, where: str = "query", **more: Any) -> Json:
    return {"name": name, "in": where, "description": description, "schema": schema, "required": where == "path", **more}


def _answers(description: str, *types: str) -> Json:
    content = {media: {"schema": {"type": "object"}} if "json" in media else {"schema": {"type": "string"}} for media in types}
    return {"200": {"description": description, "content": content}, **PROBLEMS}


PROBLEMS: Json = {
    "304": {"description": "La version que vous avez est encore la bonne."},
    "400": {"$ref": "#/components/responses/BadRequest"},
    "404": {"$ref": "#/components/responses/NotFound"},
    "406": {"$ref": "#/components/responses/NotAcceptable"},
    "503": {"$ref": "#/components/responses/Unavailable"},
}

_FIELD_SCHEMAS: dict[FieldType, Json] = {
    FieldType.TEXT: {"type": "string"},
    FieldType.INTEGER: {"type": "integer"},
    FieldType.NUMBER: {"type": "number"},
    FieldType.BOOLEAN: {"type": "boolean"},
    FieldType.DATE: {"type": "string", "format": "date"},
    FieldType.TIMESTAMP: {"type": "string", "format": "date-time"},
}


def _choice(values: list[str], default: str) -> Json:
    return {"type": "string", "enum": values, "default": default}


def _common_parameters(portal: Portal) -> Json:
    settings = portal.settings
    uris = [crs.uri for crs in offered(settings.territory_info.srids)]
    crs = {"type": "string", "format": "uri", "enum": uris, "default": CRS84_URI}
    text = {"type": "string"}
    limit = {"type": "integer", "minimum": 1, "maximum": settings.max_items, "default": 10}
    box = {
        "type": "array",
        "items": {"type": "number"},
        "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
    }
    listed = [
        _parameter("limit", "Nombre d'objets par page.", limit),
        _parameter("bbox", "Emprise : les objets qui la touchent.", box, style="form", explode=False),
        _parameter("bbox-crs", "Système de coordonnées de bbox.", crs),
        _parameter("crs", "Système de coordonnées des géométries rendues.", crs),
        _parameter("datetime", "Instant ou intervalle début/fin (RFC 3339), « .. » pour une borne ouverte.", text),
        _parameter("edition", "Numéro d'édition, ou instant : les données telles qu'elles étaient alors.", text),
        _parameter("filter", "Filtre CQL2, par exemple : population > 5000.", text),
        _parameter("filter-lang", "Langue du filtre.", _choice(["cql2-text", "cql2-json"], "cql2-text")),
        _parameter("filter-crs", "Système de coordonnées des géométries du filtre.", crs),
        _parameter("token", "Repère de page, pris dans un lien next ou prev.", text),
        _parameter("f", "Format.", _choice(["json", "html"], "json")),
        _parameter("featureId", "Identifiant de l'objet.", text, where="path"),
    ]
    formats = _choice(["json", "html", "geojsonseq", "csv", "fgb"], "json")
    return {one["name"]: one for one in listed} | {"f-items": _parameter("f", "Format.", formats)}


def _list_parameter(name: str, description: str, values: list[str]) -> Json:
    schema = {"type": "array", "items": {"type": "string", "enum": values}, "minItems": 1}
    return _parameter(name, description, schema, style="form", explode=False)


def _field_parameter(field: LayerField) -> Json:
    return _parameter(field.name, f"Égal à cette valeur : {field.title}.", _FIELD_SCHEMAS[field.type])


_SHARED = ("limit", "bbox", "bbox-crs", "crs", "datetime", "edition", "filter", "filter-lang", "filter-crs", "token", "f-items")


def reference(name: str) -> Json:
    """A reference to a shared parameter."""
    return {"$ref": f"#/components/parameters/{name}"}


def _collection_paths(collection: Collection) -> Json:
    layer = collection.layer
    fields = layer.public_fields
    simple = [field for field in fields if field.type is not FieldType.JSON]
    sortable = [sign + field.name for field in simple for sign in ("", "-", "+")]
    taken = {*_SHARED, "properties", "sortby", "f"}
    parameters = [
        *(reference(name) for name in _SHARED),
        _list_parameter("properties", "Attributs rendus.", [field.name for field in fields]),
        _list_parameter("sortby", "Attributs de tri, précédés de - pour l'ordre décroissant.", sortable),
        *(_field_parameter(field) for field in simple if field.name not in taken),
    ]
    base = f"/collections/{layer.id}"
    tag = {"tags": [layer.title]}
    page = _answers("Une page d'objets.", _GEOJSON, "text/html", "application/geo+json-seq", "text/csv", "application/flatgeobuf")
    paths: Json = {
        f"{base}/items": {
            "get": {
                "operationId": f"{layer.id}.items",
                "summary": f"{layer.title} : les objets",
                "parameters": parameters,
                "responses": page,
                **tag,
            }
        },
        f"{base}/items/{{featureId}}": {
            "get": {
                "operationId": f"{layer.id}.item",
                "summary": f"{layer.title} : un objet",
                "parameters": [reference("featureId"), reference("crs"), reference("edition"), reference("f")],
                "responses": _answers("L'objet.", _GEOJSON, "text/html"),
                **tag,
            }
        },
    }
    for name, summary in (("queryables", "attributs de filtre"), ("sortables", "attributs de tri"), ("schema", "schéma")):
        paths[f"{base}/{name}"] = {
            "get": {
                "operationId": f"{layer.id}.{name}",
                "summary": f"{layer.title} : {summary}",
                "parameters": [reference("f")],
                "responses": _answers("Un schéma JSON.", "application/schema+json", "text/html"),
                **tag,
            }
        }
    return paths


def openapi(portal: Portal) -> OpenApiFragment:
    """Paths of every public collection, each with its own attributes."""
    paths: Json = {}
    tags = []
    for collection in visible_collections(portal):
        paths |= _collection_paths(collection)
        tags.append({"name": collection.layer.title, "description": collection.layer.description})
    return OpenApiFragment(paths=paths, parameters=_common_parameters(portal), tags=tuple(tags))
