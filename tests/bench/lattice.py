"""Deterministic lists of tiles and of windows, in one scattered order that wrk, pgbench and Python all follow. Pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from tests.bench.parcels import Box

# A prime: n -> n * STEP mod count visits every cell once, far from the one before, whatever the count (unless a multiple).
STEP = 7919
# Degrees: about a metre.
SHIFT = 0.00001


@dataclass(frozen=True)
class Lattice:
    """``columns`` × ``rows`` cells."""

    columns: int
    rows: int

    @property
    def count(self) -> int:
        return self.columns * self.rows

    def cell(self, turn: int) -> tuple[int, int]:
        """The cell (column, row) of this turn; they come again after ``count`` turns."""
        rank = turn * STEP % self.count
        return rank % self.columns, rank // self.columns

    def pgbench(self, clients: int) -> str:
        """The same walk as pgbench meta-commands, shared by clients; needs ``-D turn=0``; sets ``:column`` and ``:row``."""
        return (
            f"\\set rank ((:client_id + {clients} * :turn) * {STEP}) % {self.count}\n"
            "\\set turn :turn + 1\n"
            f"\\set column :rank % {self.columns}\n"
            f"\\set row :rank / {self.columns}\n"
        )


@dataclass(frozen=True)
class Tiles(Lattice):
    """A rectangle of tiles of WebMercatorQuad, ``x0`` and ``y0`` being the first column and row."""

    zoom: int
    x0: int
    y0: int

    @classmethod
    def within(cls, box: Box, zoom: int) -> "Tiles":
        """The tiles inside ``box`` (degrees, CRS84); those that touch it when none is inside."""
        west, north = _tile_coordinates(box[0], box[3], zoom)
        east, south = _tile_coordinates(box[2], box[1], zoom)
        x0, y0, x1, y1 = math.ceil(west), math.ceil(north), math.floor(east), math.floor(south)
        if x1 <= x0 or y1 <= y0:
            return cls.touching(box, zoom)
        return cls(x1 - x0, y1 - y0, zoom, x0, y0)

    @classmethod
    def touching(cls, box: Box, zoom: int) -> "Tiles":
        """The tiles that ``box`` (degrees, CRS84) touches."""
        west, north = _tile_coordinates(box[0], box[3], zoom)
        east, south = _tile_coordinates(box[2], box[1], zoom)
        x0, y0 = math.floor(west), math.floor(north)
        return cls(math.ceil(east) - x0, math.ceil(south) - y0, zoom, x0, y0)

    def tile(self, turn: int) -> tuple[int, int, int]:
        """(zoom, x, y) of this turn."""
        column, row = self.cell(turn)
        return self.zoom, self.x0 + column, self.y0 + row

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """Every tile once, in the scattered order."""
        return (self.tile(turn) for turn in range(self.count))

    def pgbench(self, clients: int) -> str:
        """Sets ``:zoom``, ``:x`` and ``:y``."""
        walk = super().pgbench(clients)
        return f"{walk}\\set zoom {self.zoom}\n\\set x {self.x0} + :column\n\\set y {self.y0} + :row\n"


@dataclass(frozen=True)
class Windows(Lattice):
    """Windows of ``width`` × ``height`` degrees, side by side from (``west``, ``south``)."""

    west: float
    south: float
    width: float
    height: float

    @classmethod
    def within(cls, box: Box, width: float, height: float) -> "Windows":
        """The windows that fit in ``box`` (degrees); one at least."""
        columns, rows = int((box[2] - box[0]) / width), int((box[3] - box[1]) / height)
        return cls(max(columns, 1), max(rows, 1), round(box[0], 6), round(box[1], 6), width, height)

    def shifted(self, times: int) -> Self:
        """The same windows a few metres aside: other addresses, as much to answer."""
        return replace(self, west=self.west + times * SHIFT, south=self.south + times * SHIFT)

    def window(self, turn: int) -> Box:
        """(west, south, east, north) of this turn, rounded to 6 digits."""
        column, row = self.cell(turn)
        west, south = self.west + column * self.width, self.south + row * self.height
        return round(west, 6), round(south, 6), round(west + self.width, 6), round(south + self.height, 6)

    def __iter__(self) -> Iterator[Box]:
        return (self.window(turn) for turn in range(self.count))

    def pgbench(self, clients: int) -> str:
        """Sets ``:west``, ``:south``, ``:east`` and ``:north``."""
        return (
            super().pgbench(clients)
            + f"\\set west {self.west} + :column * {self.width}\n\\set south {self.south} + :row * {self.height}\n"
            + f"\\set east :west + {self.width}\n\\set north :south + {self.height}\n"
        )


def _tile_coordinates(lon: float, lat: float, zoom: int) -> tuple[float, float]:
    """Fractional tile column and row of a point (degrees)."""
    side = 2**zoom
    return (lon + 180) / 360 * side, (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * side
