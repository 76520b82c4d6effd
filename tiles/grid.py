"""Tile arithmetic of the WebMercatorQuad tile matrix set. Pure: no database, no file.

Source: OGC 17-083r4, Two Dimensional Tile Matrix Set 2.0, annex D.1. Rows count from the top, columns from the west.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import atan, cos, degrees, exp, floor, log, pi, radians, tan
from typing import Any, NamedTuple

TMS_ID = "WebMercatorQuad"
TMS_URI = "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
CRS_URI = "http://www.opengis.net/def/crs/EPSG/0/3857"
MAX_ZOOM = 22
# Half the side of the Web Mercator square, in metres: pi times the radius of the sphere.
HALF_SIDE = 20037508.342789244
MAX_LATITUDE = degrees(2 * atan(exp(pi)) - pi / 2)
_TOP_CELL_SIZE = 156543.03392804097
# A pixel of 0.28 mm on the ground scale (OGC 17-083r4, clause 6.1.1.1).
_PIXEL_M = 0.00028

Box = tuple[float, float, float, float]


class Tile(NamedTuple):
    """Column, row and zoom of a tile."""

    x: int
    y: int
    z: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Inclusive ranges of columns and rows at one zoom."""

    z: int
    min_x: int
    max_x: int
    min_y: int
    max_y: int

    def contains(self, tile: Tile) -> bool:
        """Whether the tile is of this zoom and within the limits."""
        return tile.z == self.z and self.min_x <= tile.x <= self.max_x and self.min_y <= tile.y <= self.max_y

    def tiles(self) -> Iterator[Tile]:
        """The tiles within the limits, row by row."""
        for y in range(self.min_y, self.max_y + 1):
            for x in range(self.min_x, self.max_x + 1):
                yield Tile(x, y, self.z)

    @property
    def count(self) -> int:
        return (self.max_x - self.min_x + 1) * (self.max_y - self.min_y + 1)


def is_tile(z: int, x: int, y: int) -> bool:
    """Whether this zoom, column and row exist in the tile matrix set."""
    return 0 <= z <= MAX_ZOOM and 0 <= x < 1 << z and 0 <= y < 1 << z


def tile_bounds(z: int, x: int, y: int) -> Box:
    """Bounds of a tile (xmin, ymin, xmax, ymax) in metres of EPSG:3857."""
    side = 2 * HALF_SIDE / (1 << z)
    return (
        -HALF_SIDE + x * side,
        HALF_SIDE - (y + 1) * side,
        -HALF_SIDE + (x + 1) * side,
        HALF_SIDE - y * side,
    )


def tile_lonlat_bounds(z: int, x: int, y: int) -> Box:
    """Bounds of a tile (west, south, east, north) in degrees, CRS84."""
    west, south, east, north = tile_bounds(z, x, y)
    return (*_to_lonlat(west, south), *_to_lonlat(east, north))


def tile_at(lon: float, lat: float, z: int) -> Tile:
    """The tile of zoom ``z`` that holds a position in degrees; positions beyond the square go to its edge."""
    lat = max(-MAX_LATITUDE, min(MAX_LATITUDE, lat))
    side = 1 << z
    x = floor((lon + 180) / 360 * side)
    y = floor((1 - log(tan(radians(lat)) + 1 / cos(radians(lat))) / pi) / 2 * side)
    return Tile(max(0, min(side - 1, x)), max(0, min(side - 1, y)), z)


def bbox_limits(bbox: Box, z: int) -> Limits:
    """Tiles of zoom ``z`` met by a box (west, south, east, north) in degrees."""
    west, south, east, north = bbox
    first, last = tile_at(west, north, z), tile_at(east, south, z)
    return Limits(z, first.x, last.x, first.y, last.y)


def parent_at(tile: Tile, z: int) -> Tile:
    """The tile of zoom ``z``, at most that of ``tile``, which contains it."""
    shift = tile.z - z
    return Tile(tile.x >> shift, tile.y >> shift, z)


def _to_lonlat(x: float, y: float) -> tuple[float, float]:
    return x / HALF_SIDE * 180, degrees(2 * atan(exp(y / HALF_SIDE * pi)) - pi / 2)


def tile_matrix_set() -> dict[str, Any]:
    """WebMercatorQuad in the JSON encoding of OGC 17-083r4, zooms 0 to 22."""
    return {
        "id": TMS_ID,
        "title": "Google Maps Compatible for the World",
        "uri": TMS_URI,
        "crs": CRS_URI,
        "orderedAxes": ["X", "Y"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "boundingBox": {
            "lowerLeft": [-HALF_SIDE, -HALF_SIDE],
            "upperRight": [HALF_SIDE, HALF_SIDE],
            "crs": CRS_URI,
            "orderedAxes": ["X", "Y"],
        },
        "tileMatrices": [_tile_matrix(z) for z in range(MAX_ZOOM + 1)],
    }


def _tile_matrix(z: int) -> dict[str, Any]:
    cell_size = _TOP_CELL_SIZE / (1 << z)
    return {
        "id": str(z),
        "scaleDenominator": cell_size / _PIXEL_M,
        "cellSize": cell_size,
        "cornerOfOrigin": "topLeft",
        "pointOfOrigin": [-HALF_SIDE, HALF_SIDE],
        "tileWidth": 256,
        "tileHeight": 256,
        "matrixWidth": 1 << z,
        "matrixHeight": 1 << z,
    }
