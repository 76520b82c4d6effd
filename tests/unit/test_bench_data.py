from itertools import islice

import morecantile
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from layers.staging import Record
from tests.bench.lattice import Lattice, Tiles, Windows
from tests.bench.parcels import CELL_M, SRID, Cadastre

GRID = morecantile.tms.get("WebMercatorQuad")


@pytest.fixture(scope="module")
def parcels() -> list[Record]:
    return list(Cadastre(3000))


def test_parcels_are_valid_polygons_of_5_to_9_points(parcels: list[Record]) -> None:
    shapes = shapely.from_wkb([parcel.wkb for parcel in parcels])
    assert shapely.is_valid(shapes).all()
    assert set(shapely.get_num_coordinates(shapes)) == {5, 6, 7, 8, 9}
    assert {shape.geom_type for shape in shapes} == {"MultiPolygon"}


def test_neighbours_share_their_edges(parcels: list[Record]) -> None:
    shapes = shapely.from_wkb([parcel.wkb for parcel in parcels])
    union = shapely.union_all(shapes)
    assert union.geom_type == "Polygon"
    assert shapely.get_num_interior_rings(union) == 0
    assert union.area == pytest.approx(shapely.area(shapes).sum(), rel=1e-12)
    assert union.area / len(parcels) == pytest.approx(CELL_M**2, rel=0.05)


def test_parcels_are_the_same_every_time_and_in_the_order_of_their_identifiers(parcels: list[Record]) -> None:
    keys = [parcel.values["id"] for parcel in parcels]
    assert keys == Cadastre(3000).keys()
    assert keys == sorted(set(keys))
    assert {len(key) for key in keys} == {14}
    assert list(islice(Cadastre(3000), 50)) == parcels[:50]


def test_the_inner_box_is_covered(parcels: list[Record]) -> None:
    to_metres = Transformer.from_crs(4326, SRID, always_xy=True)
    ring = shapely.box(*Cadastre(3000).inner_degrees)
    inner = shapely.transform(ring, lambda xy: shapely.get_coordinates(shapely.points(*to_metres.transform(xy[:, 0], xy[:, 1]))))
    assert shapely.union_all(shapely.from_wkb([parcel.wkb for parcel in parcels])).contains(inner)


@given(st.integers(1, 80), st.integers(1, 80))
def test_a_lattice_visits_every_cell_once_before_any_comes_again(columns: int, rows: int) -> None:
    lattice = Lattice(columns, rows)
    assert len({lattice.cell(turn) for turn in range(lattice.count)}) == lattice.count
    assert lattice.cell(lattice.count) == lattice.cell(0)


def test_pgbench_walks_the_lattice_as_python_does() -> None:
    tiles = Tiles.within(Cadastre(1_000_000).inner_degrees, 14)
    clients = 8
    assert tiles.pgbench(clients).splitlines() == [
        f"\\set rank ((:client_id + 8 * :turn) * 7919) % {tiles.count}",
        "\\set turn :turn + 1",
        f"\\set column :rank % {tiles.columns}",
        f"\\set row :rank / {tiles.columns}",
        "\\set zoom 14",
        f"\\set x {tiles.x0} + :column",
        f"\\set y {tiles.y0} + :row",
    ]
    rank = ((3 + clients * 5) * 7919) % tiles.count
    assert tiles.tile(3 + clients * 5) == (14, tiles.x0 + rank % tiles.columns, tiles.y0 + rank // tiles.columns)


@given(st.floats(-179, 179), st.floats(-84, 84), st.integers(0, 20))
def test_tiles_agree_with_morecantile(lon: float, lat: float, zoom: int) -> None:
    box = (lon, lat, min(lon + 0.01, 180), lat + 0.01)
    theirs = {(tile.z, tile.x, tile.y) for tile in GRID.tiles(*box, [zoom])}
    assert theirs <= set(Tiles.touching(box, zoom))


def test_tiles_within_a_box_fall_back_on_those_that_touch_it() -> None:
    box = Cadastre(1_000_000).inner_degrees
    assert Tiles.within(box, 14).count > 1500
    assert Tiles.within(box, 5) == Tiles.touching(box, 5)


def test_windows_fit_in_the_box_and_are_never_missing() -> None:
    box = Cadastre(1_000_000).inner_degrees
    windows = Windows.within(box, 0.013, 0.009)
    for west, south, east, north in windows:
        assert box[0] - 1e-6 <= west < east <= box[2] + 1e-6
        assert box[1] - 1e-6 <= south < north <= box[3] + 1e-6
    assert Windows.within((0, 0, 0.001, 0.001), 0.013, 0.009).count == 1
