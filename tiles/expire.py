"""Which stored tiles an edition made stale. Pure: footprints in, answers out."""

from bisect import bisect_right
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from layers.footprint import FOOTPRINT_ZOOM, decode_zorder
from tiles.grid import Tile

Footprint = frozenset[int] | None
Range = tuple[int, int, int, int]

EXTENT = 4096
# A tile shows its margin too (64 units); in overviews a feature may change how its cell (64 units) and the shapes that
# stick out of it (32 units) are drawn, and the block of cells (256 units) that they are part of.
_REACH_UNITS = 64 + 256 + 64


def is_fresh(footprints: Mapping[int, Footprint], tile: Tile, level: int, made: int, current: int) -> bool:
    """Whether a tile made at edition ``made`` still shows edition ``current``.

    ``footprints`` maps each edition to the z14 tiles (z-order codes) that it touched, or None for any tile; an
    edition missing from it may have touched anything. ``level`` is the zoom whose detail the tile shows.
    """
    if made > current:
        return False
    area = reach(tile, level)
    for edition in range(current, made, -1):
        footprint = footprints.get(edition)
        if footprint is None or _meets(footprint, area):
            return False
    return True


def reach(tile: Tile, level: int) -> Range:
    """Inclusive range of z14 tiles (min_x, min_y, max_x, max_y) whose features may show in the tile."""
    scale = 2.0 ** (FOOTPRINT_ZOOM - tile.z)
    margin = _REACH_UNITS * 2.0 ** (FOOTPRINT_ZOOM - min(level, tile.z)) / EXTENT
    last = (1 << FOOTPRINT_ZOOM) - 1
    return (
        max(0, int(tile.x * scale - margin)),
        max(0, int(tile.y * scale - margin)),
        min(last, int((tile.x + 1) * scale + margin)),
        min(last, int((tile.y + 1) * scale + margin)),
    )


def _meets(footprint: frozenset[int], area: Range) -> bool:
    """Whether a touched tile lies in the range: by its columns, sorted, then by its rows."""
    xs, ys = _columns_and_rows(footprint)
    min_x, min_y, max_x, max_y = area
    first, last = bisect_right(xs, min_x - 1), bisect_right(xs, max_x)
    rows = ys[first:last]
    return bool(((rows >= min_y) & (rows <= max_y)).any())


@lru_cache(maxsize=64)
def _columns_and_rows(footprint: frozenset[int]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    pairs = sorted(decode_zorder(code) for code in footprint)
    array = np.array(pairs, dtype=np.int32).reshape(-1, 2)
    return np.ascontiguousarray(array[:, 0]), np.ascontiguousarray(array[:, 1])
