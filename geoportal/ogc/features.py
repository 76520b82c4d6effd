"""OGC API Features: items of a collection, now or in the past, one item, what it holds, what changed."""

import json
from collections.abc import Callable
from weakref import WeakKeyDictionary

from psycopg import sql
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geoportal.cancel import while_connected
from geoportal.conditional import REVALIDATE, not_modified, weak_etag
from geoportal.context import Portal, portal_of
from geoportal.errors import not_found
from geoportal.links import GEOJSON as GEOJSON_TYPE
from geoportal.links import HTML as HTML_TYPE
from geoportal.links import SCHEMA as SCHEMA_TYPE
from geoportal.links import Links, link
from geoportal.media import GEOJSON, HTML, SCHEMA, choose, dumps, render, respond
from geoportal.ogc import schemas
from geoportal.ogc.features_openapi import openapi
from geoportal.ogc.item_formats import FORMATS, ItemFormat, stream_items
from geoportal.ogc.items_page import fetch_page, page_bytes, page_document
from geoportal.ogc.items_request import parse_items_request, read_edition
from geoportal.ogc.parameters import read_crs, reject_unknown
from geoportal.ogc.part import Json, Part
from geoportal.security.access import visible_collection
from layers.catalog import Collection, Edition
from layers.crs import Crs
from layers.queries import Selection, feature_text, item_statement

CONFORMANCE = (
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables-query-parameters",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/schemas",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/core-roles-features",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
    "http://www.opengis.net/spec/cql2/1.0/conf/advanced-comparison-operators",
    "http://www.opengis.net/spec/cql2/1.0/conf/case-insensitive-comparison",
    "http://www.opengis.net/spec/cql2/1.0/conf/accent-insensitive-comparison",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions-plus",
    "http://www.opengis.net/spec/cql2/1.0/conf/spatial-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/temporal-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/property-property",
    "http://www.opengis.net/spec/cql2/1.0/conf/arithmetic",
)


# A page of people: rendering more in one go would hold up everybody else.
LARGEST_PAGE = 500


def _etag(collection: Collection, edition: Edition, media_name: str) -> str:
    return weak_etag(edition.number, collection.version, media_name)


async def items(request: Request) -> Response:
    """GET /collections/{collectionId}/items"""
    portal = portal_of(request)
    collection = visible_collection(request, request.path_params["collectionId"])
    media = choose(request, GEOJSON, HTML, *FORMATS)
    maximum = LARGEST_PAGE if media is HTML else None
    wanted = await parse_items_request(request, collection, portal.settings, portal.pool, maximum=maximum)
    etag = _etag(collection, wanted.selection.edition, media.name)
    if response := not_modified(request, etag):
        return response
    headers = {"ETag": etag, "Cache-Control": REVALIDATE, "Content-Crs": f"<{wanted.crs.uri}>", "Vary": "Accept"}
    query = dict(request.query_params)
    if isinstance(media, ItemFormat):
        return await stream_items(portal, wanted, media, headers, query)
    async with portal.pool.connection() as conn:
        page = await while_connected(request.receive, fetch_page(conn, wanted, geometry=media is GEOJSON, estimate=media is HTML))
    if media is HTML:
        response = render(
            request, "ogc/items.html", page_document(portal, wanted, page, query), collection=collection, wanted=wanted
        )
    else:
        response = Response(page_bytes(portal, wanted, page, query), media_type=GEOJSON_TYPE)
    response.headers.update(headers)
    return response


# Composing the statement of one item costs more than running it: it is kept as long as the collection lives.
_ITEM_QUERIES: WeakKeyDictionary[Collection, dict[Crs, sql.Composed]] = WeakKeyDictionary()


def _item_query(selection: Selection, crs: Crs) -> sql.Composed:
    collection = selection.collection
    kept = _ITEM_QUERIES.setdefault(collection, {})
    query = None if selection.pinned else kept.get(crs)
    if query is None:
        text = feature_text(collection.layer.public_fields, crs, collection.srid)
        query = item_statement(selection, text, sql.Placeholder("key"))
        if not selection.pinned:
            kept[crs] = query
    return query


