"""The outermost layer: every answer passes here once, for errors, compression and headers.

Tiles, the most frequent request by far, are dispatched before the router.
"""

from collections.abc import Iterable

from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from geoportal.cancel import ClientGoneError
from geoportal.compression import Encoder, choose_encoding
from geoportal.context import Portal
from geoportal.errors import STARTING, ProblemError, problem_response, to_problem
from geoportal.hot import HotCache
from geoportal.media import HTML, JSON, choose, render
from geoportal.ogc.tile_endpoint import TileEndpoint, match_tile_path
from layers.catalog import Catalog

Headers = list[tuple[bytes, bytes]]

# The API is open to any web page; the portal's own pages take nothing from another host.
_CORS: Headers = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"Content-Crs, ETag, Link, Location"),
]
_PREFLIGHT: Headers = [
    *_CORS,
    (b"access-control-allow-methods", b"GET, HEAD, POST, DELETE, OPTIONS"),
    (b"access-control-allow-headers", b"Accept, Accept-Crs, Content-Type, If-None-Match, Prefer, Range"),
    (b"access-control-max-age", b"86400"),
]
_SECURITY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
]
# Each header is written anew for each of thousands of tiles: only those that they need.
_TILE: Headers = [(b"access-control-allow-origin", b"*"), (b"x-content-type-options", b"nosniff")]
_PROBES = ("/healthz", "/readyz")
_EMPTY: Message = {"type": "http.response.body", "body": b""}
_PAGE: Headers = [
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; worker-src 'self' blob:; "
        b"object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'",
    ),
    (b"permissions-policy", b"geolocation=(self), camera=(), microphone=()"),
]


class Edge:
    """ASGI middleware around the whole application. ``state.portal`` is there once the application has started."""

    def __init__(self, app: ASGIApp, tiles: TileEndpoint, state: State, hot: HotCache) -> None:
        self.app = app
        self.tiles = tiles
        self.state = state
        self.hot = hot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if tile := self.tiles.find(scope):
            await send(tile[0])
            await send(tile[1])
            return
        if scope["method"] == "OPTIONS" and _header(scope, b"access-control-request-method"):
            await Response(status_code=204, headers=_texts(_PREFLIGHT))(scope, receive, send)
            return
        portal: Portal = self.state.portal
        if not portal.catalog_read_at and scope["path"] not in _PROBES:
            await problem_response(STARTING)(scope, receive, _Sender(scope, send))
            return
        if match_tile_path(scope["path"]):
            await self._answer(self.tiles, scope, receive, _Sender(scope, send, _TILE))
            return
        catalog: Catalog = portal.catalog
        if scope["method"] == "GET" and (held := self.hot.find(scope, catalog)):
            start, body = held
            await send(start)
            await send(body or _EMPTY)
            return
        sender = _Sender(scope, send)
        await self._answer(self.app, scope, receive, sender)
        if scope["method"] == "GET" and sender.whole is not None and sender.sent is not None:
            self.hot.keep(scope, catalog, sender.sent, sender.whole)

    async def _answer(self, app: ASGIApp, scope: Scope, receive: Receive, sender: "_Sender") -> None:
        try:
            await app(scope, receive, sender)
        except ClientGoneError:
            return
        except Exception as error:
            problem = to_problem(error)
            if sender.started:  # the status is gone: only cutting the answer tells the client that it is incomplete
                raise
            await _problem(Request(scope, receive), problem)(scope, receive, sender)


def _problem(request: Request, problem: ProblemError) -> Response:
    """problem+json, or its page for someone who reads in a browser."""
    try:
        wants_page = choose(request, JSON, HTML) is HTML and "f" not in request.query_params
        if wants_page or request.query_params.get("f") == "html":
            page = render(request, "ogc/problem.html", problem.document(), problem.status)
            page.headers.update(problem.headers)
            return page
    except ProblemError:
        pass
    return problem_response(problem)


def _header(scope: Scope, name: bytes) -> bytes | None:
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers}


class _Sender:
    """Adds the common headers, and compresses the body when the client and the media type allow it."""

    def __init__(self, scope: Scope, send: Send, common: Headers | None = None) -> None:
        self.scope = scope
        self.send = send
        self.common = [*_CORS, *_SECURITY] if common is None else common
        self.started = False
        self.encoder: Encoder | None = None
        self.start: Message | None = None
        self.sent: Message | None = None  # the start message as it went out
        self.whole: bytes | None = None  # the body as it went out, when it was in one piece

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self._prepare(message)
        elif message["type"] == "http.response.body":
            await self._body(message)
        else:
            await self.send(message)

    def _prepare(self, message: Message) -> None:
        headers: Headers = message["headers"]
        content_type = b""
        encoded = False
        for name, value in headers:
            if name == b"content-type":
                content_type = value
            elif name == b"content-encoding":
                encoded = True
        headers.extend(self.common)
        if content_type.startswith(b"text/html"):
            headers.extend(_PAGE)
        if not encoded and message["status"] not in (204, 304) and self.scope["method"] != "HEAD":
            self.encoder = choose_encoding(_header(self.scope, b"accept-encoding"), content_type)
        self.start = message

    async def _body(self, message: Message) -> None:
        body: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        if self.start is not None:
            if self.encoder and not more and not self.encoder.worthwhile(body):
                self.encoder = None
            if self.encoder:
                self.start["headers"] = self.encoder.adjust(self.start["headers"])
            await self.send(self.start)
            self.sent, self.start = self.start, None
            single = not more
        else:
            single = False
        if self.encoder:
            body = self.encoder.encode(body, last=not more)
            if not body and more:
                return
        self.whole = body if single else None
        await self.send({"type": "http.response.body", "body": body, "more_body": more})
