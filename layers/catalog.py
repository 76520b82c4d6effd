"""The catalogue as one immutable value, reloaded by every process when its revision changes."""

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection
from pydantic import ValidationError

from layers.model import Access, Layer

log = logging.getLogger(__name__)

CHANNEL = "portail_revision"
_SAFETY_POLL_SECONDS = 15.0


class UnknownLayerError(LookupError):
    """No layer bears this id, or it is not visible to whoever asks."""

    def __init__(self, layer_id: str) -> None:
        super().__init__(f"La couche « {layer_id} » n'existe pas.")
        self.layer_id = layer_id


class UnknownEditionError(LookupError):
    """The layer has no edition of this number, or none yet at this instant."""

    def __init__(self, layer_id: str, wanted: str) -> None:
        super().__init__(f"La couche « {layer_id} » n'a pas d'édition {wanted}.")
        self.layer_id = layer_id


@dataclass(frozen=True, slots=True)
class Edition:
    """One published state of a layer. ``bbox`` is (west, south, east, north) in degrees, or None when it is empty."""

    layer_id: str
    number: int
    published_at: datetime
    author: str
    note: str
    restores: int | None
    source: str
    source_sha256: str
    added: int
    changed: int
    removed: int
    unchanged: int
    total: int
    bbox: tuple[float, float, float, float] | None


@dataclass(frozen=True, eq=False)
class Collection:
    """A layer with its current edition: what the API calls a collection. Replaced, never changed, at a new revision.

    ``srid`` is the storage CRS (EPSG code). ``footprints`` maps each edition after the first to the z14 tiles that it
    touched (z-order codes), or None for "any tile": see ``layers.editions.touched_tiles``.
    """

    layer: Layer
    style: dict[str, Any]
    srid: int
    edition: Edition
    footprints: Mapping[int, frozenset[int] | None] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.layer.id

    @cached_property
    def version(self) -> str:
        """Changes with the edition and with the definition: the heart of every ETag."""
        definition = self.layer.model_dump_json() + repr(self.style)
        return f"{self.edition.number}-{zlib.crc32(definition.encode()):08x}"

    @property
    def is_public(self) -> bool:
        return self.layer.access is Access.PUBLIC


@dataclass(frozen=True)
class Catalog:
    """Every layer that has at least one edition, in display order, at one revision."""

    revision: int
    collections: Mapping[str, Collection]

    @cached_property
    def fingerprint(self) -> str:
        """Changes with any layer or edition. The revision alone could hide a transaction that committed late."""
        versions = "|".join(f"{one.id}:{one.version}" for one in self)
        return f"{zlib.crc32(versions.encode()):08x}"

    def __iter__(self) -> Iterator[Collection]:
        return iter(self.collections.values())

    def get(self, layer_id: str) -> Collection:
        """Return the collection, or raise UnknownLayerError."""
        try:
            return self.collections[layer_id]
        except KeyError:
            raise UnknownLayerError(layer_id) from None


EMPTY = Catalog(0, MappingProxyType({}))

_EDITION = (
    "e.layer_id, e.number, e.published_at, e.author, e.note, e.restores, e.source, e.source_sha256,"
    " e.added, e.changed, e.removed, e.unchanged, e.total, e.bbox"
)
_SELECT = f"""
SELECT l.definition, l.style, l.srid,
       (SELECT jsonb_object_agg(f.number, f.footprint) FROM (
            SELECT number, footprint FROM portail.edition
            WHERE layer_id = l.id AND number > 1 ORDER BY number DESC LIMIT 20) f),
       {_EDITION}
FROM portail.layer l
JOIN portail.edition e ON e.layer_id = l.id AND e.number = l.current_edition
WHERE l.withdrawn_at IS NULL
ORDER BY l.position, l.id
"""
# The revision is read first: if the catalogue changes in between, the notification that follows reloads it.
_REVISION = "SELECT last_value FROM portail.revision"
_EDITIONS = f"SELECT {_EDITION} FROM portail.edition e WHERE e.layer_id = %s ORDER BY e.number"


def edition_from_row(row: tuple[Any, ...]) -> Edition:
    """Build an Edition from the columns of ``_EDITION``, in that order."""
    values = dict(zip((one.name for one in fields(Edition)), row, strict=True))
    return Edition(**{**values, "bbox": tuple(values["bbox"]) if values["bbox"] else None})


def _catalog_from_rows(revision: int, rows: list[tuple[Any, ...]]) -> Catalog:
    collections = {}
    for definition, style, srid, footprints, *edition in rows:
        try:
            layer = Layer.from_stored(definition)
        except ValidationError as error:
            # Written by another version of the portal, or by hand: the other layers go on.
            log.error("la couche « %s » est ignorée, sa définition ne se lit pas : %s", edition[0], error)  # noqa: TRY400
            continue
        touched = {int(n): None if codes is None else frozenset(codes) for n, codes in (footprints or {}).items()}
        collections[layer.id] = Collection(layer, style, srid, edition_from_row(tuple(edition)), touched)
    return Catalog(revision, MappingProxyType(collections))


def read_catalog(conn: Connection[Any]) -> Catalog:
    """Read the whole catalogue (commands and workers)."""
    row = conn.execute(_REVISION).fetchone()
    return _catalog_from_rows(row[0] if row else 0, conn.execute(_SELECT).fetchall())


async def fetch_catalog(conn: AsyncConnection[Any]) -> Catalog:
    """Read the whole catalogue (web processes)."""
    row = await (await conn.execute(_REVISION)).fetchone()
    return _catalog_from_rows(row[0] if row else 0, await (await conn.execute(_SELECT)).fetchall())


def read_editions(conn: Connection[Any], layer_id: str) -> list[Edition]:
    """Every edition of a layer, oldest first."""
    return [edition_from_row(row) for row in conn.execute(_EDITIONS, (layer_id,)).fetchall()]


async def fetch_editions(conn: AsyncConnection[Any], layer_id: str) -> list[Edition]:
    """Every edition of a layer, oldest first (web processes)."""
    return [edition_from_row(row) for row in await (await conn.execute(_EDITIONS, (layer_id,))).fetchall()]


async def follow_catalog(
    url: str, on_change: Callable[[Catalog], Awaitable[None]], on_read: Callable[[], None] = lambda: None
) -> None:
    """Call ``on_change`` with the catalogue now and at each new revision, ``on_read`` at each reading, until cancelled.

    One connection LISTENs; a slow poll guards against a lost notification, and whatever goes wrong is tried again.
    """
    known: tuple[int, str] | None = None
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(
                url, autocommit=True, application_name="geoportail-catalogue"
            ) as conn:
                await conn.execute(f"LISTEN {CHANNEL}")
                while True:
                    catalog = await fetch_catalog(conn)
                    if (state := (catalog.revision, catalog.fingerprint)) != known:
                        known = state
                        await on_change(catalog)
                    on_read()
                    async for _ in conn.notifies(timeout=_SAFETY_POLL_SECONDS, stop_after=1):
                        pass
        except psycopg.OperationalError as error:
            log.warning("catalogue injoignable, nouvel essai dans une seconde : %s", error)
        except Exception:
            log.exception("catalogue illisible, nouvel essai dans une seconde")
        await asyncio.sleep(1)
