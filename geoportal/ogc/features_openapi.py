"""The OpenAPI paths of the features."""

from geoportal.context import Portal
from geoportal.links import GEOJSON, SCHEMA
from geoportal.ogc.operations import choice, list_parameter, operation, parameter
from geoportal.ogc.part import Json, OpenApiFragment
from geoportal.ogc.schemas import TYPES
from geoportal.security.access import visible_collections
from layers.catalog import Collection
from layers.crs import CRS84_URI, offered
from layers.model import FieldType

_ITEMS = ("limit", "bbox", "bbox-crs", "crs", "datetime", "edition", "filter", "filter-lang", "filter-crs", "token", "f-items")
_OTHERS = {"properties", "sortby", "f"}
_STREAMS = ("application/geo+json-seq", "text/csv", "application/flatgeobuf")


def _shared_parameters(portal: Portal) -> Json:
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
        parameter("limit", "Nombre d'objets par page.", limit),
        parameter("bbox", "Emprise : les objets qui la touchent.", box, style="form", explode=False),
        parameter("bbox-crs", "Système de coordonnées de bbox.", crs),
        parameter("crs", "Système de coordonnées des géométries rendues.", crs),
        parameter("datetime", "Instant ou intervalle début/fin (RFC 3339), « .. » pour une borne ouverte.", text),
        parameter("edition", "Numéro d'édition, ou instant : les données telles qu'elles étaient alors.", text),
        parameter("filter", "Filtre CQL2, par exemple : population > 5000.", text),
        parameter("filter-lang", "Langue du filtre.", choice(["cql2-text", "cql2-json"], "cql2-text")),
        parameter("filter-crs", "Système de coordonnées des géométries du filtre.", crs),
        parameter("token", "Repère de page, pris dans un lien next ou prev.", text),
        parameter("f", "Format.", choice(["json", "html"], "json")),
        parameter("featureId", "Identifiant de l'objet.", text, where="path"),
    ]
    formats = choice(["json", "html", "geojsonseq", "csv", "fgb"], "json")
    return {one["name"]: one for one in listed} | {"f-items": parameter("f", "Format.", formats)}


def _collection_paths(collection: Collection) -> Json:
    layer = collection.layer
    fields = layer.public_fields
    simple = [field for field in fields if field.type is not FieldType.JSON]
    sortable = [sign + field.name for field in simple for sign in ("", "-", "+")]
    items: list[str | Json] = [
        *_ITEMS,
        list_parameter("properties", "Attributs rendus.", [field.name for field in fields]),
        list_parameter("sortby", "Attributs de tri, précédés de - pour l'ordre décroissant.", sortable),
        *(
            parameter(field.name, f"Égal à cette valeur : {field.title}.", TYPES[field.type])
            for field in simple
            if field.name not in {*_ITEMS, *_OTHERS}
        ),
    ]
    base, tag = f"/collections/{layer.id}", layer.title
    paths: Json = {
        f"{base}/items": operation(f"{layer.id}.items", f"{tag} : les objets", tag, items, GEOJSON, *_STREAMS),
        f"{base}/items/{{featureId}}": operation(
            f"{layer.id}.item", f"{tag} : un objet", tag, ["featureId", "crs", "edition", "f"], GEOJSON
        ),
    }
    for name, summary in (("queryables", "attributs de filtre"), ("sortables", "attributs de tri"), ("schema", "schéma")):
        paths[f"{base}/{name}"] = operation(f"{layer.id}.{name}", f"{tag} : {summary}", tag, ["f"], SCHEMA)
    return paths


def openapi(portal: Portal) -> OpenApiFragment:
    """Paths of every public collection, each with its own attributes."""
    paths: Json = {}
    tags = []
    for collection in visible_collections(portal):
        paths |= _collection_paths(collection)
        tags.append({"name": collection.layer.title, "description": collection.layer.description})
    return OpenApiFragment(paths=paths, parameters=_shared_parameters(portal), tags=tuple(tags))
