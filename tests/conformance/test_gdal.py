"""The real client: GDAL's OAPIF driver, through pyogrio, page by page."""

import pyogrio
import pytest


def source(server: str, collection: str) -> str:
    return f"OAPIF:{server}/ogc/collections/{collection}"


@pytest.mark.parametrize(("collection", "count"), [("communes", 207), ("mairies", 207), ("epci", 17), ("cantons", 31)])
def test_gdal_reads_every_feature_page_by_page(server: str, collection: str, count: int) -> None:
    frame = pyogrio.read_dataframe(source(server, collection), PAGE_SIZE=20)
    assert len(frame) == count
    assert frame["id"].is_unique


def test_gdal_reads_in_lambert_93(server: str) -> None:
    frame = pyogrio.read_dataframe(source(server, "mairies"), CRS="EPSG:2154", PAGE_SIZE=100)
    assert len(frame) == 207
    assert frame.crs.to_epsg() == 2154
    west, south, east, north = frame.total_bounds
    assert 270_000 < west < east < 420_000
    assert 6_640_000 < south < north < 6_770_000


def test_gdal_filters_by_box_on_the_server(server: str) -> None:
    frame = pyogrio.read_dataframe(source(server, "mairies"), CRS="EPSG:4326", bbox=(-1.6, 47.18, -1.5, 47.25))
    assert 1 <= len(frame) < 20
