"""From a storage CRS to one tile by an affine map: what ST_Transform does point by point, for a quarter of its cost.

Over a square as small as a tile, the error of the best affine map grows as the square of its side. From ``MIN_ZOOM`` up
it stays under a third of a tile unit in every official CRS of a French département, so that a vertex, once rounded, is
less than one unit away from its exact place.
"""

from dataclasses import dataclass
from functools import lru_cache

from pyproj import Transformer

from tiles.grid import Box, tile_bounds

MIN_ZOOM = 14
EXTENT = 4096
_MIN_BOX_ZOOM = 8
_EVERYTHING = 1e12


@dataclass(frozen=True, slots=True)
class TileMap:
    """Coefficients for ST_Affine, from the storage CRS to tile units with y upwards (0 at the top of the tile),
    and the box (storage CRS) that covers the tile and its margin."""

    a: float
    b: float
    d: float
    e: float
    x: float
    y: float
    xmin: float
    ymin: float
    xmax: float
    ymax: float


@lru_cache(maxsize=32)
def _transformers(srid: int) -> tuple[Transformer, Transformer]:
    return (
        Transformer.from_crs(3857, srid, always_xy=True),
        Transformer.from_crs(srid, 3857, always_xy=True),
    )


def storage_box(srid: int, z: int, x: int, y: int, buffer: int) -> Box:
    """A box of the storage CRS that covers a tile and its margin (``buffer`` in tile units).

    A tile wider than a few départements has no sensible image in a local projection: the box is then everything.
    """
    if z < _MIN_BOX_ZOOM:
        return (-_EVERYTHING, -_EVERYTHING, _EVERYTHING, _EVERYTHING)
    xs, ys = _corners_and_middles(srid, z, x, y, buffer)
    return (min(xs), min(ys), max(xs), max(ys))


def _corners_and_middles(srid: int, z: int, x: int, y: int, buffer: int) -> tuple[list[float], list[float]]:
    """Four corners, four middles of the sides and the centre of a tile and its margin, in the storage CRS."""
    west, south, east, _ = tile_bounds(z, x, y)
    side = east - west
    margin = side * buffer / EXTENT
    steps = (-margin, side / 2, side + margin)
    xs, ys = _transformers(srid)[0].transform(
        [west + i for _ in steps for i in steps],
        [south + j for j in steps for _ in steps],
    )
    return xs, ys


def tile_map(srid: int, z: int, x: int, y: int, buffer: int) -> TileMap:
    """The affine map of a tile of zoom ``MIN_ZOOM`` or more; ``buffer`` in tile units.

    It is exact at first order in the middle of the tile, and halves the error between the middle and the edges.
    """
    west, south, east, north = tile_bounds(z, x, y)
    side = east - west
    middle = side / 2
    xs, ys = _corners_and_middles(srid, z, x, y, buffer)
    cx, cy = xs[4], ys[4]
    h = (max(xs) - min(xs)) / 2
    v = (max(ys) - min(ys)) / 2
    (ex, wx, nx, sx), (ey, wy, ny, sy) = _transformers(srid)[1].transform([cx + h, cx - h, cx, cx], [cy, cy, cy + v, cy - v])
    k = EXTENT / side
    a, b, d, e = (ex - wx) / 2 / h * k, (nx - sx) / 2 / v * k, (ey - wy) / 2 / h * k, (ny - sy) / 2 / v * k
    # Second-order terms push the sides one way and not the centre: meeting half-way halves the largest error.
    ox = ((ex + wx + nx + sx) / 4 + west + middle) / 2
    oy = ((ey + wy + ny + sy) / 4 + south + middle) / 2
    return TileMap(
        a, b, d, e,
        (ox - west) * k - a * cx - b * cy,
        (oy - north) * k - d * cx - e * cy,
        min(xs), min(ys), max(xs), max(ys),
    )  # fmt: skip
