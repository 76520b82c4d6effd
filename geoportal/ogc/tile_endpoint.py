"""The tile itself, as a bare ASGI application: the most frequent request by far, answered before the router.

``GET /ogc/collections/{id}/tiles/WebMercatorQuad/{tileMatrix}/{tileRow}/{tileCol}[?edition=N&v=MARK]``
"""

import gzip
import re
from collections import OrderedDict
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import parse_qsl

from starlette.datastructures import State
from starlette.types import Message, Receive, Scope, Send

from geoportal.cancel import while_connected
from geoportal.conditional import IMMUTABLE, matches
from geoportal.context import Portal
from geoportal.errors import ProblemError, bad_parameter, not_found
from geoportal.links import MVT
from layers.catalog import Catalog, Collection, UnknownEditionError, UnknownLayerError
from tiles.grid import MAX_ZOOM, TMS_ID, Tile, is_tile
from tiles.source import TileSource, is_inside, is_offered
from tiles.store import StoredTile, definition_mark

Headers = list[tuple[bytes, bytes]]

# Long enough for a visitor who moves around, short enough for one who publishes.
_SHORT = "public, max-age=60"
_EMPTY: Message = {"type": "http.response.body", "body": b""}
_OVERHEAD_BYTES = 1500
_MARK = re.compile("[0-9a-f]{8}")


class _Wanted(NamedTuple):
    """What the query asks for: an edition, and the tiles of the definition that bears this mark."""

    edition: int | None = None
    mark: str | None = None


def match_tile_path(path: str) -> tuple[str, str, str, str] | None:
    """(collection, tileMatrix, tileRow, tileCol) of the address of a tile, as they are written; None for another one."""
    if not path.startswith("/ogc/collections/"):
        return None
    parts = path.split("/")
    if len(parts) != 9 or parts[4] != "tiles" or parts[5] != TMS_ID:
        return None
    return parts[3], parts[6], parts[7], parts[8]


class _Hot:
    """A tile ready to be sent; right as long as the catalogue is of this generation."""

    __slots__ = ("body", "etag", "generation", "size", "start", "unchanged")

    def __init__(self, generation: int, etag: str, start: Message, body: Message) -> None:
        self.generation = generation
        self.etag = etag
        self.start = start
        self.body = body
        kept = [pair for pair in start["headers"] if not pair[0].startswith(b"content-")]
        self.unchanged: Message = {"type": "http.response.start", "status": 304, "headers": kept}
        self.size = len(body["body"]) + _OVERHEAD_BYTES


class TileEndpoint:
    """Answers for tiles, with the ones just asked for kept in memory. ``state.portal`` exists once the portal runs."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.hot: OrderedDict[str, _Hot] = OrderedDict()
        self.size = 0
        self.catalog: Catalog | None = None
        self.generation = 0  # counts the catalogues seen, so that tiles in memory do not keep old ones alive

    def find(self, scope: Scope) -> tuple[Message, Message] | None:
        """The whole answer when it is in memory and the client takes gzip: the common case, in a few microseconds."""
        key = _hot_key(scope)
        hot = self.hot.get(key)
        if hot is None or hot.generation != self._generation() or scope["method"] != "GET":
            return None
        takes_gzip = False
        condition = None
        for name, value in scope["headers"]:
            if name == b"accept-encoding":
                takes_gzip = b"gzip" in value and b"q=" not in value
            elif name == b"if-none-match":
                condition = value
        if not takes_gzip:
            return None
        self.hot.move_to_end(key)
        if condition is not None and matches(condition.decode("latin-1"), hot.etag):
            return hot.unchanged, _EMPTY
        return hot.start, hot.body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. ``send`` may add headers to the start message; it is kept in memory as it went out."""
        if scope["method"] not in ("GET", "HEAD"):
            raise ProblemError(
                405, "Méthode refusée", "Une tuile se lit avec GET ou HEAD.", headers={"Allow": "GET, HEAD, OPTIONS"}
            )
        portal: Portal = self.state.portal
        generation = self._generation()
        collection, tile, (number, mark) = _read(scope, portal.catalog)
        source = tile_source(portal)
        work = source.current(collection, tile) if number is None else source.of_edition(collection, tile, number)
        stored = await while_connected(receive, work)
        is_sure = stored.edition == (number or collection.edition.number)
        is_of_definition = mark == definition_mark(collection)
        # For ever only what the whole address says: a field hidden today leaves the tiles of every edition.
        cache_control = IMMUTABLE if number and is_sure and is_of_definition else _SHORT
        if not stored.data:
            await send({"type": "http.response.start", "status": 204, "headers": _headers(cache_control)})
            await send(_EMPTY)
            return
        hot = await self._send(scope, send, generation, stored, cache_control)
        if hot and is_sure and (mark is None or is_of_definition):
            self._keep(_hot_key(scope), hot)

    def _generation(self) -> int:
        catalog: Catalog = self.state.portal.catalog
        if catalog is not self.catalog:
            self.catalog = catalog
            self.generation += 1
        return self.generation

    async def _send(self, scope: Scope, send: Send, generation: int, stored: StoredTile, cache_control: str) -> _Hot | None:
        """Send a tile that holds something; return what may be kept in memory of it."""
        headers = dict(scope["headers"])
        takes_gzip = _takes_gzip(headers.get(b"accept-encoding", b""))
        etag = f'"{blake2b(stored.data, digest_size=8).hexdigest()}"'
        data = stored.data if takes_gzip else gzip.decompress(stored.data)
        out = _headers(cache_control)
        # The plain bytes and the compressed ones are two representations: the strong ETag names the second.
        out.append((b"etag", etag.encode() if takes_gzip else b"W/" + etag.encode()))
        status = 200
        if matches(headers.get(b"if-none-match", b"").decode("latin-1") or None, etag):
            status, data = 304, b""
        else:
            out += [(b"content-type", MVT.encode()), (b"content-length", str(len(data)).encode())]
            if takes_gzip:
                out.append((b"content-encoding", b"gzip"))
        is_head = scope["method"] == "HEAD"
        start: Message = {"type": "http.response.start", "status": status, "headers": out}
        body: Message = {"type": "http.response.body", "body": b"" if is_head else data}
        await send(start)
        await send(body)
        return _Hot(generation, etag, start, body) if status == 200 and takes_gzip and not is_head else None

    def _keep(self, key: str, hot: _Hot) -> None:
        if old := self.hot.pop(key, None):
            self.size -= old.size
        self.hot[key] = hot
        self.size += hot.size
        capacity = self.state.portal.settings.tile_cache_mb * 1_000_000
        while self.size > capacity:
            _, dropped = self.hot.popitem(last=False)
            self.size -= dropped.size


