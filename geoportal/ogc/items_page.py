"""One page of items: the rows, its neighbours, its counts, and the document that says so."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection

from geoportal.context import Portal
from geoportal.links import GEOJSON, HTML, link
from geoportal.media import dumps
from geoportal.ogc.item_formats import FORMATS
from geoportal.ogc.items_request import ItemsRequest
from geoportal.ogc.part import Json
from layers.keyset import Position, encode
from layers.queries import feature_text, page_statement
from layers.statements import statement


@dataclass(frozen=True, slots=True)
class Page:
    """Features as JSON text; ``next`` and ``prev`` are tokens, None at the ends.

    ``matched`` is exact or None; ``estimate`` is the planner's guess, when it was asked for and the count is not known.
    """

    features: tuple[str, ...]
    next: str | None
    prev: str | None
    matched: int | None
    estimate: int | None


async def fetch_page(conn: AsyncConnection[Any], wanted: ItemsRequest, *, geometry: bool = True, estimate: bool = False) -> Page:
    """Read one page of features. Programs follow ``next`` and pay for no estimate; people like to know how much is left."""
    selection, limit = wanted.selection, wanted.limit
    text = feature_text(wanted.fields, wanted.crs, wanted.collection.srid, geometry=geometry)
    query = page_statement(selection, text, limit)
    cursor = await conn.execute(query, selection.values.values, binary=True)
    rows: list[tuple[str, ...]] = await cursor.fetchall()
    more = len(rows) > limit
    rows = rows[:limit]
    start = selection.position
    backward = start is not None and start.backward
    if backward:
        rows.reverse()
    has_next = more if not backward else start is not None
    has_prev = more if backward else start is not None
    matched = _matched(wanted, len(rows), more=more)
    guess = await _estimate(conn, wanted, len(rows)) if estimate and matched is None else None
    return Page(
        tuple(row[0] for row in rows),
        _token(rows[-1], backward=False) if has_next and rows else None,
        _token(rows[0], backward=True) if has_prev and rows else None,
        matched,
        guess,
    )


def _token(row: tuple[str | None, ...], *, backward: bool) -> str:
    return encode(Position(row[1:], backward))


def _matched(wanted: ItemsRequest, returned: int, *, more: bool) -> int | None:
    """Number of features that match, when it is known without counting."""
    selection = wanted.selection
    if selection.is_everything:
        return selection.edition.total
    return returned if selection.position is None and not more else None


async def _estimate(conn: AsyncConnection[Any], wanted: ItemsRequest, returned: int) -> int | None:
    """The planner's estimate of the number of features that match."""
    unpaged = replace(wanted.selection, position=None)
    explain = statement("estimate", source=unpaged.source, where=unpaged.where(paged=False))
    row = await (await conn.execute(explain, unpaged.values.values)).fetchone()
    return max(int(row[0][0]["Plan"]["Plan Rows"]), returned + 1) if row else None


def items_links(portal: Portal, wanted: ItemsRequest, page: Page, query: dict[str, str]) -> list[Json]:
    """self, alternate formats, next, prev, collection. ``query`` holds the request's own parameters."""
    layer = wanted.collection.layer
    base = {name: value for name, value in query.items() if name not in ("f", "token")}

    def to(token: str | None = None, **more: str) -> str:
        return portal.links.collection(layer.id, "items", query={**base, "token": token, **more})

    token = query.get("token")
    out = [
        link(to(token, f="json"), "self", GEOJSON, "Cette page"),
        link(to(token, f="html"), "alternate", HTML, "Cette page à lire"),
    ]
    out += [link(to(token, f=media.name), "alternate", media.type, media.title) for media in FORMATS]
    if page.next:
        out.append(link(to(page.next, f="json"), "next", GEOJSON, "Page suivante"))
    if page.prev:
        out.append(link(to(page.prev, f="json"), "prev", GEOJSON, "Page précédente"))
    out.append(link(portal.links.collection(layer.id), "collection", "application/json", layer.title))
    return out


def _members(portal: Portal, wanted: ItemsRequest, page: Page, query: dict[str, str]) -> Json:
    """The members of the FeatureCollection other than its features."""
    out: Json = {
        "type": "FeatureCollection",
        "timeStamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "edition": wanted.selection.edition.number,
        "numberReturned": len(page.features),
    }
    if page.matched is not None:
        out["numberMatched"] = page.matched
    if page.estimate is not None:
        out["numberMatchedEstimate"] = page.estimate
    if wanted.collection.layer.fictif:
        out["FICTIF"] = True
    out["links"] = items_links(portal, wanted, page, query)
    return out


def page_bytes(portal: Portal, wanted: ItemsRequest, page: Page, query: dict[str, str]) -> bytes:
    """The GeoJSON document, its features as PostGIS wrote them."""
    head = dumps(_members(portal, wanted, page, query))
    return head[:-1] + f',"features":[{",".join(page.features)}]}}'.encode()


def page_document(portal: Portal, wanted: ItemsRequest, page: Page, query: dict[str, str]) -> Json:
    """The same document as a value, for the HTML page."""
    return {**_members(portal, wanted, page, query), "features": [json.loads(feature) for feature in page.features]}
