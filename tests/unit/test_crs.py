"""Coordinate reference systems: names, axis order, domains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.crs import CRS84, UnknownCrsError, clip_box, domain, from_srid, offered, parse_crs

SRIDS = (2154, 3947, 3857, 4326)


@pytest.mark.parametrize(
    "text",
    [
        "http://www.opengis.net/def/crs/EPSG/0/2154",
        "https://www.opengis.net/def/crs/EPSG/0/2154",
        "http://www.opengis.net/def/crs/EPSG/10.2/2154",
        "EPSG:2154",
        "[EPSG:2154]",
        "urn:ogc:def:crs:EPSG::2154",
    ],
)
def test_one_crs_by_many_names(text: str) -> None:
    assert parse_crs(text, SRIDS).srid == 2154


@pytest.mark.parametrize("text", ["", "2154", "EPSG:27572", "EPSG:", "http://exemple.fr/2154", "EPSG:2154; DROP TABLE x"])
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(UnknownCrsError):
        parse_crs(text, SRIDS)


def test_only_epsg_4326_puts_north_first() -> None:
    assert {crs.uri.rsplit("/", 1)[1]: crs.flipped for crs in offered(SRIDS)} == {
        "CRS84": False,
        "2154": False,
        "3947": False,
        "3857": False,
        "4326": True,
    }


def test_parsing_what_is_offered_gives_it_back() -> None:
    for crs in offered(SRIDS):
        assert parse_crs(crs.uri, SRIDS) == crs


def test_the_domain_of_lambert_93_holds_the_departement() -> None:
    west, south, east, north = domain(2154, 4326)
    assert west < -2.7
    assert south < 46.8
    assert east > -0.9
    assert north > 47.9
    assert domain(2154, 2154)[0] < 270_000


number = st.floats(-180, 180)


@given(number, st.floats(-90, 90), number, st.floats(-90, 90))
def test_clipping_stays_inside_and_is_stable(west: float, south: float, east: float, north: float) -> None:
    limits = domain(2154, CRS84.srid)
    south, north = sorted((south, north))
    for box in clip_box((west, south, east, north), limits):
        assert limits[0] <= box[0] <= box[2] <= limits[2]
        assert limits[1] <= box[1] <= box[3] <= limits[3]
        assert clip_box(box, limits) == [box]


def test_a_box_across_the_antimeridian_is_two() -> None:
    assert clip_box((170, -10, -170, 10), (-180, -90, 180, 90)) == [(170, -10, 180, 10), (-180, -10, -170, 10)]


def test_decimals_follow_the_unit() -> None:
    assert from_srid(4326).decimals == 7
    assert from_srid(2154).decimals == 3