def tile_source(portal: Portal) -> TileSource:
    """The tiles of this process."""
    source: TileSource | None = portal.kept.get("tiles")
    if source is None:
        settings = portal.settings
        source = portal.kept["tiles"] = TileSource(portal.pool, settings.data_dir / "tiles", settings.tile_max_bytes)
    return source


async def close_tiles(portal: Portal) -> None:
    """Write the tiles that wait to be written, before the process ends."""
    source: TileSource | None = portal.kept.pop("tiles", None)
    if source is not None:
        await source.close()


def _hot_key(scope: Scope) -> str:
    path: str = scope["path"]
    query: bytes = scope["query_string"]
    return f"{path}?{query.decode('latin-1')}" if query else path


def _headers(cache_control: str) -> Headers:
    return [(b"cache-control", cache_control.encode()), (b"vary", b"accept-encoding")]


def _takes_gzip(accepted: bytes) -> bool:
    """Whether an Accept-Encoding header allows gzip."""
    for part in accepted.lower().split(b","):
        name, _, quality = part.replace(b" ", b"").partition(b";")
        if name in (b"gzip", b"*"):
            return quality not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return False


def _read(scope: Scope, catalog: Catalog) -> tuple[Collection, Tile, _Wanted]:
    """What is asked for; the refusals of the standard otherwise."""
    matched = match_tile_path(scope["path"])
    if matched is None:
        raise not_found("Cette adresse n'est pas celle d'une tuile.")
    layer_id, *numbers = matched
    collection = catalog.get(layer_id)
    if not collection.is_public:
        raise UnknownLayerError(layer_id)
    z, row, col = (_number(name, text) for name, text in zip(("tileMatrix", "tileRow", "tileCol"), numbers, strict=True))
    wanted = _wanted(scope["query_string"].decode("latin-1"), collection)
    if not is_tile(z, col, row):
        raise not_found(f"La grille {TMS_ID} n'a pas de tuile {z}/{row}/{col} (niveaux 0 à {MAX_ZOOM}).")
    tile = Tile(col, row, z)
    is_current = wanted.edition in (None, collection.edition.number)
    if not is_offered(collection, tile) or (is_current and not is_inside(collection, tile)):
        raise not_found(f"La tuile {z}/{row}/{col} est hors des limites de la couche : voyez la description du jeu de tuiles.")
    return collection, tile, wanted


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise bad_parameter(name, f"« {name} » attend un nombre entier positif.")
    return int(text)


def _wanted(query: str, collection: Collection) -> _Wanted:
    given: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in ("edition", "v"):
            if name in given:
                raise bad_parameter(name, f"« {name} » est donné plusieurs fois : une seule valeur est attendue.")
            given[name] = value
        elif name != "f" or value not in ("mvt", MVT):
            accepted = "« edition » (un numéro), « v » (la marque que donne le TileJSON) et « f=mvt »"
            raise bad_parameter(name[:60], f"« {name[:60]} » : une tuile accepte {accepted}.")
    return _Wanted(_edition(given.get("edition"), collection), _mark(given.get("v")))


def _edition(text: str | None, collection: Collection) -> int | None:
    if text is None:
        return None
    edition = _number("edition", text)
    if not 1 <= edition <= collection.edition.number:
        raise UnknownEditionError(collection.id, text)
    return edition


def _mark(text: str | None) -> str | None:
    if text is not None and not _MARK.fullmatch(text):
        raise bad_parameter("v", "« v » attend les huit signes que donnent les adresses du TileJSON et des styles.")
    return text
