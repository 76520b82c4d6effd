"""The one OGC API: its landing page, its conformance, its collections and its OpenAPI document, made from its parts."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from geoportal.conditional import REVALIDATE, not_modified, weak_etag
from geoportal.context import Portal, portal_of
from geoportal.links import HTML as HTML_TYPE
from geoportal.links import JSON as JSON_TYPE
from geoportal.links import OPENAPI as OPENAPI_TYPE
from geoportal.links import link
from geoportal.media import HTML, JSON, OPENAPI, Media, choose, respond
from geoportal.ogc import features, history, longtail, styles, tiles
from geoportal.ogc.collection_document import collection_document
from geoportal.ogc.openapi import OWN_PATHS, openapi_document
from geoportal.ogc.parameters import reject_unknown
from geoportal.ogc.part import Json, Part
from geoportal.security.access import visible_collection, visible_collections
from layers.crs import offered

_COMMON = (
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/json",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
)

PARTS: tuple[Part, ...] = (features.PART, history.PART, tiles.PART, styles.PART, longtail.PART)


def conformance_classes() -> list[str]:
    return list(dict.fromkeys([*_COMMON, *(uri for part in PARTS for uri in part.conformance)]))


def landing_document(portal: Portal) -> Json:
    """Title, description and the links that lead everywhere else."""
    settings, ogc = portal.settings, portal.links.ogc
    territory = settings.territory_info
    return {
        "title": f"{settings.portal['titre']} : {territory.name}",
        "description": f"Les données géographiques publiées par {settings.portal['editeur']}.",
        "attribution": settings.portal["editeur"],
        "links": [
            link(ogc(), "self", JSON_TYPE, "Cette page"),
            link(ogc() + "?f=html", "alternate", HTML_TYPE, "Cette page à lire"),
            link(ogc("api"), "service-desc", OPENAPI_TYPE, "Description de l'API"),
            link(ogc("api") + "?f=html", "service-doc", HTML_TYPE, "Documentation de l'API"),
            link(ogc("conformance"), "conformance", JSON_TYPE, "Normes respectées"),
            link(ogc("conformance"), "http://www.opengis.net/def/rel/ogc/1.0/conformance", JSON_TYPE, "Normes respectées"),
            link(ogc("collections"), "data", JSON_TYPE, "Les couches"),
            link(ogc("collections"), "http://www.opengis.net/def/rel/ogc/1.0/data", JSON_TYPE, "Les couches"),
            *(one for part in PARTS for one in part.landing_links(portal)),
        ],
    }


def conformance_document(_portal: Portal) -> Json:
    return {"conformsTo": conformance_classes()}


async def other_collections(portal: Portal) -> list[Json]:
    """The collections that are not layers."""
    return [document for part in PARTS for document in await part.collections(portal)]


async def collections_document(portal: Portal) -> Json:
    href = portal.links.ogc("collections")
    return {
        "links": [
            link(href, "self", JSON_TYPE, "Cette page"),
            link(f"{href}?f=html", "alternate", HTML_TYPE, "Cette page à lire"),
        ],
        "crs": collection_crs(portal),
        "collections": [
            *(collection_document(portal, one, PARTS) for one in visible_collections(portal)),
            *await other_collections(portal),
        ],
    }


def collection_crs(portal: Portal) -> list[str]:
    return [crs.uri for crs in offered(portal.settings.territory_info.srids)]


def openapi_of(portal: Portal) -> Json:
    return openapi_document(portal, [OWN_PATHS, *(part.openapi(portal) for part in PARTS)])


def _page(path: str, template: str, build: Callable[[Portal], Json | Awaitable[Json]], media: Media = JSON) -> Route:
    """A document of the root: same for everybody until the catalogue changes."""

    async def endpoint(request: Request) -> Response:
        portal = portal_of(request)
        reject_unknown(request, ())
        etag = weak_etag(portal.catalog.fingerprint, portal.catalog.revision, choose(request, media, HTML).name)
        if response := not_modified(request, etag):
            return response
        headers = {"ETag": etag, "Cache-Control": REVALIDATE}
        document = build(portal)
        if isawaitable(document):
            document = await document
        return respond(request, document, template, media=media, headers=headers)

    return Route(path, endpoint, name=template)


async def collection(request: Request) -> Response:
    """GET /collections/{collectionId}"""
    portal = portal_of(request)
    reject_unknown(request, ())
    layer_id = request.path_params["collectionId"]
    if layer_id not in portal.catalog.collections:
        for document in await other_collections(portal):
            if document["id"] == layer_id:
                return respond(request, document, "ogc/collection.html", headers={"Cache-Control": REVALIDATE}, collection=None)
    one = visible_collection(request, layer_id)
    etag = weak_etag(one.version, portal.catalog.fingerprint, choose(request, JSON, HTML).name)
    if response := not_modified(request, etag):
        return response
    document = collection_document(portal, one, PARTS)
    headers = {"ETag": etag, "Cache-Control": REVALIDATE}
    return respond(request, document, "ogc/collection.html", headers=headers, collection=one)


ROUTES: list[BaseRoute] = [
    # The most asked for come first: the router tries them in this order.
    *(route for part in PARTS for route in part.routes),
    _page("/", "ogc/landing.html", landing_document),
    _page("/conformance", "ogc/conformance.html", conformance_document),
    _page("/api", "ogc/api.html", openapi_of, OPENAPI),
    _page("/collections", "ogc/collections.html", collections_document),
    Route("/collections/{collectionId}", collection, name="collection"),
]
