"""The tile store: finished tiles, gzip-compressed, in one local SQLite file per layer.

A tile is kept with the edition that it shows; nothing has to be deleted when an edition is published, since
``tiles.expire`` tells from the editions' footprints whether it is still right. Several processes read and write the
same file. The store is only a memory: a file that is damaged, locked or full is worked around or made again.
"""

import fcntl
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from layers.catalog import Collection
from tiles.grid import Tile

T = TypeVar("T")

log = logging.getLogger(__name__)

# Changes when the content of tiles changes for the same data: the stored ones are then dropped.
FORMAT = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS tile (
    z INTEGER NOT NULL, x INTEGER NOT NULL, y INTEGER NOT NULL,
    edition INTEGER NOT NULL, level INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (z, x, y)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identity (signature TEXT NOT NULL);
"""
_GET = "SELECT data, edition, level FROM tile WHERE z = ? AND x = ? AND y = ?"
# Processes that follow the catalogue at different speeds must not replace a tile by an older one.
_PUT = """
INSERT INTO tile (z, x, y, edition, level, data) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (z, x, y) DO UPDATE SET edition = excluded.edition, level = excluded.level, data = excluded.data
WHERE excluded.edition >= tile.edition
"""
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@dataclass(frozen=True, slots=True)
class StoredTile:
    """``data`` is gzip-compressed, or empty for a tile without features; see ``tiles.vector.MadeTile`` for ``level``."""

    data: bytes
    edition: int
    level: int


def signature(collection: Collection, origin: str, max_bytes: int) -> str:
    """What the content of the tiles of a layer depends on, besides its data.

    ``origin`` identifies the database: a store left by another one, or by a later state of a restored one, is not used.
    """
    fields = [(field.name, field.type.value) for field in collection.layer.tile_fields]
    parts = (FORMAT, collection.id, collection.srid, collection.layer.geometry.value, fields, max_bytes, origin)
    return sha256(repr(parts).encode()).hexdigest()


class LayerStore:
    """The stored tiles of one layer under one signature. Never raises.

    Reading and writing have a connection each, so that the event loop, which reads, never waits for a batch.
    """

    def __init__(self, path: Path, signature: str) -> None:
        self.signature = signature
        self._reading = _Channel(path, signature)
        self._writing = _Channel(path, signature)

    def get(self, tile: Tile) -> StoredTile | None:
        """The stored tile, of whatever edition, or None."""
        row = self._reading.run(lambda conn: conn.execute(_GET, (tile.z, tile.x, tile.y)).fetchone())
        return StoredTile(*row) if row else None

    def put(self, tiles: Iterable[tuple[Tile, StoredTile]]) -> bool:
        """Keep a batch of tiles in one transaction; False when they could not be kept."""
        rows = [(tile.z, tile.x, tile.y, kept.edition, kept.level, kept.data) for tile, kept in tiles]

        def write(conn: sqlite3.Connection) -> bool:
            with conn:
                conn.executemany(_PUT, rows)
            return True

        return self._writing.run(write) or False

    def close(self) -> None:
        self._reading.close()
        self._writing.close()


class _Channel:
    """One connection, opened on first use, used by one thread at a time; what goes wrong with it ends here."""

    def __init__(self, path: Path, signature: str) -> None:
        self.path = path
        self.signature = signature
        self.lock = threading.Lock()
        self.conn: sqlite3.Connection | None = None

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """The result of ``work``, or None when the file could not serve; a damaged one is removed and made anew later."""
        with self.lock:
            try:
                if self.conn is None:
                    self.conn = self._open()
                return work(self.conn)
            except (sqlite3.Error, OSError) as error:
                log.warning("magasin de tuiles %s : %s", self.path.name, error)
                self._close()
                if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
                    self._remove()
                return None

    def close(self) -> None:
        with self.lock:
            self._close()

    def _open(self) -> sqlite3.Connection:
        """A connection to the file, made if need be; tiles kept under another signature are dropped."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Turning WAL on does not wait for another process that does the same: they open the file one after the other.
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return self._open_alone()

    def _open_alone(self) -> sqlite3.Connection:
        conn = sqlite3.connect(self.path, timeout=2, check_same_thread=False)
        try:
            conn.execute("PRAGMA journal_mode = WAL")
            conn.execute("PRAGMA synchronous = OFF")  # what a power cut damages is made again
            conn.executescript(_SCHEMA)
            if self._is_foreign(conn):
                with conn:
                    conn.execute("BEGIN IMMEDIATE")
                    if self._is_foreign(conn):  # another process may have done it meanwhile
                        conn.execute("DELETE FROM tile")
                        conn.execute("DELETE FROM identity")
                        conn.execute("INSERT INTO identity VALUES (?)", (self.signature,))
        except sqlite3.Error:
            conn.close()
            raise
        return conn

    def _is_foreign(self, conn: sqlite3.Connection) -> bool:
        found: tuple[str] | None = conn.execute("SELECT signature FROM identity").fetchone()
        return found != (self.signature,)

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def _close(self) -> None:
        if self.conn is not None:
            with suppress(sqlite3.Error):
                self.conn.close()
            self.conn = None


class TileStore:
    """The stores of all layers, in ``directory``; one object per process."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._layers: dict[str, LayerStore] = {}

    def layer(self, layer_id: str, signature: str) -> LayerStore:
        """The store of a layer under this signature; the one under another signature is closed."""
        store = self._layers.get(layer_id)
        if store is None or store.signature != signature:
            if store:
                store.close()
            store = self._layers[layer_id] = LayerStore(self.directory / f"{layer_id}.sqlite", signature)
        return store

    def close(self) -> None:
        for store in self._layers.values():
            store.close()
        self._layers.clear()
