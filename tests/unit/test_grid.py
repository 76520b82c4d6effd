"""Tile arithmetic: laws, and the same answers as morecantile."""

import morecantile
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.footprint import decode_zorder, encode_zorder
from tiles.grid import (
    HALF_SIDE,
    MAX_ZOOM,
    Tile,
    bbox_limits,
    is_tile,
    parent_at,
    tile_at,
    tile_bounds,
    tile_lonlat_bounds,
    tile_matrix_set,
)

REFERENCE = morecantile.tms.get("WebMercatorQuad")


@st.composite
def tiles(draw: st.DrawFn, max_zoom: int = MAX_ZOOM) -> Tile:
    z = draw(st.integers(0, max_zoom))
    last = (1 << z) - 1
    return Tile(draw(st.integers(0, last)), draw(st.integers(0, last)), z)


positions = st.tuples(st.floats(-179.9, 179.9), st.floats(-85, 85))


@given(tiles())
def test_bounds_are_those_of_morecantile(tile: Tile) -> None:
    expected = REFERENCE.xy_bounds(morecantile.Tile(tile.x, tile.y, tile.z))
    assert tile_bounds(tile.z, tile.x, tile.y) == pytest.approx(tuple(expected), abs=1e-6)


@given(tiles())
def test_bounds_in_degrees_are_those_of_morecantile(tile: Tile) -> None:
    expected = REFERENCE.bounds(morecantile.Tile(tile.x, tile.y, tile.z))
    assert tile_lonlat_bounds(tile.z, tile.x, tile.y) == pytest.approx(tuple(expected), abs=1e-9)


@given(positions, st.integers(0, MAX_ZOOM))
def test_position_falls_in_the_tile_of_morecantile(position: tuple[float, float], z: int) -> None:
    found, expected = tile_at(*position, z), REFERENCE.tile(*position, z)
    # On an edge, either neighbour is right.
    west, south, east, north = tile_lonlat_bounds(z, found.x, found.y)
    assert west - 1e-9 <= position[0] <= east + 1e-9
    assert south - 1e-9 <= position[1] <= north + 1e-9
    assert max(abs(found.x - expected.x), abs(found.y - expected.y)) <= 1


@given(tiles())
def test_middle_of_a_tile_falls_back_in_it(tile: Tile) -> None:
    west, south, east, north = tile_lonlat_bounds(tile.z, tile.x, tile.y)
    assert tile_at((west + east) / 2, (south + north) / 2, tile.z) == tile


@given(tiles(), st.data())
def test_ancestor_contains_the_tile(tile: Tile, data: st.DataObject) -> None:
    ancestor = parent_at(tile, data.draw(st.integers(0, tile.z)))
    inner, outer = tile_bounds(tile.z, tile.x, tile.y), tile_bounds(ancestor.z, ancestor.x, ancestor.y)
    assert outer[0] <= inner[0] + 1e-6
    assert outer[1] <= inner[1] + 1e-6
    assert outer[2] >= inner[2] - 1e-6
    assert outer[3] >= inner[3] - 1e-6


@given(positions, positions, st.integers(0, 10))
def test_limits_hold_exactly_the_tiles_between_the_corners(one: tuple[float, float], other: tuple[float, float], z: int) -> None:
    bbox = (min(one[0], other[0]), min(one[1], other[1]), max(one[0], other[0]), max(one[1], other[1]))
    limits = bbox_limits(bbox, z)
    for lon, lat in ((bbox[0], bbox[1]), (bbox[2], bbox[3]), (bbox[0], bbox[3]), (bbox[2], bbox[1])):
        assert limits.contains(tile_at(lon, lat, z))
    assert limits.count >= 1


def test_limits_list_their_tiles_once() -> None:
    limits = bbox_limits((-2.6, 46.8, -0.9, 47.9), 10)
    listed = list(limits.tiles())
    assert len(listed) == len(set(listed)) == limits.count
    assert all(limits.contains(tile) for tile in listed)
    assert not limits.contains(Tile(limits.min_x - 1, limits.min_y, 10))
    assert not limits.contains(Tile(limits.min_x, limits.min_y, 9))


@pytest.mark.parametrize(("z", "x", "y"), [(-1, 0, 0), (MAX_ZOOM + 1, 0, 0), (3, 8, 0), (3, 0, 8), (3, -1, 0)])
def test_tiles_out_of_the_matrix_do_not_exist(z: int, x: int, y: int) -> None:
    assert not is_tile(z, x, y)


@given(st.integers(0, (1 << 14) - 1), st.integers(0, (1 << 14) - 1))
def test_zorder_codes_come_back_and_nest(x: int, y: int) -> None:
    code = encode_zorder(x, y)
    assert decode_zorder(code) == (x, y)
    assert encode_zorder(x >> 1, y >> 1) == code >> 2


def test_document_is_the_registered_tile_matrix_set() -> None:
    document = tile_matrix_set()
    expected = REFERENCE.model_dump(exclude_none=True)["tileMatrices"]
    for ours, theirs in zip(document["tileMatrices"], expected, strict=False):
        assert ours["id"] == theirs["id"]
        assert ours["scaleDenominator"] == pytest.approx(theirs["scaleDenominator"], rel=1e-9)
        assert ours["cellSize"] == pytest.approx(theirs["cellSize"], rel=1e-9)
        assert (ours["matrixWidth"], ours["matrixHeight"]) == (theirs["matrixWidth"], theirs["matrixHeight"])
    assert document["tileMatrices"][0]["pointOfOrigin"] == [-HALF_SIDE, HALF_SIDE]
    # A client reads it as such.
    assert morecantile.TileMatrixSet.model_validate(document).tile(-1.55, 47.2, 12) == REFERENCE.tile(-1.55, 47.2, 12)
