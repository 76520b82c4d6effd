"""pygeoapi providers over our rasters: coverage, EDR (position, area, cube) and STAC, on one file each.

pygeoapi's own raster provider is not used: it writes CoverageJSON whose parameters are all named null and whose axes
are the box asked for instead of the cells given, it takes a box in another CRS by two of its corners, and it answers
500 to a subset on one axis. Its EDR provider would need xarray and a copy of the data in NetCDF or Zarr.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyproj
import shapely
from pygeoapi.provider.base import BaseProvider, ProviderNotFoundError
from pygeoapi.provider.base_edr import BaseEDRProvider
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from geoportal.errors import not_found
from geoportal.links import Links
from geoportal.ogc.longtail.stac import stac_collection, stac_item
from ingest.derived.grid import Box, OutsideGridError, Values, Window, geotiff_bytes, inside_mask, read_window
from ingest.derived.rasters import Raster, RasterDefinition
from layers.crs import CRS84_URI, from_srid

Json = dict[str, Any]
_DECIMALS = 3


class _RasterProvider(BaseProvider):  # type: ignore[misc]
    """What coverage and EDR share: the file, its one field, its grid."""

    def __init__(self, provider_def: Mapping[str, Any]) -> None:
        super().__init__(provider_def)
        self.raster: Raster = provider_def["raster"]
        one = self.raster.definition
        self._fields = {one.field: {"title": one.field_title, "type": "number", "x-ogc-unit": one.unit}}
        self.axes = ["x", "y"]
        self.crs = from_srid(one.srid).uri
        self.num_bands = 1
        self._coverage_properties = {"width": one.width, "height": one.height, "resx": one.resolution, "resy": one.resolution}

    def get_fields(self) -> Json:
        """The one field of the raster."""
        return self._fields

    def read(self, box: Box | None) -> Window:
        """The cells of a box in the raster's CRS; a 404 when it lies outside."""
        try:
            return read_window(self.data, box)
        except OutsideGridError:
            raise not_found(f"L'emprise demandée est hors de la couverture « {self.raster.id} ».") from None


class CoverageProvider(_RasterProvider):
    """The cells of a box, or all of them, as CoverageJSON or GeoTIFF."""

    def query(self, bbox: list[float] | None = None, format_: str = "json", **_kwargs: Any) -> Any:
        """``bbox`` is in the raster's CRS: the door has read it, or the subset that says the same, and converted it."""
        window = self.read((bbox[0], bbox[1], bbox[2], bbox[3]) if bbox else None)
        one = self.raster.definition
        if format_ == "json":
            return grid_coverage(one, window)
        self.filename = f"{one.id}.tif"
        tags = {"TITLE": one.title, "COPYRIGHT": one.attribution}
        return geotiff_bytes(window, one.srid, one.field_title, one.unit, tags)


class EdrProvider(_RasterProvider, BaseEDRProvider):  # type: ignore[misc]
    """The value at a point, the cells of a surface, the cells of a box. Coordinates asked for are in CRS84."""

    def position(self, wkt: Point, **_kwargs: Any) -> Json:
        """The cell that holds a point."""
        one = self.raster.definition
        x, y = _to_native(one, wkt).coords[0]
        window = self.read((x, y, x, y))
        return point_coverage(one, (wkt.x, wkt.y), _number(window.values[0, 0]))

    def area(self, wkt: BaseGeometry, **_kwargs: Any) -> Json:
        """The cells whose centre is in a surface; the others of its box are null."""
        one = self.raster.definition
        surface = _to_native(one, wkt)
        window = self.read(surface.bounds)
        values = np.where(inside_mask(window, surface), window.values, np.float32(np.nan))
        return grid_coverage(one, Window(values, window.left, window.top, window.resolution))

    def cube(self, bbox: list[float], **_kwargs: Any) -> Json:
        """The cells that a box touches; ``bbox`` is in the raster's CRS."""
        return grid_coverage(self.raster.definition, self.read((bbox[0], bbox[1], bbox[2], bbox[3])))


class StacProvider(BaseProvider):  # type: ignore[misc]
    """A static catalogue: one collection, one item per raster."""

    def __init__(self, provider_def: Mapping[str, Any]) -> None:
        super().__init__(provider_def)
        self.rasters: dict[str, Raster] = {raster.id: raster for raster in provider_def["rasters"]}
        self.links: Links = provider_def["links"]

    def get_data_path(self, _baseurl: str, _urlpath: str, dirpath: str) -> Json:
        """The collection for « », the item for « /id »; anything else does not exist. No file is read."""
        name = dirpath.strip("/")
        if not name:
            return stac_collection(self.links, list(self.rasters.values()))
        if name not in self.rasters:
            raise ProviderNotFoundError
        return stac_item(self.links, self.rasters[name])


def _to_native(one: RasterDefinition, geometry: BaseGeometry) -> Any:
    transformer = pyproj.Transformer.from_crs(4326, one.srid, always_xy=True)
    return shapely.transform(geometry, lambda points: np.column_stack(transformer.transform(points[:, 0], points[:, 1])))


def _number(value: Any) -> float | None:
    """A finite value with the decimals that it was written with, or None."""
    return round(float(value), _DECIMALS) if np.isfinite(value) else None


def _numbers(values: Values) -> list[float | None]:
    """The values row by row, as ``_number`` gives them."""
    return [None if value != value else value for value in np.round(values.astype(np.float64), _DECIMALS).ravel().tolist()]


def grid_coverage(one: RasterDefinition, window: Window) -> Json:
    """CoverageJSON of a grid; the axes are cell centres, north first."""
    x, y = window.x_centres(), window.y_centres()
    axes = {"x": {"start": x[0], "stop": x[-1], "num": len(x)}, "y": {"start": y[0], "stop": y[-1], "num": len(y)}}
    domain = {
        "type": "Domain",
        "domainType": "Grid",
        "axes": axes,
        "referencing": [_referencing(from_srid(one.srid).uri, "ProjectedCRS")],
    }
    values: Json = {"axisNames": ["y", "x"], "shape": [len(y), len(x)], "values": _numbers(window.values)}
    return _coverage(one, domain, values)


def point_coverage(one: RasterDefinition, lon_lat: tuple[float, float], value: float | None) -> Json:
    """CoverageJSON of one point, in CRS84 as it was asked."""
    axes = {"x": {"values": [lon_lat[0]]}, "y": {"values": [lon_lat[1]]}}
    domain = {"type": "Domain", "domainType": "Point", "axes": axes, "referencing": [_referencing(CRS84_URI, "GeographicCRS")]}
    return _coverage(one, domain, {"values": [value]})


def _referencing(uri: str, kind: str) -> Json:
    return {"coordinates": ["x", "y"], "system": {"type": kind, "id": uri}}


def _coverage(one: RasterDefinition, domain: Json, values: Json) -> Json:
    parameter = {
        "type": "Parameter",
        "description": {"fr": one.description},
        "unit": {"label": {"fr": "mètre"} if one.unit == "m" else {"fr": one.unit}, "symbol": one.unit},
        "observedProperty": {"label": {"fr": one.field_title}},
    }
    return {
        "type": "Coverage",
        "domain": domain,
        "parameters": {one.field: parameter},
        "ranges": {one.field: {"type": "NdArray", "dataType": "float", **values}},
    }
