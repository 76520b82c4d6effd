"""Which z14 tiles an edition touched, as z-order codes: what tells a tile that it is still right.

A z-order (Morton) code interleaves the bits of the column and row of a Web Mercator tile: the code of the tile that
contains it one zoom higher up is ``code >> 2``.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

from psycopg import Cursor

FOOTPRINT_ZOOM = 14
MAX_CODES = 50_000

_SQL = Path(__file__).resolve().parent / "sql"
_SPREADS = ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555))
_SQUEEZES = ((1, 0x33333333), (2, 0x0F0F0F0F), (4, 0x00FF00FF), (8, 0x0000FFFF))


def encode_zorder(x: int, y: int) -> int:
    """Interleave the bits of a tile column and row (each under 2**16): x on even bits, y on odd bits."""
    return _spread(x) | _spread(y) << 1


def decode_zorder(code: int) -> tuple[int, int]:
    """The tile column and row of a z-order code: the inverse of ``encode_zorder``."""
    return _squeeze(code), _squeeze(code >> 1)


def _spread(value: int) -> int:
    for shift, mask in _SPREADS:
        value = (value | value << shift) & mask
    return value


def _squeeze(value: int) -> int:
    value &= 0x55555555
    for shift, mask in _SQUEEZES:
        value = (value | value >> shift) & mask
    return value


@lru_cache
def _statement() -> bytes:
    return (_SQL / "delta_footprint.sql").read_bytes()


def delta_footprint(cur: Cursor[tuple[Any, ...]], srid: int) -> list[int] | None:
    """Z-order codes of the z14 tiles touched by the temp table ``delta``, sorted; None for "any tile".

    ``delta(key text, op "char", old_geom geometry, new_geom geometry)`` holds the rows added, changed and removed
    by the edition (``a``, ``c``, ``r``), with geometries in the storage CRS ``srid``: no ``old_geom`` for an
    addition, no ``new_geom`` for a removal. A tile is touched when the extent of the old or new geometry meets it;
    a row whose geometry did not change counts too, since its attributes travel in tiles. None is returned when more
    than ``MAX_CODES`` tiles are touched, or when ``delta`` is so large that counting them would cost more than it saves.
    """
    row = cur.execute(_statement(), {"srid": srid, "zoom": FOOTPRINT_ZOOM, "limit": MAX_CODES}).fetchone()
    if row is None or row[0] is None:
        return None
    return sorted(encode_zorder(x, y) for x, y in zip(row[0], row[1], strict=True))
