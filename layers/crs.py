"""Coordinate reference systems: URI outside, integer SRID inside, axis order at the edge only.

Storage and SQL always have x first (east, or longitude). A CRS whose authority puts north first (EPSG:4326) is
flipped when an answer is written and when a bbox or a geometry is read.
"""

import math
import re
from dataclasses import dataclass
from functools import lru_cache

import pyproj

CRS84_URI = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_FORMS = re.compile(
    r"^(?:https?://www\.opengis\.net/def/crs/EPSG/(?:0|[\d.]+)/|\[?EPSG:|urn:ogc:def:crs:EPSG:[\d.]*:)(\d{4,6})\]?$",
    re.IGNORECASE,
)
_CRS84_FORMS = {
    CRS84_URI,
    CRS84_URI.replace("http:", "https:"),
    "OGC:CRS84",
    "[OGC:CRS84]",
    "urn:ogc:def:crs:OGC:1.3:CRS84",
    "CRS84",
}

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Crs:
    """A CRS as clients name it. ``decimals`` keeps about a centimetre in degrees, a millimetre in metres."""

    uri: str
    srid: int
    flipped: bool
    decimals: int


CRS84 = Crs(CRS84_URI, 4326, flipped=False, decimals=7)


class UnknownCrsError(ValueError):
    """The CRS is unknown, or not offered here."""


@lru_cache
def from_srid(srid: int) -> Crs:
    """The CRS of an EPSG code, with the axis order of its authority."""
    crs = pyproj.CRS.from_epsg(srid)
    flipped = crs.axis_info[0].direction == "north"
    decimals = 7 if crs.is_geographic else 3
    return Crs(f"http://www.opengis.net/def/crs/EPSG/0/{srid}", srid, flipped, decimals)


def offered(srids: tuple[int, ...]) -> tuple[Crs, ...]:
    """CRS84 and the CRS of the territory, in the order in which they are listed."""
    return (CRS84, *(from_srid(srid) for srid in srids))


def parse_crs(text: str, srids: tuple[int, ...]) -> Crs:
    """Read a CRS as a URI, a safe CURIE or ``EPSG:2154``; raises UnknownCrsError unless it is offered."""
    if text in _CRS84_FORMS:
        return CRS84
    match = _FORMS.match(text)
    if match and int(match[1]) in srids:
        return from_srid(int(match[1]))
    accepted = ", ".join(crs.uri for crs in offered(srids))
    raise UnknownCrsError(f"le système de coordonnées « {text[:80]} » n'est pas proposé ; acceptés : {accepted}")


@lru_cache
def domain(storage_srid: int, srid: int) -> Box:
    """Where the storage CRS is valid, in the coordinates of ``srid`` (x first), from the EPSG area of use.

    Boxes are clipped to it: the whole world asked for in degrees has no image in Lambert-93.
    """
    area = pyproj.CRS.from_epsg(storage_srid).area_of_use
    if area is None:
        return (-180.0, -90.0, 180.0, 90.0)
    bounds = (area.west, area.south, area.east, area.north)
    if srid == 4326:
        return bounds
    transformer = pyproj.Transformer.from_crs(4326, srid, always_xy=True)
    west, south, east, north = transformer.transform_bounds(*bounds, densify_pts=51)
    return (west, south, east, north)


# A side of a box is a curve in another projection. A parallel bends least, with a radius of about 6 000 km: one piece
# for each 700 m of side keeps the chord within a centimetre of the arc.
_PIECES_PER_KM = 1.5
_MOST_PIECES = 200
_KM_PER_DEGREE = 111.3


def pieces(side: float, srid: int) -> int:
    """In how many pieces to cut the side of a box, in units of ``srid``, before it is reprojected."""
    kilometres = side * _KM_PER_DEGREE if srid == CRS84.srid else side / 1000
    return max(1, min(math.ceil(kilometres * _PIECES_PER_KM), _MOST_PIECES))


def clip_box(box: Box, limits: Box) -> list[Box]:
    """The part of ``box`` inside ``limits``: none, one, or two boxes when its west is beyond its east (antimeridian)."""
    west, south, east, north = box
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    out = []
    for low, high in spans:
        clipped = (max(low, limits[0]), max(south, limits[1]), min(high, limits[2]), min(north, limits[3]))
        if clipped[0] <= clipped[2] and clipped[1] <= clipped[3]:
            out.append(clipped)
    return out