async def item(request: Request) -> Response:
    """GET /collections/{collectionId}/items/{featureId}"""
    portal = portal_of(request)
    collection = visible_collection(request, request.path_params["collectionId"])
    key: str = request.path_params["featureId"]
    reject_unknown(request, ("crs", "edition"))
    media = choose(request, GEOJSON, HTML)
    crs = read_crs("crs", request.query_params.get("crs"), portal.settings.territory_info.srids)
    edition = await read_edition(request.query_params.get("edition"), collection, portal.pool)
    etag = _etag(collection, edition, media.name)
    if response := not_modified(request, etag):
        return response
    query = _item_query(Selection(collection, edition, pinned="edition" in request.query_params), crs)
    async with portal.pool.connection() as conn:
        row = await (await conn.execute(query, {"key": key.replace("\x00", "")})).fetchone()
    if row is None:
        raise not_found(f"« {collection.layer.title} » n'a pas d'objet « {key[:80]} » dans l'édition {edition.number}.")
    headers = {"ETag": etag, "Cache-Control": REVALIDATE, "Content-Crs": f"<{crs.uri}>", "Vary": "Accept"}
    links = _item_links(portal.links, collection, key)
    if media is HTML:
        document = {**json.loads(row[0]), "links": links, "edition": edition.number}
        response = render(request, "ogc/item.html", document, collection=collection)
    else:
        body = row[0].encode()[:-1] + b',"links":' + dumps(links) + b"}"
        response = Response(body, media_type=GEOJSON_TYPE)
    response.headers.update(headers)
    return response


def _item_links(links: Links, collection: Collection, key: str) -> list[Json]:
    href = links.collection(collection.id, "items", key)
    return [
        link(href, "self", GEOJSON_TYPE, "Cet objet"),
        link(f"{href}?f=html", "alternate", HTML_TYPE, "Cet objet à lire"),
        link(links.collection(collection.id), "collection", "application/json", collection.layer.title),
    ]


def _schema_route(name: str, build: Callable[[Links, Collection], Json]) -> Route:
    async def endpoint(request: Request) -> Response:
        portal = portal_of(request)
        collection = visible_collection(request, request.path_params["collectionId"])
        reject_unknown(request, ())
        etag = weak_etag(collection.version, choose(request, SCHEMA, HTML).name)
        if response := not_modified(request, etag):
            return response
        document = build(portal.links, collection)
        headers = {"ETag": etag, "Cache-Control": REVALIDATE}
        return respond(request, document, f"ogc/{name}.html", media=SCHEMA, headers=headers, collection=collection)

    return Route(f"/collections/{{collectionId}}/{name}", endpoint, name=name)


def _collection_links(portal: Portal, collection: Collection) -> list[Json]:
    to = portal.links.collection
    out = [link(to(collection.id, "items"), "items", GEOJSON_TYPE, "Objets en GeoJSON")]
    out.append(link(to(collection.id, "items", query={"f": "html"}), "items", HTML_TYPE, "Objets à lire"))
    out += [link(to(collection.id, "items", query={"f": m.name}), "items", m.type, m.title) for m in FORMATS]
    rel = "http://www.opengis.net/def/rel/ogc/1.0/"
    out.append(link(to(collection.id, "queryables"), rel + "queryables", SCHEMA_TYPE, "Attributs de filtre"))
    out.append(link(to(collection.id, "sortables"), rel + "sortables", SCHEMA_TYPE, "Attributs de tri"))
    out.append(link(to(collection.id, "schema"), "describedby", SCHEMA_TYPE, "Schéma"))
    return out


PART = Part(
    conformance=CONFORMANCE,
    routes=[
        Route("/collections/{collectionId}/items", items, name="items"),
        Route("/collections/{collectionId}/items/{featureId:path}", item, name="item"),
        _schema_route("queryables", schemas.queryables),
        _schema_route("sortables", schemas.sortables),
        _schema_route("schema", schemas.schema),
    ],
    collection_links=_collection_links,
    openapi=openapi,
)
