"""A deterministic cadastre: parcel-like polygons that share their edges, as many as asked, the same ones every time.

A lattice of corners 80 m apart is shaken; some edges get a bend, which both neighbours share. A cell is thus a polygon
of 4 to 8 sides (rings of 5 to 9 points). Cells are numbered like the cadastre: communes are squares of 72 cells,
sections squares of 12, so that the order of the identifiers is also an order on the ground, as in reality.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from math import ceil, sqrt

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from layers.staging import Record

SRID = 2154
CELL_M = 80.0
CORNER_SHIFT_M = 18.0
BEND_SHIFT_M = 8.0
BENT_EDGES = 0.35
# Middle of Loire-Atlantique, in metres of EPSG:2154.
CENTRE = (339_000.0, 6_705_300.0)
SECTION_CELLS = 12
COMMUNE_CELLS = 72
FIRST_DAY = date(1990, 1, 1)
SEED = 44

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Cadastre:
    """``count`` parcels in a square patch around the middle of the département."""

    count: int

    @property
    def side(self) -> int:
        """Cells along one side of the patch; the last row may be incomplete."""
        return ceil(sqrt(self.count))

    @property
    def box(self) -> Box:
        """Extent of the lattice (xmin, ymin, xmax, ymax) in metres of EPSG:2154."""
        half = self.side * CELL_M / 2
        return (CENTRE[0] - half, CENTRE[1] - half, CENTRE[0] + half, CENTRE[1] + half)

    @cached_property
    def inner_degrees(self) -> Box:
        """A box (west, south, east, north) in CRS84 that is wholly covered by parcels."""
        xmin, ymin, xmax, ymax = self.box
        # The last row may be incomplete, and the shaken corners eat into the edge.
        ring = [
            (xmin + CELL_M, ymin + CELL_M),
            (xmax - CELL_M, ymin + CELL_M),
            (xmax - CELL_M, ymax - 2 * CELL_M),
            (xmin + CELL_M, ymax - 2 * CELL_M),
        ]
        to_degrees = Transformer.from_crs(SRID, 4326, always_xy=True)
        (lon0, lat0), (lon1, lat1), (lon2, lat2), (lon3, lat3) = (to_degrees.transform(*point) for point in ring)
        return (max(lon0, lon3), max(lat0, lat1), min(lon1, lon2), min(lat2, lat3))

    def __iter__(self) -> Iterator[Record]:
        """Parcels in the order of their identifiers: attributes by name, MultiPolygon in EPSG:2154 as WKB."""
        lattice = _Lattice.shaken(self.side, self.box)
        for commune, cells in enumerate(_communes(self.side)):
            yield from _parcels_of_commune(lattice, commune, cells[cells[:, 1] * self.side + cells[:, 0] < self.count])

    def keys(self) -> list[str]:
        """Identifiers in order."""
        return [
            _identifier(commune, rank)
            for commune, cells in enumerate(_communes(self.side))
            for rank in range(int((cells[:, 1] * self.side + cells[:, 0] < self.count).sum()))
        ]

    def pgbench_key(self) -> str:
        """pgbench meta-commands that draw an identifier at random: ``:commune``, ``:section`` and ``:number``.

        Among the complete communes of the first row; in the only commune of a patch too small for that.
        """
        return (
            f"\\set commune random(1, {max(1, self.side // COMMUNE_CELLS)})\n"
            f"\\set rank random(0, {min(self.count, COMMUNE_CELLS**2) - 1})\n"
            f"\\set section :rank / {SECTION_CELLS**2}\n"
            f"\\set number :rank % {SECTION_CELLS**2} + 1\n"
        )


@dataclass(frozen=True)
class _Lattice:
    """Shaken corners [row, column, xy]; bends of the edges towards x and towards y, with the mask of those that exist."""

    corners: Floats
    bends_x: Floats
    has_bend_x: NDArray[np.bool_]
    bends_y: Floats
    has_bend_y: NDArray[np.bool_]

    @classmethod
    def shaken(cls, side: int, box: Box) -> "_Lattice":
        random = np.random.default_rng(SEED)
        steps = np.arange(side + 1) * CELL_M
        corners = np.stack(np.meshgrid(box[0] + steps, box[1] + steps), axis=-1)
        corners += random.uniform(-CORNER_SHIFT_M, CORNER_SHIFT_M, corners.shape)
        along_x = (corners[:, :-1] + corners[:, 1:]) / 2
        along_y = (corners[:-1] + corners[1:]) / 2
        return cls(
            # Centimetres, as in the cadastre.
            corners.round(2),
            (along_x + random.uniform(-BEND_SHIFT_M, BEND_SHIFT_M, along_x.shape)).round(2),
            random.random(along_x.shape[:2]) < BENT_EDGES,
            (along_y + random.uniform(-BEND_SHIFT_M, BEND_SHIFT_M, along_y.shape)).round(2),
            random.random(along_y.shape[:2]) < BENT_EDGES,
        )

    def polygons(self, column: NDArray[np.int64], row: NDArray[np.int64]) -> NDArray[np.object_]:
        """The cells at these places, as shapely MultiPolygons."""
        always = np.ones(len(row), dtype=bool)
        ring = [
            (self.corners[row, column], always),
            (self.bends_x[row, column], self.has_bend_x[row, column]),
            (self.corners[row, column + 1], always),
            (self.bends_y[row, column + 1], self.has_bend_y[row, column + 1]),
            (self.corners[row + 1, column + 1], always),
            (self.bends_x[row + 1, column], self.has_bend_x[row + 1, column]),
            (self.corners[row + 1, column], always),
            (self.bends_y[row, column], self.has_bend_y[row, column]),
        ]
        points = np.stack([point for point, _ in ring], axis=1)
        kept = np.stack([mask for _, mask in ring], axis=1)
        owner = np.repeat(np.arange(len(row)), len(ring)).reshape(kept.shape)
        rings = shapely.linearrings(points[kept], indices=owner[kept])
        shapes: NDArray[np.object_] = shapely.multipolygons(shapely.polygons(rings), indices=np.arange(len(row)))
        return shapes


def _communes(side: int) -> Iterator[NDArray[np.int64]]:
    """Cells (column, row) of each commune, section by section."""
    for row in range(0, side, COMMUNE_CELLS):
        for column in range(0, side, COMMUNE_CELLS):
            rows, columns = np.mgrid[row : min(row + COMMUNE_CELLS, side), column : min(column + COMMUNE_CELLS, side)]
            cells = np.stack([columns.ravel(), rows.ravel()], axis=1)
            yield cells[np.lexsort((cells[:, 0], cells[:, 1], cells[:, 0] // SECTION_CELLS, cells[:, 1] // SECTION_CELLS))]


def _parcels_of_commune(lattice: _Lattice, commune: int, cells: NDArray[np.int64]) -> Iterator[Record]:
    polygons = lattice.polygons(cells[:, 0], cells[:, 1])
    areas = shapely.area(polygons).round().astype(int).tolist()
    for rank, (wkb, area) in enumerate(zip(shapely.to_wkb(polygons).tolist(), areas, strict=True)):
        key = _identifier(commune, rank)
        yield Record(
            {
                "id": key,
                "commune": key[:5],
                "section": key[8:10],
                "numero": rank % SECTION_CELLS**2 + 1,
                "contenance": area,
                "arpente": rank % 3 == 0,
                "created": FIRST_DAY + timedelta(days=(commune * 131 + rank * 7) % 12_000),
            },
            wkb,
        )


def _identifier(commune: int, rank: int) -> str:
    """Commune (5), prefix (3), section (2), number (4): ``44001000AA0001``."""
    section, number = divmod(rank, SECTION_CELLS**2)
    return f"44{commune + 1:03d}000{chr(65 + section // 26)}{chr(65 + section % 26)}{number + 1:04d}"
