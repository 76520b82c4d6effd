"""Rasters on disk: what is written is read, windows are whole cells, distances are the true minimum."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ingest.derived.distance import distance_grid
from ingest.derived.grid import OutsideGridError, Window, geotiff_bytes, read_window, write_cog

SIZE = 10.0


@pytest.fixture(scope="module")
def cog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 × 30 cells of 10 m from (1000, 2300) down to (1300, 2100); the value says row and column; one hole."""
    values = np.arange(600, dtype=np.float32).reshape(20, 30)
    values[3, 4] = np.nan
    path = tmp_path_factory.mktemp("rasters") / "essai.tif"
    write_cog(path, Window(values, 1000.0, 2300.0, SIZE), 2154, "Essai", "m", {"EDITION": "7"})
    return path


def test_the_file_is_a_documented_cog(cog: Path) -> None:
    with rasterio.open(cog) as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.crs.to_epsg() == 2154
        assert dataset.tags()["EDITION"] == "7"
        assert (dataset.units, dataset.descriptions) == (("m",), ("Essai",))
    assert [file.name for file in cog.parent.iterdir()] == ["essai.tif"]


def test_the_hole_is_read_as_nan(cog: Path) -> None:
    values = read_window(cog).values
    assert np.isnan(values[3, 4])
    assert np.count_nonzero(np.isnan(values)) == 1


@given(box=st.tuples(*[st.floats(900, 1400), st.floats(2000, 2400)] * 2))
def test_a_window_is_the_cells_that_the_box_touches(cog: Path, box: tuple[float, float, float, float]) -> None:
    left, right = sorted((box[0], box[2]))
    bottom, top = sorted((box[1], box[3]))
    cells = {
        (row, column)
        for row in range(20)
        for column in range(30)
        if 1000 + 10 * column < right and left < 1010 + 10 * column and 2290 - 10 * row < top and bottom < 2300 - 10 * row
    }
    if not cells or left == right or bottom == top:
        return
    window = read_window(cog, (left, bottom, right, top))
    rows, columns = {row for row, _ in cells}, {column for _, column in cells}
    assert window.values.shape == (len(rows), len(columns))
    assert (window.left, window.top) == (1000 + 10 * min(columns), 2300 - 10 * min(rows))
    assert np.nanmax(window.values) == max(row * 30 + column for row, column in cells)


def test_a_point_is_one_cell(cog: Path) -> None:
    window = read_window(cog, (1055.0, 2215.0, 1055.0, 2215.0))
    assert window.values.tolist() == [[8 * 30 + 5]]
    assert (window.x_centres(), window.y_centres()) == ([1055.0], [2215.0])


@pytest.mark.parametrize(
    "box", [(0, 0, 10, 10), (1, 2200, 1, 2200), (1300, 2200, 1300, 2200), (1300, 2100, 1400, 2200), (1400, 2400, 1500, 2500)]
)
def test_outside(cog: Path, box: tuple[float, float, float, float]) -> None:
    with pytest.raises(OutsideGridError):
        read_window(cog, box)


def test_geotiff_bytes_say_the_same(cog: Path) -> None:
    window = read_window(cog, (1030.0, 2250.0, 1060.0, 2290.0))
    with rasterio.MemoryFile(geotiff_bytes(window, 2154, "Essai", "m", {})) as memory, memory.open() as dataset:
        values = dataset.read(1, masked=True).filled(np.nan)
        np.testing.assert_array_equal(values, window.values)
        assert dataset.transform == window.transform


@given(
    points=st.lists(st.tuples(st.floats(0, 2000), st.floats(0, 2000)), min_size=1, max_size=8),
    corner=st.tuples(st.floats(1, 1000), st.floats(1, 1000)),
)
def test_distances_are_the_minimum_over_all_points(points: list[tuple[float, float]], corner: tuple[float, float]) -> None:
    territory = shapely.box(*corner, corner[0] + 900, corner[1] + 700)
    window = distance_grid(territory, shapely.points(points), 100.0)
    assert window.left % 100 == 0
    assert window.top % 100 == 0
    for row, y in enumerate(window.y_centres()):
        for column, x in enumerate(window.x_centres()):
            value = window.values[row, column]
            if shapely.contains_xy(territory, x, y):
                assert value == pytest.approx(min(np.hypot(x - px, y - py) for px, py in points), abs=0.06)
            elif not shapely.intersects_xy(territory, x, y):
                assert np.isnan(value)
