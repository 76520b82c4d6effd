"""OGC API Styles: one MapLibre style per layer, and ``territoire``, which puts all of them on one map."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geoportal.conditional import REVALIDATE, not_modified, weak_etag
from geoportal.context import Portal, portal_of
from geoportal.errors import not_found
from geoportal.links import HTML as HTML_TYPE
from geoportal.links import JSON as JSON_TYPE
from geoportal.links import link
from geoportal.media import HTML, JSON, Media, choose, respond
from geoportal.ogc.operations import choice, operation, parameter
from geoportal.ogc.parameters import reject_unknown
from geoportal.ogc.part import Json, OpenApiFragment, Part
from geoportal.ogc.tiles import tile_template
from geoportal.security.access import visible_collection, visible_collections
from layers.catalog import Collection
from layers.model import Geometry
from tiles.grid import TMS_ID

ALL_ID = "territoire"
STYLE_TYPE = "application/vnd.mapbox.style+json"
_STYLE = Media("mapbox", STYLE_TYPE, ("application/json",))
# The standard is a draft (OGC 20-009); these are its two classes that are passed.
_CONFORMANCE = (
    "http://www.opengis.net/spec/ogcapi-styles-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-styles-1/1.0/conf/mapbox-styles",
)
_REL_STYLES = "http://www.opengis.net/def/rel/ogc/1.0/styles"
_INK = "#2f5d73"


def style_document(portal: Portal, style_id: str, collections: Sequence[Collection]) -> Json:
    """A MapLibre style (specification version 8) of these layers, the first one below, with absolute addresses."""
    is_single = len(collections) == 1 and style_id == collections[0].id
    layers = [layer for one in collections for layer in _layers(one, prefixed=not is_single)]
    boxes = [one.edition.bbox for one in collections if one.edition.bbox]
    document: Json = {"version": 8, "name": _title(portal, style_id, collections)}
    if boxes:
        west, south = min(box[0] for box in boxes), min(box[1] for box in boxes)
        east, north = max(box[2] for box in boxes), max(box[3] for box in boxes)
        document |= {"center": [(west + east) / 2, (south + north) / 2], "zoom": 8}
    return document | {"sources": {one.id: _source(portal, one) for one in collections}, "layers": layers}


def _source(portal: Portal, collection: Collection) -> Json:
    options = collection.layer.tiles
    source: Json = {
        "type": "vector",
        "tiles": [tile_template(portal, collection, short=True)],
        "minzoom": options.min_zoom,
        "maxzoom": options.max_zoom,
        "attribution": collection.layer.credit,
    }
    if collection.edition.bbox:
        source["bounds"] = list(collection.edition.bbox)
    return source


def _layers(collection: Collection, *, prefixed: bool) -> list[Json]:
    """The drawing layers of the catalogue's style, or a plain one; ids are prefixed where several styles meet."""
    drawn: list[Json] = collection.style.get("layers") or [_plain_layer(collection)]
    own = {"source": collection.id, "source-layer": collection.id}
    prefix = f"{collection.id}:" if prefixed else ""
    return [{**layer, **own, "id": f"{prefix}{layer.get('id', rank)}"} for rank, layer in enumerate(drawn)]


def _plain_layer(collection: Collection) -> Json:
    """How to draw a layer for which nobody said anything."""
    match collection.layer.geometry:
        case Geometry.POINT | Geometry.MULTI_POINT:
            return {"id": "points", "type": "circle", "paint": {"circle-color": _INK, "circle-radius": 4}}
        case Geometry.MULTI_LINE:
            return {"id": "lignes", "type": "line", "paint": {"line-color": _INK, "line-width": 1.5}}
        case Geometry.MULTI_POLYGON:
            paint = {"fill-color": _INK, "fill-opacity": 0.35, "fill-outline-color": _INK}
            return {"id": "surfaces", "type": "fill", "paint": paint}


def _title(portal: Portal, style_id: str, collections: Sequence[Collection]) -> str:
    return portal.settings.territory_info.name if style_id == ALL_ID else collections[0].layer.title


def _find(request: Request) -> tuple[str, list[Collection]]:
    """The style asked for and the layers that it draws."""
    style_id = request.path_params["styleId"]
    if style_id == ALL_ID:
        return style_id, visible_collections(portal_of(request))
    if style_id not in portal_of(request).catalog.collections:
        raise not_found(f"Le style « {style_id[:60]} » n'existe pas.")
    return style_id, [visible_collection(request, style_id)]


def _entry(portal: Portal, style_id: str, title: str) -> Json:
    """A style as lists show it."""
    href = portal.links.ogc("styles", style_id)
    return {
        "id": style_id,
        "title": title,
        "links": [
            link(href, "stylesheet", STYLE_TYPE, f"Style MapLibre : {title}"),
            link(portal.links.ogc("styles", style_id, "metadata"), "describedby", JSON_TYPE, f"Description : {title}"),
        ],
    }


def _list_document(href: str, entries: list[Json], **more: str) -> Json:
    links = [
        link(href, "self", JSON_TYPE, "Cette page"),
        link(f"{href}?f=html", "alternate", HTML_TYPE, "Cette page à lire"),
    ]
    return {"styles": entries, "links": links, **more}


