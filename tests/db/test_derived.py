"""Derived rasters follow the editions of their layers, and are made again only then."""

import threading
import time
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from psycopg import Connection

from config.settings import Settings
from ingest.derived import build_derived, distance
from ingest.derived.distance import ID
from ingest.derived.grid import read_window
from ingest.derived.rasters import Raster, read_rasters
from layers.catalog import read_catalog
from tests.api import zonal
from tests.api.workers import portal_worker

Conn = Connection[tuple[Any, ...]]


def mairie(dx: float, dy: float) -> tuple[shapely.Point, None]:
    return shapely.Point(zonal.ORIGIN[0] + dx, zonal.ORIGIN[1] + dy), None


@pytest.fixture
def layers(conn: Conn) -> Conn:
    zonal.publish(conn, zonal.make_layer("communes", "MultiPolygon"), zonal.grid_zones())
    zonal.publish(conn, zonal.make_layer("mairies", "Point"), {"a": mairie(0, 0)})
    return conn


def build(settings: Settings) -> list[str]:
    said: list[str] = []
    build_derived(settings, said.append)
    return said


def only(conn: Conn) -> Raster:
    [raster] = read_rasters(conn)
    return raster


def test_nothing_without_the_layers(conn: Conn, settings: Settings) -> None:
    assert build(settings) == []
    assert read_rasters(conn) == []


def test_made_once_per_edition(layers: Conn, settings: Settings) -> None:
    assert len(build(settings)) == 1
    first = only(layers)
    assert dict(first.sources) == {"communes": 1, "mairies": 1}
    assert build(settings) == []
    assert only(layers).updated_at == first.updated_at
    zonal.publish(layers, zonal.make_layer("mairies", "Point"), {"a": mairie(0, 0), "b": mairie(4000, 4000)})
    assert len(build(settings)) == 1
    second = only(layers)
    assert dict(second.sources) == {"communes": 1, "mairies": 2}
    with rasterio.open(first.file(settings.data_dir)) as old, rasterio.open(second.file(settings.data_dir)) as new:
        assert old.read(1)[0, -1] > new.read(1)[0, -1]
        assert new.tags()["EDITION_MAIRIES"] == "2"


def test_a_lost_file_is_made_again(layers: Conn, settings: Settings) -> None:
    build(settings)
    file = only(layers).file(settings.data_dir)
    file.unlink()
    assert len(build(settings)) == 1
    assert file.is_file()


def test_old_files_go(layers: Conn, settings: Settings) -> None:
    build(settings)
    for count in (2, 3):
        zonal.publish(layers, zonal.make_layer("mairies", "Point"), {f"m{n}": mairie(n * 900, 0) for n in range(count)})
        build(settings)
    names = sorted(path.name for path in only(layers).file(settings.data_dir).parent.iterdir())
    assert names == [f"{ID}-1-2.tif", f"{ID}-1-3.tif"]


def test_the_revision_moves_with_the_register(layers: Conn, settings: Settings) -> None:
    row = layers.execute("SELECT last_value FROM portail.revision").fetchone()
    build(settings)
    assert layers.execute("SELECT last_value FROM portail.revision").fetchone() != row


def test_an_edition_published_meanwhile_waits_for_its_turn(layers: Conn, settings: Settings) -> None:
    """The file bears the editions of the catalogue that it was asked with: it must be made from those."""
    catalog = read_catalog(layers)
    first = read_window(distance.build(layers, settings, catalog, {"communes": 1, "mairies": 1}))
    zonal.publish(layers, zonal.make_layer("mairies", "Point"), {"a": mairie(2500, 2500)})
    late = read_window(distance.build(layers, settings, catalog, {"communes": 1, "mairies": 1}))
    assert np.array_equal(late.values, first.values, equal_nan=True)
    assert build(settings)
    assert not np.array_equal(read_window(only(layers).file(settings.data_dir)).values, first.values, equal_nan=True)


def test_one_process_at_a_time(layers: Conn, settings: Settings) -> None:
    threads = [threading.Thread(target=build, args=(settings,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    only(layers)
    assert not [path for path in (settings.data_dir / "rasters").iterdir() if "tmp" in path.name]


def test_a_worker_follows_the_editions(layers: Conn, settings: Settings) -> None:
    with portal_worker(settings):
        deadline = time.monotonic() + 40
        while not read_rasters(layers) and time.monotonic() < deadline:
            time.sleep(0.1)
    assert only(layers).file(settings.data_dir).is_file()


def test_a_raster_described_otherwise_is_left_out_then_made_again(layers: Conn, settings: Settings) -> None:
    build(settings)
    layers.execute("UPDATE portail.raster SET definition = definition - 'licence'")
    assert read_rasters(layers) == []
    assert len(build(settings)) == 1
    assert only(layers).id == ID
