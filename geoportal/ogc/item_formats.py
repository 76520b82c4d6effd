"""Items in streamed formats: GeoJSON-Seq, CSV, FlatGeobuf; and the whole layer as one GeoJSON document."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from psycopg import AsyncConnection, sql
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from config.database import export_connection
from geoportal.cancel import ClientGoneError
from geoportal.context import Portal
from geoportal.errors import ProblemError
from geoportal.links import link
from geoportal.media import Media, dumps
from geoportal.ogc.items_request import ItemsRequest
from layers.exports import stream_csv, stream_features
from layers.flatgeobuf import stream_flatgeobuf
from layers.keyset import Position, encode, order_by
from layers.queries import sort_marks
from layers.statements import statement

_SLOT_SECONDS = 20
# The time that a client may take to accept one block of some 64 kB.
STALL_SECONDS = 60


@dataclass(frozen=True, slots=True)
class ItemFormat(Media):
    """A streamed format, with its file extension and the words of its link."""

    title: str = ""
    extension: str = ""


GEOJSON_FILE = ItemFormat("geojson", "application/geo+json", (), "GeoJSON", "geojson")
GEOJSONSEQ = ItemFormat("geojsonseq", "application/geo+json-seq", (), "GeoJSON, un objet par ligne", "geojsonl")
CSV = ItemFormat("csv", "text/csv; charset=utf-8", (), "Tableau (CSV)", "csv")
FLATGEOBUF = ItemFormat("fgb", "application/flatgeobuf", (), "FlatGeobuf", "fgb")
FORMATS = (GEOJSONSEQ, CSV, FLATGEOBUF)

_Conn = AsyncConnection[tuple[Any, ...]]


async def stream_items(
    portal: Portal, wanted: ItemsRequest, media: ItemFormat, headers: dict[str, str], query: dict[str, str]
) -> StreamingResponse:
    """Answer with one page in a streamed format; the next page, if any, is in the Link header (RFC 8288).

    ``query`` holds the request's own parameters, which the next page keeps.
    """
    async with AsyncExitStack() as stack:
        conn = await _enter_export(portal, stack)
        if token := await _next_token(conn, wanted):
            href = portal.links.collection(wanted.collection.id, "items", query={**query, "f": media.name, "token": token})
            headers = {**headers, "Link": f'<{href}>; rel="next"; type="{media.type}"'}
        blocks = _blocks(conn, wanted, media, wanted.limit)
        return await _response(portal, stack, blocks, media, headers)


async def stream_file(portal: Portal, wanted: ItemsRequest, media: ItemFormat, headers: dict[str, str]) -> StreamingResponse:
    """Stream every feature of ``wanted`` from one snapshot."""
    async with AsyncExitStack() as stack:
        conn = await _enter_export(portal, stack)
        return await _response(portal, stack, _blocks(conn, wanted, media, None), media, headers)


async def _enter_export(portal: Portal, stack: AsyncExitStack) -> _Conn:
    """A place among the few long streams, and a connection; ``stack`` gives both back."""
    await stack.enter_async_context(_slot(portal))
    return await stack.enter_async_context(export_connection(portal.settings))


async def _response(
    portal: Portal, stack: AsyncExitStack, blocks: AsyncGenerator[bytes, None], media: ItemFormat, headers: dict[str, str]
) -> StreamingResponse:
    """The answer made of ``blocks``; what ``stack`` holds is given back with its end, however it ends.

    The first block is made before the answer starts: an error of the query is still a clean error.
    """
    stack.push_async_callback(blocks.aclose)
    first = await anext(blocks, b"")

    async def body() -> AsyncGenerator[bytes, None]:
        yield first
        async for block in blocks:
            yield block

    seconds = portal.settings.export_timeout_ms / 1000
    return BoundedStream(body(), stack.pop_all(), seconds, headers=headers, media_type=media.type)


class BoundedStream(StreamingResponse):
    """A stream that gives up on a client that stops reading, or that would last longer than ``seconds``.

    ``held`` is given back when the answer ends, even if it never began: a client may leave before the first block.
    """

    def __init__(self, content: AsyncGenerator[bytes, None], held: AsyncExitStack, seconds: float, **options: Any) -> None:
        super().__init__(content, **options)
        self.content = content
        self.held = held
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.held:
            await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self.seconds
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for block in self.content:
                async with asyncio.timeout_at(min(end, loop.time() + STALL_SECONDS)):
                    await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            raise ClientGoneError from None
        finally:
            await self.content.aclose()


@asynccontextmanager
async def _slot(portal: Portal) -> AsyncIterator[None]:
    """One of the few long streams served at once; a 503 when none is free soon."""
    try:
        async with asyncio.timeout(_SLOT_SECONDS):
            await portal.export_slots.acquire()
    except TimeoutError:
        raise ProblemError(
            503, "Trop de téléchargements", "Trop de téléchargements sont en cours : réessayez dans une minute.",
            headers={"Retry-After": "60"},
        ) from None  # fmt: skip
    try:
        yield
    finally:
        portal.export_slots.release()


async def _blocks(conn: _Conn, wanted: ItemsRequest, media: ItemFormat, limit: int | None) -> AsyncGenerator[bytes, None]:
    selection, fields, crs = wanted.selection, wanted.fields, wanted.crs
    if media is GEOJSON_FILE:
        yield _collection_head(wanted)
        async for block in stream_features(conn, selection, fields, crs, separator=b",\n", limit=limit):
            yield block
        yield b"\n]}\n"
    elif media is GEOJSONSEQ:
        # RFC 8142: each text is preceded by a record separator and followed by a line feed.
        yield b"\x1e"
        async for block in stream_features(conn, selection, fields, crs, separator=b"\n\x1e", limit=limit):
            yield block
        yield b"\n"
    elif media is CSV:
        async for block in stream_csv(conn, selection, fields, crs, limit=limit):
            yield block
    else:
        async for block in stream_flatgeobuf(conn, selection, fields, crs, limit=limit):
            yield block


def _collection_head(wanted: ItemsRequest) -> bytes:
    """The opening of a GeoJSON file, with what one must know to reuse it."""
    layer, edition = wanted.collection.layer, wanted.selection.edition.number
    head: dict[str, Any] = {
        "type": "FeatureCollection",
        "name": layer.id,
        "title": layer.title,
        "edition": edition,
        "attribution": layer.credit,
        "licence": layer.licence.label,
        "links": [link(layer.licence.href, "license", "text/html", layer.licence.label)] if layer.licence.href else [],
    }
    if layer.fictif:
        head["FICTIF"] = True
    if wanted.crs.srid != 4326:
        head["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{wanted.crs.srid}"}}
    return dumps(head)[:-1] + b',"features":[\n'


async def _next_token(conn: _Conn, wanted: ItemsRequest) -> str | None:
    """Token of the page after this one: known from the last row of this page and whether one follows."""
    selection = wanted.selection
    marked = replace(selection, values=replace(selection.values, values=dict(selection.values.values)))
    query = statement(
        "page_end",
        marks=sort_marks(marked.order),
        source=marked.source,
        where=marked.where(),
        order=order_by(marked.order),
        offset=sql.Literal(wanted.limit - 1),
    )
    rows = await (await conn.execute(query, marked.values.values)).fetchall()
    return encode(Position(tuple(rows[0]))) if len(rows) == 2 else None
