"""What is asked of a coverage, read and brought to the raster's CRS: pygeoapi receives only numbers that it can take."""

import math
import re
from collections.abc import Mapping

import pyproj
import shapely
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from geoportal.errors import ProblemError, bad_parameter
from geoportal.ogc.parameters import read_bbox, read_crs
from ingest.derived.rasters import RasterDefinition
from layers.crs import Box, clip_box, domain

_AXIS = re.compile(r"^\s*([a-z]+)\(([^():]+)(?::([^():]+))?\)\s*$")
_MAX_WKT = 20_000
_KINDS = {"position": ("Point",), "area": ("Polygon", "MultiPolygon")}
EXAMPLES = {"position": "POINT(-1.55 47.22)", "area": "POLYGON((-1.6 47.2,-1.5 47.2,-1.5 47.25,-1.6 47.2))"}


def read_box(raster: RasterDefinition, params: Mapping[str, str], srids: tuple[int, ...]) -> Box | None:
    """The box of ``bbox`` (and ``bbox-crs``) or of ``subset``, in the raster's CRS; None when neither is given."""
    bbox, subset = params.get("bbox"), params.get("subset")
    if bbox is not None and subset is not None:
        raise bad_parameter("subset", "« bbox » et « subset » ne se donnent pas ensemble.")
    if subset is not None:
        return read_subset(raster, subset)
    crs = read_crs("bbox-crs", params.get("bbox-crs"), srids)
    box = read_bbox(bbox, crs)
    return None if box is None else _to_native(raster, box, crs.srid)


def _to_native(raster: RasterDefinition, box: Box, srid: int) -> Box:
    """The box that encloses ``box`` in the raster's CRS: its sides become curves, so that corners are not enough."""
    boxes = clip_box(box, domain(raster.srid, srid))
    if not boxes:
        raise outside(raster)
    if srid == raster.srid:
        return boxes[0]
    transformer = pyproj.Transformer.from_crs(srid, raster.srid, always_xy=True)
    images = [transformer.transform_bounds(*one) for one in boxes]
    return (min(i[0] for i in images), min(i[1] for i in images), max(i[2] for i in images), max(i[3] for i in images))


def outside(raster: RasterDefinition) -> ProblemError:
    """Nothing of the raster is where it was asked for."""
    return ProblemError(404, "Introuvable", f"L'emprise demandée est hors de la couverture « {raster.id} ».")


def read_subset(raster: RasterDefinition, text: str) -> Box:
    """Read ``x(300000:310000),y(6690000:*)`` in the raster's CRS; an axis left out is taken whole, ``*`` is its end."""
    left, bottom, right, top = raster.bounds
    limits = {"x": (left, right), "y": (bottom, top)}
    found: dict[str, tuple[float, float]] = {}
    for part in text.split(","):
        match = _AXIS.match(part)
        if not match or match[1] not in limits or match[1] in found:
            raise bad_parameter(
                "subset",
                "« subset » attend des intervalles sur les axes x et y, par exemple x(350000:360000),y(6690000:6700000).",
            )
        low, high = limits[match[1]]
        start = _read_end(match[2], low)
        found[match[1]] = (start, start if match[3] is None else _read_end(match[3], high))
        if found[match[1]][0] > found[match[1]][1]:
            raise bad_parameter("subset", f"« subset » : sur l'axe {match[1]}, le début dépasse la fin.")
    (x0, x1), (y0, y1) = (found.get(axis, limits[axis]) for axis in ("x", "y"))
    return x0, y0, x1, y1


def _read_end(text: str, default: float) -> float:
    if text.strip() == "*":
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > 1e9:
        raise bad_parameter("subset", f"« subset » attend des nombres ou « * », pas « {text[:30]} ».")
    return value


def read_fields(name: str, text: str | None, raster: RasterDefinition) -> None:
    """Check a list of fields: there is only one to ask for."""
    if text is not None and {part.strip() for part in text.split(",")} != {raster.field}:
        raise bad_parameter(name, f"« {name} » : la couverture « {raster.id} » n'a qu'un champ, « {raster.field} ».")


def read_coords(raster: RasterDefinition, query: str, text: str | None) -> str:
    """Check ``coords`` (WKT in CRS84) and give it back in its plain form."""
    sentence = f"« coords » attend une géométrie WKT en longitude, latitude, par exemple {EXAMPLES[query]}."
    if text is None or len(text) > _MAX_WKT:
        raise bad_parameter("coords", sentence)
    try:
        geometry: BaseGeometry | None = shapely.from_wkt(text)
    except (ShapelyError, ValueError):
        raise bad_parameter("coords", sentence) from None
    if geometry is None or geometry.geom_type not in _KINDS[query] or geometry.is_empty or not geometry.is_valid:
        raise bad_parameter("coords", sentence)
    west, south, east, north = geometry.bounds
    if not all(map(math.isfinite, geometry.bounds)) or west < -180 or east > 180 or south < -90 or north > 90:
        raise bad_parameter("coords", sentence)
    limits = domain(raster.srid, 4326)  # far from it, a place has no coordinates in the raster's CRS
    if west < limits[0] or south < limits[1] or east > limits[2] or north > limits[3]:
        raise outside(raster)
    return shapely.to_wkt(shapely.force_2d(geometry), rounding_precision=9)


def as_numbers(box: Box) -> str:
    """A box as pygeoapi reads it: plain decimal notation, no exponent."""
    return ",".join(f"{value:.6f}" for value in box)
