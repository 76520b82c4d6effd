"""Where the web gets a tile: from the store when it is still right, else made once, whoever asks, and stored."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from isal import igzip

from config.database import Pool
from layers.catalog import Collection
from layers.overviews import FINEST_LEVEL
from tiles.expire import is_fresh
from tiles.grid import Tile, bbox_limits
from tiles.store import LayerStore, StoredTile, TileStore, signature
from tiles.vector import fetch_tile

log = logging.getLogger(__name__)

# Level 1 of igzip: 0.1 ms for a tile of 30 kB, within a few percent of the size that zlib reaches ten times slower.
_GZIP_LEVEL = 1
# Above this, tiles that wait to be written are let go: they will be made again.
_MAX_WAITING_BYTES = 32_000_000
_BATCH_SECONDS = 0.1
_ORIGIN = """
SELECT concat_ws('-', (SELECT oid FROM pg_database WHERE datname = current_database()), extract(epoch FROM created_at))
FROM portail.layer WHERE id = %s
"""

FlightKey = tuple[str, Tile, int, bool]


class TileSource:
    """Tiles of every layer; one object per process, used from its event loop only."""

    def __init__(self, pool: Pool, directory: Path, max_bytes: int) -> None:
        self.pool = pool
        self.max_bytes = max_bytes
        self.store = TileStore(directory)
        self.writer = _Writer()
        self.flights: dict[FlightKey, _Flight] = {}
        self._origins: dict[str, str] = {}
        self._stores: dict[Collection, LayerStore] = {}

    async def current(self, collection: Collection, tile: Tile) -> StoredTile:
        """The tile of the current edition, gzip-compressed, empty when nothing is there.

        Its ``edition`` is that of ``collection`` when it surely shows it. It is another one when the database is
        ahead of this process, or a replica behind: such a tile is good to show, not to keep.
        """
        number = collection.edition.number
        store = await self._store_of(collection)
        tile_of_store = store.get(tile)
        if tile_of_store and _shows(collection, tile, tile_of_store, number):
            return replace(tile_of_store, edition=number)
        made = await self._join((collection.id, tile, number, True), lambda: self._make_current(collection, tile, store))
        return replace(made, edition=number) if _shows(collection, tile, made, number) else made

    async def of_edition(self, collection: Collection, tile: Tile, number: int) -> StoredTile:
        """The tile of edition ``number``, at most the current one: always the same content.

        As for ``current``, another ``edition`` in the answer means that it is not sure.
        """
        store = await self._store_of(collection)
        # Outside the current extent nothing is stored, or anybody could fill the disk with empty tiles.
        if is_inside(collection, tile):
            kept = await self.current(collection, tile)
            if _shows(collection, tile, kept, number):
                return replace(kept, edition=number)
            if _is_past_kept(tile) and (past := store.get_past(tile, number)):
                return past
        return await self._join((collection.id, tile, number, False), lambda: self._make_past(collection, tile, number, store))

    async def close(self) -> None:
        """Write what waits to be written, and close the files."""
        await self.writer.drain()
        self.store.close()

    async def _make_current(self, collection: Collection, tile: Tile, store: LayerStore) -> StoredTile:
        made = await self._make(collection, tile, None)
        self.writer.add(store, tile, made)
        return made

    async def _make_past(self, collection: Collection, tile: Tile, number: int, store: LayerStore) -> StoredTile:
        made = await self._make(collection, tile, number)
        if made.edition == number and _is_past_kept(tile) and is_inside(collection, tile):
            self.writer.add(store, tile, made, past=True)
        return made

    async def _make(self, collection: Collection, tile: Tile, edition: int | None) -> StoredTile:
        async with self.pool.connection() as conn:
            made = await fetch_tile(conn, collection, tile, self.max_bytes, edition)
        data = igzip.compress(made.data, _GZIP_LEVEL, mtime=0) if made.data else b""
        return StoredTile(data, made.edition, made.level)

    async def _store_of(self, collection: Collection) -> LayerStore:
        store = self._stores.get(collection)
        if store is None:
            origin = self._origins.get(collection.id)
            if origin is None:
                async with self.pool.connection() as conn:
                    row = await (await conn.execute(_ORIGIN, (collection.id,))).fetchone()
                origin = self._origins[collection.id] = str(row[0]) if row else ""
            store = self.store.layer(collection.id, signature(collection, origin, self.max_bytes))
            self._stores = {one: kept for one, kept in self._stores.items() if one.id != collection.id}
            self._stores[collection] = store
        return store

    async def _join(self, key: FlightKey, make: Callable[[], Coroutine[Any, Any, StoredTile]]) -> StoredTile:
        """Await the tile that is being made under this key, or make it; stop when nobody waits any more."""
        flight = self.flights.get(key)
        if flight is None:
            flight = self.flights[key] = _Flight(asyncio.create_task(make()))
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if flight.waiters == 0 and self.flights.get(key) is flight:
                del self.flights[key]
                flight.task.cancel()


class _Flight:
    """A tile that is being made, and how many requests wait for it."""

    __slots__ = ("task", "waiters")

    def __init__(self, task: asyncio.Task[StoredTile]) -> None:
        self.task = task
        self.waiters = 0


class _Writer:
    """Puts finished tiles in their store by batches, in a thread."""

    def __init__(self) -> None:
        self.waiting: dict[tuple[LayerStore, bool], list[tuple[Tile, StoredTile]]] = {}
        self.size = 0
        self.task: asyncio.Task[None] | None = None

    def add(self, store: LayerStore, tile: Tile, made: StoredTile, *, past: bool = False) -> None:
        if self.size > _MAX_WAITING_BYTES:
            return
        self.size += len(made.data) + 100
        self.waiting.setdefault((store, past), []).append((tile, made))
        if self.task is None:
            self.task = asyncio.create_task(self._flush())

    async def drain(self) -> None:
        """Wait until everything is written."""
        while self.task:
            await self.task

    async def _flush(self) -> None:
        try:
            while self.waiting:
                await asyncio.sleep(_BATCH_SECONDS)
                batches, self.waiting, self.size = self.waiting, {}, 0
                for (store, past), tiles in batches.items():
                    await asyncio.to_thread(store.put, tiles, past=past)
        finally:
            self.task = None


def _shows(collection: Collection, tile: Tile, kept: StoredTile, number: int) -> bool:
    """Whether a tile made at one edition shows edition ``number``, as far as the catalogue of this process knows."""
    low, high = sorted((kept.edition, number))
    return high <= collection.edition.number and is_fresh(collection.footprints, tile, kept.level, low, high)


def _is_past_kept(tile: Tile) -> bool:
    """Whether past tiles of this zoom are stored: those that overviews would draw, few, and long to make without them."""
    return tile.z <= FINEST_LEVEL


def is_offered(collection: Collection, tile: Tile) -> bool:
    """Whether the layer offers tiles at this zoom."""
    return collection.layer.tiles.min_zoom <= tile.z <= collection.layer.tiles.max_zoom


def is_inside(collection: Collection, tile: Tile) -> bool:
    """Whether the tile meets the extent of the current edition."""
    bbox = collection.edition.bbox
    return bbox is not None and bbox_limits(bbox, tile.z).contains(tile)
