"""When a stored tile is still right: the law that replaces deleting tiles."""

from hypothesis import given
from hypothesis import strategies as st

from layers.footprint import FOOTPRINT_ZOOM, encode_zorder
from tests.unit.test_grid import tiles
from tiles.expire import is_fresh, reach
from tiles.grid import Tile

NANTES = Tile(8107, 5747, 14)
HERE = frozenset({encode_zorder(NANTES.x, NANTES.y)})
FAR = frozenset({encode_zorder(100, 100)})


def test_same_edition_is_fresh() -> None:
    assert is_fresh({}, NANTES, 14, 4, 4)


def test_untouched_since_is_fresh() -> None:
    assert is_fresh({3: HERE, 4: FAR, 5: frozenset()}, NANTES, 14, 3, 5)


def test_touched_since_is_stale() -> None:
    assert not is_fresh({4: FAR, 5: HERE}, NANTES, 14, 3, 5)


def test_edition_that_touched_anything_makes_everything_stale() -> None:
    assert not is_fresh({4: None}, NANTES, 14, 3, 4)


def test_edition_of_unknown_footprint_makes_everything_stale() -> None:
    assert not is_fresh({5: FAR}, NANTES, 14, 3, 5)


def test_tile_of_a_later_edition_is_not_shown() -> None:
    assert not is_fresh({}, NANTES, 14, 6, 5)


@given(tiles(max_zoom=FOOTPRINT_ZOOM))
def test_every_ancestor_of_a_touched_tile_is_stale(tile: Tile) -> None:
    shift = FOOTPRINT_ZOOM - tile.z
    touched = frozenset({encode_zorder(tile.x << shift, tile.y << shift)})
    assert not is_fresh({2: touched}, tile, tile.z, 1, 2)


@given(tiles(max_zoom=18))
def test_tiles_around_are_stale_when_the_change_is_in_their_margin(tile: Tile) -> None:
    """What touches the edge of a tile shows in its neighbour too."""
    min_x, min_y, max_x, max_y = reach(tile, tile.z)
    scale = 2.0 ** (FOOTPRINT_ZOOM - tile.z)
    last = (1 << FOOTPRINT_ZOOM) - 1
    margin = 64 * scale / 4096
    assert min_x <= max(0, tile.x * scale - margin)
    assert min_y <= max(0, tile.y * scale - margin)
    assert max_x >= min(last, int((tile.x + 1) * scale + margin))
    assert max_y >= min(last, int((tile.y + 1) * scale + margin))


@given(tiles(max_zoom=14), st.integers(0, 14))
def test_coarser_drawing_reaches_further(tile: Tile, level: int) -> None:
    fine, coarse = reach(tile, tile.z), reach(tile, min(level, tile.z))
    assert coarse[0] <= fine[0]
    assert coarse[1] <= fine[1]
    assert coarse[2] >= fine[2]
    assert coarse[3] >= fine[3]


@given(st.sets(st.tuples(st.integers(8000, 8200), st.integers(5700, 5800)), max_size=20), tiles(max_zoom=15))
def test_answer_is_that_of_a_plain_search(places: set[tuple[int, int]], tile: Tile) -> None:
    min_x, min_y, max_x, max_y = reach(tile, tile.z)
    expected = any(min_x <= x <= max_x and min_y <= y <= max_y for x, y in places)
    footprint = frozenset(encode_zorder(x, y) for x, y in places)
    assert is_fresh({2: footprint}, tile, tile.z, 1, 2) is not expected
