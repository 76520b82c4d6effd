"""OGC API Tiles: tile matrix sets, tilesets of each layer, TileJSON. The tile itself is in ``tile_endpoint``."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geoportal.conditional import REVALIDATE, not_modified, weak_etag
from geoportal.context import Portal, portal_of
from geoportal.errors import not_found
from geoportal.links import HTML as HTML_TYPE
from geoportal.links import JSON as JSON_TYPE
from geoportal.links import MVT, link
from geoportal.media import HTML, JSON, Media, choose, respond
from geoportal.ogc.operations import choice, operation, parameter
from geoportal.ogc.parameters import reject_unknown
from geoportal.ogc.part import Json, OpenApiFragment, Part
from geoportal.ogc.tile_endpoint import TileEndpoint, match_tile_path
from geoportal.security.access import visible_collection, visible_collections
from layers.catalog import Collection
from layers.crs import CRS84_URI
from layers.model import FieldType
from tiles.grid import CRS_URI, TMS_ID, TMS_URI, bbox_limits, tile_matrix_set
from tiles.store import definition_mark
from tiles.vector import count_name

__all__ = ["PART", "TileEndpoint", "match_tile_path", "tile_template"]

_SPEC = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf"
_CONFORMANCE = tuple(f"{_SPEC}/{name}" for name in ("core", "tileset", "tilesets-list", "geodata-tilesets", "mvt", "oas30"))
_REL_TMS = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
_REL_TMS_LIST = "http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes"
_REL_TILESETS = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
_TILEJSON_TYPE = "application/json"
_TILEJSON = Media("tilejson", _TILEJSON_TYPE)

_JSON_TYPES = {FieldType.INTEGER: "integer", FieldType.NUMBER: "number", FieldType.BOOLEAN: "boolean"}
_TILEJSON_TYPES = {FieldType.INTEGER: "Number", FieldType.NUMBER: "Number", FieldType.BOOLEAN: "Boolean"}
_COUNT_TITLE = "Nombre d'objets représentés, quand ils sont trop petits pour être dessinés un par un"


def tile_template(portal: Portal, collection: Collection, *, short: bool = False) -> str:
    """Address of the tiles; when ``short``, of the current edition as its definition draws it, to be kept for ever.

    Variables as the standard names them, or {z}, {x} and {y} as MapLibre does when ``short``.
    """
    names = ("{z}", "{y}", "{x}") if short else ("{tileMatrix}", "{tileRow}", "{tileCol}")
    query = {"edition": collection.edition.number, "v": definition_mark(collection)} if short else None
    return portal.links.collection(collection.id, "tiles", TMS_ID, *names, query=query)


def tile_matrix_sets_document(portal: Portal) -> Json:
    href = portal.links.ogc("tileMatrixSets")
    one = tile_matrix_set()
    item = {name: one[name] for name in ("id", "title", "uri", "crs")}
    item["links"] = [link(portal.links.ogc("tileMatrixSets", TMS_ID), _REL_TMS, JSON_TYPE, one["title"])]
    return {"links": _both_faces(href), "tileMatrixSets": [item]}


def tileset_document(portal: Portal, collection: Collection) -> Json:
    """Tileset metadata (OGC 17-083r4, clause 7): extent, limits, content, addresses."""
    layer, edition = collection.layer, collection.edition
    href = portal.links.collection(layer.id, "tiles", TMS_ID)
    document: Json = {
        "title": layer.title,
        "description": layer.description,
        "attribution": layer.credit,
        "license": layer.licence.label,
        "dataType": "vector",
        "crs": CRS_URI,
        "tileMatrixSetURI": TMS_URI,
        "layers": [_content(collection)],
        "edition": edition.number,
    }
    if edition.bbox:
        west, south, east, north = edition.bbox
        document["boundingBox"] = {"lowerLeft": [west, south], "upperRight": [east, north], "crs": CRS84_URI}
        zooms = range(layer.tiles.min_zoom, layer.tiles.max_zoom + 1)
        document["tileMatrixSetLimits"] = [_limits(edition.bbox, z) for z in zooms]
        document["centerPoint"] = {"coordinates": [(west + east) / 2, (south + north) / 2], "crs": CRS84_URI}
    document["links"] = [
        *_both_faces(href),
        link(f"{href}?f=tilejson", "describedby", _TILEJSON_TYPE, "TileJSON"),
        link(portal.links.ogc("tileMatrixSets", TMS_ID), _REL_TMS, JSON_TYPE, "Grille"),
        link(portal.links.collection(layer.id), "geodata", JSON_TYPE, layer.title),
        link(tile_template(portal, collection), "item", MVT, "Tuiles vectorielles", templated=True),
    ]
    return document


def tilesets_document(portal: Portal, collection: Collection) -> Json:
    href = portal.links.collection(collection.id, "tiles")
    whole = tileset_document(portal, collection)
    kept = ("title", "dataType", "crs", "tileMatrixSetURI", "boundingBox")
    tileset = {name: whole[name] for name in kept if name in whole}
    tileset["links"] = [
        link(f"{href}/{TMS_ID}", "self", JSON_TYPE, "Description du jeu de tuiles"),
        *(one for one in whole["links"] if one["rel"] in ("item", _REL_TMS, "describedby")),
    ]
    return {"title": f"{collection.layer.title} : les tuiles", "links": _both_faces(href), "tilesets": [tileset]}


def tilejson_document(portal: Portal, collection: Collection) -> Json:
    """TileJSON 3.0.0, with addresses that carry the edition and the mark of the definition."""
    layer, bbox = collection.layer, collection.edition.bbox
    fields = {field.name: f"{_TILEJSON_TYPES.get(field.type, 'String')} : {field.title}" for field in layer.tile_fields}
    vector_layer = {
        "id": layer.id,
        "description": layer.description,
        "minzoom": layer.tiles.min_zoom,
        "maxzoom": layer.tiles.max_zoom,
        "fields": {"key": "String : identifiant", **fields, count_name(collection): f"Number : {_COUNT_TITLE}"},
    }
    document: Json = {
        "tilejson": "3.0.0",
        "name": layer.title,
        "description": layer.description,
        "attribution": layer.credit,
        "version": f"{collection.edition.number}.0.0",
        "scheme": "xyz",
        "tiles": [tile_template(portal, collection, short=True)],
        "minzoom": layer.tiles.min_zoom,
        "maxzoom": layer.tiles.max_zoom,
        "vector_layers": [vector_layer],
    }
    if bbox:
        document["bounds"] = list(bbox)
    return document


def _both_faces(href: str) -> list[Json]:
    return [
        link(href, "self", JSON_TYPE, "Cette page"),
        link(f"{href}?f=html", "alternate", HTML_TYPE, "Cette page à lire"),
    ]


def _content(collection: Collection) -> Json:
    layer = collection.layer
    properties: Json = {"key": {"type": "string", "title": "Identifiant"}}
    for field in layer.tile_fields:
        properties[field.name] = {"type": _JSON_TYPES.get(field.type, "string"), "title": field.title}
    properties[count_name(collection)] = {"type": "integer", "title": _COUNT_TITLE}
    return {
        "id": layer.id,
        "title": layer.title,
        "dataType": "vector",
        "geometryDimension": layer.geometry.dimension,
        "minTileMatrix": str(layer.tiles.min_zoom),
        "maxTileMatrix": str(layer.tiles.max_zoom),
        "propertiesSchema": {"type": "object", "properties": properties},
    }


def _limits(bbox: tuple[float, float, float, float], z: int) -> Json:
    limits = bbox_limits(bbox, z)
    return {
        "tileMatrix": str(z),
        "minTileRow": limits.min_y,
        "maxTileRow": limits.max_y,
        "minTileCol": limits.min_x,
        "maxTileCol": limits.max_x,
    }


async def tile_matrix_sets(request: Request) -> Response:
    """GET /tileMatrixSets"""
    reject_unknown(request, ())
    return respond(request, tile_matrix_sets_document(portal_of(request)), "ogc/tilematrixsets.html")


async def one_tile_matrix_set(request: Request) -> Response:
    """GET /tileMatrixSets/{tileMatrixSetId}"""
    reject_unknown(request, ())
    _check_grid(request)
    return respond(request, tile_matrix_set(), "ogc/tilematrixset.html")


async def tilesets(request: Request) -> Response:
    """GET /collections/{collectionId}/tiles"""
    return _collection_page(request, "ogc/tilesets.html")


async def tileset(request: Request) -> Response:
    """GET /collections/{collectionId}/tiles/{tileMatrixSetId}"""
    return _collection_page(request, "ogc/tileset.html")


def _collection_page(request: Request, template: str) -> Response:
    portal = portal_of(request)
    reject_unknown(request, ())
    collection = visible_collection(request, request.path_params["collectionId"])
    is_one = "tileMatrixSetId" in request.path_params
    if is_one:
        _check_grid(request)
    media = _TILEJSON if is_one and request.query_params.get("f") == _TILEJSON.name else JSON
    etag = weak_etag(collection.version, choose(request, media, HTML).name)
    if response := not_modified(request, etag):
        return response
    build = (tilejson_document if media is _TILEJSON else tileset_document) if is_one else tilesets_document
    headers = {"ETag": etag, "Cache-Control": REVALIDATE}
    return respond(request, build(portal, collection), template, media=media, headers=headers, collection=collection)


def _check_grid(request: Request) -> None:
    if request.path_params["tileMatrixSetId"] != TMS_ID:
        raise not_found(f"Cette grille de tuiles n'existe pas ; grille proposée : {TMS_ID}.")


def _landing_links(portal: Portal) -> list[Json]:
    return [link(portal.links.ogc("tileMatrixSets"), _REL_TMS_LIST, JSON_TYPE, "Grilles de tuiles")]


def _collection_links(portal: Portal, collection: Collection) -> list[Json]:
    href = portal.links.collection(collection.id, "tiles")
    return [link(href, _REL_TILESETS, JSON_TYPE, f"{collection.layer.title} : tuiles vectorielles")]


def _openapi(portal: Portal) -> OpenApiFragment:
    integer = {"type": "integer", "minimum": 0}
    edition = {"type": "integer", "minimum": 1}
    parameters: Json = {
        "tileMatrix": parameter("tileMatrix", "Niveau de zoom.", integer, where="path"),
        "tileRow": parameter("tileRow", "Ligne, du nord au sud.", integer, where="path"),
        "tileCol": parameter("tileCol", "Colonne, d'ouest en est.", integer, where="path"),
        "tileMatrixSetId": parameter("tileMatrixSetId", "Grille de tuiles.", {"type": "string", "enum": [TMS_ID]}, where="path"),
        "tile-edition": parameter("edition", "Numéro d'édition : la tuile montre cet état de la couche.", edition),
        "tile-v": parameter(
            "v",
            "Marque de la définition, telle que la donne le TileJSON : avec « edition », la tuile se garde pour toujours.",
            {"type": "string", "pattern": "^[0-9a-f]{8}$"},
        ),
        "f-tileset": parameter("f", "Format.", choice(["json", "html", "tilejson"], "json")),
    }
    paths: Json = {
        "/tileMatrixSets": operation("getTileMatrixSetsList", "Les grilles de tuiles", "Grilles de tuiles", ["f"]),
        "/tileMatrixSets/{tileMatrixSetId}": operation(
            "getTileMatrixSet", "Une grille de tuiles", "Grilles de tuiles", ["tileMatrixSetId", "f"]
        ),
    }
    for collection in visible_collections(portal):
        paths |= _collection_paths(collection)
    return OpenApiFragment(paths=paths, parameters=parameters, tags=({"name": "Grilles de tuiles"},))


def _collection_paths(collection: Collection) -> Json:
    layer = collection.layer
    base, grid = f"/collections/{layer.id}/tiles", "{tileMatrixSetId}"
    tile = operation(
        f"{layer.id}.collection.vector.getTile",
        f"{layer.title} : une tuile vectorielle",
        layer.title,
        ["tileMatrixSetId", "tileMatrix", "tileRow", "tileCol", "tile-edition", "tile-v"],
    )
    answers = tile["get"]["responses"]
    answers["200"] = {"description": "La tuile.", "content": {MVT: {"schema": {"type": "string", "format": "binary"}}}}
    answers["204"] = {"description": "Rien à dessiner dans cette tuile."}
    return {
        base: operation(f"{layer.id}.collection.vector.getTileSetsList", f"{layer.title} : jeux de tuiles", layer.title, ["f"]),
        f"{base}/{grid}": operation(
            f"{layer.id}.collection.vector.getTileSet",
            f"{layer.title} : description des tuiles",
            layer.title,
            ["tileMatrixSetId", "f-tileset"],
        ),
        f"{base}/{grid}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}": tile,
    }


PART = Part(
    conformance=_CONFORMANCE,
    routes=[
        Route("/tileMatrixSets", tile_matrix_sets, name="tilematrixsets"),
        Route("/tileMatrixSets/{tileMatrixSetId}", one_tile_matrix_set, name="tilematrixset"),
        Route("/collections/{collectionId}/tiles", tilesets, name="tilesets"),
        Route("/collections/{collectionId}/tiles/{tileMatrixSetId}", tileset, name="tileset"),
    ],
    landing_links=_landing_links,
    collection_links=_collection_links,
    openapi=_openapi,
)
