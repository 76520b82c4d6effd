"""Reading and writing one-band rasters: windows, points, cloud-optimised GeoTIFF. The one user of rasterio here."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.features
import rasterio.shutil
import rasterio.windows
from rasterio.io import MemoryFile
from shapely import Geometry

NODATA = -9999.0
Box = tuple[float, float, float, float]
Values = npt.NDArray[np.float32]


class OutsideGridError(ValueError):
    """What is asked lies wholly outside the raster."""


@dataclass(frozen=True)
class Window:
    """Cells of a raster: ``values`` is (rows, columns), north first, NaN where there is no data.

    ``left`` and ``top`` are the outer corner in the raster's CRS; ``resolution`` is the side of a cell.
    """

    values: Values
    left: float
    top: float
    resolution: float

    def x_centres(self) -> list[float]:
        """Abscissa of the centre of each column, west to east."""
        return [self.left + (column + 0.5) * self.resolution for column in range(self.values.shape[1])]

    def y_centres(self) -> list[float]:
        """Ordinate of the centre of each row, north to south."""
        return [self.top - (row + 0.5) * self.resolution for row in range(self.values.shape[0])]

    @property
    def transform(self) -> rasterio.Affine:
        return rasterio.Affine(self.resolution, 0, self.left, 0, -self.resolution, self.top)


def inside_mask(window: Window, geometry: Geometry) -> npt.NDArray[np.bool_]:
    """True for the cells whose centre is in ``geometry``."""
    mask: npt.NDArray[np.bool_] = rasterio.features.geometry_mask(
        [geometry], out_shape=window.values.shape, transform=window.transform, invert=True
    )
    return mask


def write_cog(path: Path, window: Window, srid: int, description: str, unit: str, tags: Mapping[str, str]) -> None:
    """Write a cloud-optimised GeoTIFF (float32, deflate). The file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp.tif")
    try:
        with MemoryFile() as memory:
            _fill(memory, window, srid, description, unit, tags)
            with memory.open() as source:
                rasterio.shutil.copy(source, temporary, driver="COG", COMPRESS="DEFLATE", PREDICTOR="3", OVERVIEWS="NONE")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def geotiff_bytes(window: Window, srid: int, description: str, unit: str, tags: Mapping[str, str]) -> bytes:
    """The window as a GeoTIFF in memory."""
    with MemoryFile() as memory:
        _fill(memory, window, srid, description, unit, tags)
        data: bytes = memory.read()
        return data


def _fill(memory: MemoryFile, window: Window, srid: int, description: str, unit: str, tags: Mapping[str, str]) -> None:
    rows, columns = window.values.shape
    options = {"dtype": "float32", "nodata": NODATA, "compress": "deflate", "predictor": 3}
    with memory.open(
        driver="GTiff", height=rows, width=columns, count=1, crs=f"EPSG:{srid}", transform=window.transform, **options
    ) as dataset:
        dataset.write(np.where(np.isnan(window.values), np.float32(NODATA), window.values).astype(np.float32), 1)
        dataset.set_band_description(1, description)
        dataset.units = (unit,)
        dataset.update_tags(**tags)


def read_window(path: Path, box: Box | None = None) -> Window:
    """Read the cells that ``box`` touches, or all of them. ``box`` is (left, bottom, right, top) in the raster's CRS.

    Raises OutsideGridError when it touches none.
    """
    with rasterio.open(path) as dataset:
        window = rasterio.windows.Window(0, 0, dataset.width, dataset.height)
        if box is not None:
            window = _cells(dataset, box)
        values = dataset.read(1, window=window, masked=True)
        size = dataset.res[0]
        left, top = dataset.bounds.left + window.col_off * size, dataset.bounds.top - window.row_off * size
        return Window(values.astype(np.float32).filled(np.nan), left, top, size)


def _cells(dataset: rasterio.DatasetReader, box: Box) -> rasterio.windows.Window:
    """The whole cells touched by a box, inside the raster; an edge on a cell border does not touch the next cell."""
    bounds, size = dataset.bounds, dataset.res[0]
    columns = _span((box[0] - bounds.left) / size, (box[2] - bounds.left) / size, dataset.width)
    rows = _span((bounds.top - box[3]) / size, (bounds.top - box[1]) / size, dataset.height)
    return rasterio.windows.Window(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])


def _span(start: float, end: float, count: int) -> tuple[int, int]:
    """First cell and the one after the last, of ``count`` in a line, for an interval in cells; a point is in one cell."""
    first = int(np.floor(start))
    last = int(np.ceil(end)) if end > start else first + 1
    first, last = max(0, first), min(count, last)
    if last <= first:
        raise OutsideGridError
    return first, last
