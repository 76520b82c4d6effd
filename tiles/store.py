"""The tile store: finished tiles, gzip-compressed, in one local SQLite file per layer and definition.

A tile is kept with the edition that it shows; nothing has to be deleted when an edition is published, since
``tiles.expire`` tells from the editions' footprints whether it is still right. The name of a file bears the signature
of what its tiles were made from: processes at two definitions never mix their tiles, and the file that nobody uses
any more is removed. Several processes read and write the same file. The store is only a memory: a file that is
damaged, locked or full is worked around or made again.
"""

import fcntl
import logging
import re
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, TypeVar

from layers.catalog import Collection
from tiles.grid import Tile

T = TypeVar("T")

log = logging.getLogger(__name__)

# Changes when the content of tiles changes for the same data: the stored ones are then dropped.
FORMAT = 1
_SIGNATURE_DIGITS = 12
_SCHEMA = """
CREATE TABLE IF NOT EXISTS tile (
    z INTEGER NOT NULL, x INTEGER NOT NULL, y INTEGER NOT NULL,
    edition INTEGER NOT NULL, level INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (z, x, y)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS past (
    z INTEGER NOT NULL, x INTEGER NOT NULL, y INTEGER NOT NULL,
    edition INTEGER NOT NULL, level INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (z, x, y, edition)
) WITHOUT ROWID;
"""
_GET = "SELECT data, edition, level FROM tile WHERE z = ? AND x = ? AND y = ?"
_GET_PAST = "SELECT data, edition, level FROM past WHERE z = ? AND x = ? AND y = ? AND edition = ?"
# Processes that follow the catalogue at different speeds must not replace a tile by an older one.
_PUT = """
INSERT INTO tile (z, x, y, edition, level, data) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (z, x, y) DO UPDATE SET edition = excluded.edition, level = excluded.level, data = excluded.data
WHERE excluded.edition >= tile.edition
"""
# A past edition does not change: the first writer is right.
_PUT_PAST = "INSERT OR IGNORE INTO past (z, x, y, edition, level, data) VALUES (?, ?, ?, ?, ?, ?)"
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
    return sha256(repr((_definition(collection), max_bytes, origin)).encode()).hexdigest()


def definition_mark(collection: Collection) -> str:
    """Eight hexadecimal digits that change with what the definition of the layer puts in its tiles.

    In their address, so that a copy kept by a cache never outlives a field that was hidden.
    """
    return f"{zlib.crc32(repr(_definition(collection)).encode()):08x}"


def _definition(collection: Collection) -> tuple[object, ...]:
    fields = [(field.name, field.type.value) for field in collection.layer.tile_fields]
    return FORMAT, collection.id, collection.srid, collection.layer.geometry.value, fields


class LayerStore:
    """The stored tiles of one layer under one signature, in a file of their own. Never raises; once closed, keeps nothing.

    Reading and writing have a connection each, so that the event loop, which reads, never waits for a batch.
    """

    def __init__(self, directory: Path, layer_id: str, signature: str) -> None:
        self.layer_id = layer_id
        self.signature = signature
        self.path = directory / f"{layer_id}-{signature[:_SIGNATURE_DIGITS]}.sqlite"
        self._lock_path = directory / f"{layer_id}.lock"
        self._reading = _Channel(self.path, self._lock_path)
        self._writing = _Channel(self.path, self._lock_path)
        self._is_alone = False

    def get(self, tile: Tile) -> StoredTile | None:
        """The stored tile, of whatever edition, or None."""
        row = self._reading.run(lambda conn: conn.execute(_GET, (tile.z, tile.x, tile.y)).fetchone())
        return StoredTile(*row) if row else None

    def get_past(self, tile: Tile, edition: int) -> StoredTile | None:
        """The tile of a past edition, or None."""
        row = self._reading.run(lambda conn: conn.execute(_GET_PAST, (tile.z, tile.x, tile.y, edition)).fetchone())
        return StoredTile(*row) if row else None

    def put(self, tiles: Iterable[tuple[Tile, StoredTile]], *, past: bool = False) -> bool:
        """Keep a batch of tiles in one transaction, as current ones or ``past`` ones; False when they could not be kept."""
        rows = [(tile.z, tile.x, tile.y, kept.edition, kept.level, kept.data) for tile, kept in tiles]

        def write(conn: sqlite3.Connection) -> bool:
            if not self._is_alone:
                self._is_alone = True
                self._remove_others()
            with conn:
                conn.executemany(_PUT_PAST if past else _PUT, rows)
            return True

        return self._writing.run(write) or False

    def close(self) -> None:
        self._reading.close()
        self._writing.close()

    def _remove_others(self) -> None:
        """Remove the files that the layer had under other signatures, except those that a process still uses."""
        others = re.compile(rf"{re.escape(self.layer_id)}-[0-9a-f]{{{_SIGNATURE_DIGITS}}}\.sqlite")
        with _locked(self._lock_path):
            for path in self.path.parent.iterdir():
                if others.fullmatch(path.name) and path != self.path:
                    with suppress(OSError), _use_path(path).open("w") as use:
                        fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        _remove(path)
                        _use_path(path).unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _use_path(path: Path) -> Path:
    """The file that is locked as long as somebody uses the store ``path``."""
    return path.with_suffix(".use")


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + ending).unlink(missing_ok=True)


class _Channel:
    """One connection, opened on first use, used by one thread at a time; what goes wrong with it ends here."""

    def __init__(self, path: Path, lock_path: Path) -> None:
        self.path = path
        self.lock_path = lock_path
        self.lock = threading.Lock()
        self.conn: sqlite3.Connection | None = None
        self.use: IO[str] | None = None
        self.is_closed = False

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """The result of ``work``, or None when the file could not serve; a damaged one is removed and made anew later."""
        with self.lock:
            if self.is_closed:
                return None
            try:
                if self.conn is None:
                    self.conn = self._open()
                return work(self.conn)
            except (sqlite3.Error, OSError) as error:
                log.warning("magasin de tuiles %s : %s", self.path.name, error)
                self._close()
                if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
                    _remove(self.path)
                return None

    def close(self) -> None:
        """For good: what comes later is not kept."""
        with self.lock:
            self.is_closed = True
            self._close()

    def _open(self) -> sqlite3.Connection:
        """A connection to the file, made if need be."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Turning WAL on does not wait for another process that does the same: they open the file one after the other.
        with _locked(self.lock_path):
            self.use = _use_path(self.path).open("w")
            fcntl.flock(self.use, fcntl.LOCK_SH)
            return self._open_alone()

    def _open_alone(self) -> sqlite3.Connection:
        conn = sqlite3.connect(self.path, timeout=2, check_same_thread=False)
        try:
            conn.execute("PRAGMA journal_mode = WAL")
            conn.execute("PRAGMA synchronous = OFF")  # what a power cut damages is made again
            conn.executescript(_SCHEMA)
        except sqlite3.Error:
            conn.close()
            raise
        return conn

    def _close(self) -> None:
        if self.conn is not None:
            with suppress(sqlite3.Error):
                self.conn.close()
            self.conn = None
        if self.use is not None:
            self.use.close()
            self.use = None


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
            store = self._layers[layer_id] = LayerStore(self.directory, layer_id, signature)
        return store

    def close(self) -> None:
        for store in self._layers.values():
            store.close()
        self._layers.clear()
