"""The editions of a collection, and what changed between two of them."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geoportal.cancel import while_connected
from geoportal.conditional import REVALIDATE, not_modified, weak_etag
from geoportal.context import Portal, portal_of
from geoportal.errors import bad_parameter
from geoportal.links import GEOJSON as GEOJSON_TYPE
from geoportal.links import HTML as HTML_TYPE
from geoportal.links import JSON as JSON_TYPE
from geoportal.links import link
from geoportal.media import GEOJSON, HTML, JSON, choose, respond
from geoportal.ogc.items_request import read_edition
from geoportal.ogc.operations import operation, parameter
from geoportal.ogc.parameters import read_crs, read_limit, reject_unknown
from geoportal.ogc.part import Json, OpenApiFragment, Part
from geoportal.security.access import visible_collection
from layers.catalog import Collection, Edition, fetch_editions
from layers.changes import Changes, count_changes, fetch_changes
from layers.keyset import BadTokenError, Position, decode, encode

DEFAULT_LIMIT = 1000


def edition_document(portal: Portal, edition: Edition) -> Json:
    """One edition: when, why, from what, how many features came, changed and went. Who is not for the public."""
    out: Json = {
        "edition": edition.number,
        "published": edition.published_at.isoformat(timespec="seconds"),
        "note": edition.note,
        "restores": edition.restores,
        "source": edition.source,
        "sourceSha256": edition.source_sha256,
        "added": edition.added,
        "changed": edition.changed,
        "removed": edition.removed,
        "unchanged": edition.unchanged,
        "total": edition.total,
    }
    to = portal.links.collection
    number = str(edition.number)
    out["links"] = [link(to(edition.layer_id, "items", query={"edition": number}), "items", GEOJSON_TYPE, f"Édition {number}")]
    if edition.number > 1:
        query = {"from": str(edition.number - 1), "to": number}
        out["links"].append(link(to(edition.layer_id, "changes", query=query), "related", GEOJSON_TYPE, "Ce qui a changé"))
    return out


async def editions(request: Request) -> Response:
    """GET /collections/{collectionId}/editions"""
    portal = portal_of(request)
    reject_unknown(request, ())
    collection = visible_collection(request, request.path_params["collectionId"])
    etag = weak_etag(collection.version, choose(request, JSON, HTML).name)
    if response := not_modified(request, etag):
        return response
    async with portal.pool.connection() as conn:
        found = await fetch_editions(conn, collection.id)
    href = portal.links.collection(collection.id, "editions")
    document = {
        "title": f"{collection.layer.title} : les éditions",
        "links": [
            link(href, "self", JSON_TYPE, "Cette page"),
            link(f"{href}?f=html", "alternate", HTML_TYPE, "Cette page à lire"),
            link(portal.links.collection(collection.id), "collection", JSON_TYPE, collection.layer.title),
        ],
        "editions": [edition_document(portal, one) for one in reversed(found)],
    }
    headers = {"ETag": etag, "Cache-Control": REVALIDATE}
    return respond(request, document, "ogc/editions.html", headers=headers, collection=collection)


async def _edition_of(request: Request, name: str, collection: Collection, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    return (await read_edition(text, collection, portal_of(request).pool)).number


async def changes(request: Request) -> Response:
    """GET /collections/{collectionId}/changes: added, changed and removed features from one edition to another."""
    portal = portal_of(request)
    collection = visible_collection(request, request.path_params["collectionId"])
    reject_unknown(request, ("from", "to", "limit", "token", "crs"))
    current = collection.edition.number
    first = await _edition_of(request, "from", collection, max(1, current - 1))
    second = await _edition_of(request, "to", collection, current)
    wanted = Changes(
        collection,
        first,
        second,
        read_crs("crs", request.query_params.get("crs"), portal.settings.territory_info.srids),
        read_limit(request.query_params.get("limit"), DEFAULT_LIMIT, portal.settings.max_items),
        _read_token(request.query_params.get("token")),
    )
    etag = weak_etag(collection.version, first, second, choose(request, GEOJSON, HTML).name)
    if response := not_modified(request, etag):
        return response
    async with portal.pool.connection() as conn:
        rows = await while_connected(request.receive, fetch_changes(conn, wanted))
        # The whole is counted once, with the first page.
        counts = {} if wanted.after else await while_connected(request.receive, count_changes(conn, wanted))
    document = _changes_document(portal, wanted, rows, counts)
    headers = {"ETag": etag, "Cache-Control": REVALIDATE, "Content-Crs": f"<{wanted.crs.uri}>"}
    return respond(request, document, "ogc/changes.html", media=GEOJSON, headers=headers, collection=collection)


def _read_token(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return decode(text, 1).values[0]
    except BadTokenError as error:
        raise bad_parameter("token", f"« token » : {error}.") from None


def _changes_document(portal: Portal, wanted: Changes, rows: list[tuple[str, Json]], counts: dict[str, int]) -> Json:
    """A FeatureCollection whose features have a ``change`` member: added, changed or removed."""
    query: dict[str, Any] = {"from": wanted.first, "to": wanted.second, "limit": wanted.limit}
    href = portal.links.collection(wanted.collection.id, "changes", query=query)
    links = [link(href, "self", GEOJSON_TYPE, "Cette page"), link(f"{href}&f=html", "alternate", HTML_TYPE, "Cette page à lire")]
    page = rows[: wanted.limit]
    if len(rows) > wanted.limit:
        token = encode(Position((page[-1][0],)))
        links.append(link(f"{href}&token={token}", "next", GEOJSON_TYPE, "Page suivante"))
    links.append(link(portal.links.collection(wanted.collection.id), "collection", JSON_TYPE, wanted.collection.layer.title))
    return {
        "type": "FeatureCollection",
        "from": wanted.first,
        "to": wanted.second,
        **counts,
        "numberReturned": len(page),
        **({"numberMatched": sum(counts.values())} if counts else {}),
        "links": links,
        "features": [feature for _, feature in page],
    }


def _collection_links(portal: Portal, collection: Collection) -> list[Json]:
    to = portal.links.collection
    return [link(to(collection.id, "editions"), "version-history", JSON_TYPE, "Les éditions")]


def _openapi(_portal: Portal) -> OpenApiFragment:
    tag = "Historique"
    between = [
        parameter("from", "Édition de départ : numéro ou instant.", {"type": "string"}),
        parameter("to", "Édition d'arrivée : numéro ou instant.", {"type": "string"}),
    ]
    base = "/collections/{collectionId}"
    changed: list[str | Json] = ["collectionId", *between, "limit", "token", "crs", "f"]
    return OpenApiFragment(
        paths={
            f"{base}/editions": operation("editions", "Les éditions d'une couche", tag, ["collectionId", "f"]),
            f"{base}/changes": operation("changes", "Ce qui change d'une édition à l'autre", tag, changed, GEOJSON_TYPE),
        },
        tags=({"name": tag, "description": "Les éditions d'une couche et leurs différences."},),
    )


PART = Part(
    conformance=(),
    routes=[
        Route("/collections/{collectionId}/editions", editions, name="editions"),
        Route("/collections/{collectionId}/changes", changes, name="changes"),
    ],
    collection_links=_collection_links,
    openapi=_openapi,
)