def styles_document(portal: Portal) -> Json:
    shown = visible_collections(portal)
    entries = [_entry(portal, one.id, one.layer.title) for one in shown]
    title = portal.settings.territory_info.name
    return _list_document(portal.links.ogc("styles"), [_entry(portal, ALL_ID, title), *entries], default=ALL_ID)


def metadata_document(portal: Portal, style_id: str, collections: Sequence[Collection]) -> Json:
    """What a style is made for: its layers, their sample data, its stylesheets (OGC 20-009, clause 7.4)."""
    title = _title(portal, style_id, collections)
    href = portal.links.ogc("styles", style_id)
    stylesheet = {
        "title": "MapLibre",
        "version": "8",
        "specification": "https://maplibre.org/maplibre-style-spec/",
        "native": True,
        "link": link(href, "stylesheet", STYLE_TYPE, title),
    }
    return {
        "id": style_id,
        "title": title,
        "description": f"Dessine : {', '.join(one.layer.title for one in collections)}.",
        "scope": "style",
        "stylesheets": [stylesheet],
        "layers": [_described_layer(portal, one) for one in collections],
        "links": [
            link(portal.links.ogc("styles", style_id, "metadata"), "self", JSON_TYPE, "Cette page"),
            link(href, "stylesheet", STYLE_TYPE, title),
        ],
    }


def _described_layer(portal: Portal, collection: Collection) -> Json:
    kind = {0: "point", 1: "line", 2: "polygon"}[collection.layer.geometry.dimension]
    tileset = portal.links.collection(collection.id, "tiles", TMS_ID)
    return {"id": collection.id, "type": kind, "sampleData": link(tileset, "start", JSON_TYPE, collection.layer.title)}


async def styles(request: Request) -> Response:
    """GET /styles"""
    portal = portal_of(request)
    reject_unknown(request, ())
    etag = weak_etag("styles", portal.catalog.fingerprint, choose(request, JSON, HTML).name)
    if response := not_modified(request, etag):
        return response
    headers = {"ETag": etag, "Cache-Control": REVALIDATE}
    return respond(request, styles_document(portal), "ogc/styles.html", headers=headers)


async def style(request: Request) -> Response:
    """GET /styles/{styleId}"""
    portal = portal_of(request)
    reject_unknown(request, ())
    style_id, collections = _find(request)
    media = JSON if request.query_params.get("f") == JSON.name else _STYLE
    etag = weak_etag("style", portal.catalog.fingerprint, choose(request, media, HTML).name)
    if response := not_modified(request, etag):
        return response
    document = style_document(portal, style_id, collections)
    headers = {"ETag": etag, "Cache-Control": REVALIDATE}
    return respond(request, document, "ogc/style.html", media=media, headers=headers)


async def style_metadata(request: Request) -> Response:
    """GET /styles/{styleId}/metadata"""
    reject_unknown(request, ())
    document = metadata_document(portal_of(request), *_find(request))
    return respond(request, document, "ogc/document.html", headers={"Cache-Control": REVALIDATE})


async def collection_styles(request: Request) -> Response:
    """GET /collections/{collectionId}/styles"""
    portal = portal_of(request)
    reject_unknown(request, ())
    collection = visible_collection(request, request.path_params["collectionId"])
    entries = [_entry(portal, collection.id, collection.layer.title)]
    document = _list_document(portal.links.collection(collection.id, "styles"), entries, default=collection.id)
    return respond(request, document, "ogc/styles.html", headers={"Cache-Control": REVALIDATE}, collection=collection)


def _landing_links(portal: Portal) -> list[Json]:
    return [link(portal.links.ogc("styles"), _REL_STYLES, JSON_TYPE, "Styles de carte")]


def _collection_links(portal: Portal, collection: Collection) -> list[Json]:
    href = portal.links.collection(collection.id, "styles")
    return [link(href, _REL_STYLES, JSON_TYPE, f"{collection.layer.title} : styles de carte")]


def _openapi(portal: Portal) -> OpenApiFragment:
    ids = [ALL_ID, *(one.id for one in visible_collections(portal))]
    tag = "Styles de carte"
    formats = choice([_STYLE.name, JSON.name, HTML.name], _STYLE.name)
    parameters: Json = {
        "styleId": parameter("styleId", "Style de carte.", {"type": "string", "enum": ids}, where="path"),
        "f-style": parameter("f", "Format.", formats),
    }
    paths: Json = {
        "/styles": operation("getStyles", "Les styles de carte", tag, ["f"]),
        "/styles/{styleId}": operation("getStyle", "Un style de carte", tag, ["styleId", "f-style"], STYLE_TYPE, JSON_TYPE),
        "/styles/{styleId}/metadata": operation("getStyleMetadata", "Ce que dessine un style", tag, ["styleId", "f"]),
    }
    for one in visible_collections(portal):
        title = one.layer.title
        paths[f"/collections/{one.id}/styles"] = operation(f"{one.id}.getStyles", f"{title} : styles de carte", title, ["f"])
    return OpenApiFragment(paths=paths, parameters=parameters, tags=({"name": tag},))


PART = Part(
    conformance=_CONFORMANCE,
    routes=[
        Route("/styles", styles, name="styles"),
        Route("/styles/{styleId}", style, name="style"),
        Route("/styles/{styleId}/metadata", style_metadata, name="style-metadata"),
        Route("/collections/{collectionId}/styles", collection_styles, name="collection-styles"),
    ],
    landing_links=_landing_links,
    collection_links=_collection_links,
    openapi=_openapi,
)
