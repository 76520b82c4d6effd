"""The derived raster as a coverage, by EDR and in STAC, through the real server; figures computed again otherwise."""

import random
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import psycopg
import pyproj
import pytest
import rasterio
import shapely
from pygeoapi.api import coverages, processes, stac

from config.settings import Settings
from geoportal.links import Links
from geoportal.ogc.longtail.config import pygeoapi_config
from ingest.derived import build_derived
from ingest.derived.distance import ID, RESOLUTION
from ingest.derived.rasters import read_rasters
from layers.catalog import read_catalog

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
L93 = "http://www.opengis.net/def/crs/EPSG/0/2154"
COVERAGE_JSON = "application/prs.coverage+json"


@pytest.fixture(scope="module")
def api(server: str, territory: Settings) -> Iterator[httpx.Client]:
    """A client of a portal that has the raster; the servers learn of it by the catalogue's revision, without restart."""
    build_derived(territory, say=lambda _: None)
    with httpx.Client(base_url=f"{server}/ogc", timeout=30) as client:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if all(client.get(f"/collections/{ID}").status_code == 200 for _ in range(8)):
                break
            time.sleep(0.1)
        yield client


@pytest.fixture(scope="module")
def whole(api: httpx.Client) -> dict[str, Any]:
    document: dict[str, Any] = api.get(f"/collections/{ID}/coverage").json()
    return document


def centres(domain: dict[str, Any]) -> tuple[list[float], list[float]]:
    """Coordinates of columns and rows of a CoverageJSON grid."""
    x, y = (np.linspace(axis["start"], axis["stop"], axis["num"]).tolist() for axis in (domain["axes"]["x"], domain["axes"]["y"]))
    return x, y


def values(document: dict[str, Any]) -> Any:
    """Values of a CoverageJSON grid, NaN where null."""
    one = document["ranges"]["distance"]
    return np.array([np.nan if value is None else value for value in one["values"]]).reshape(one["shape"])


def test_the_collection_is_listed_and_described(api: httpx.Client) -> None:
    listed = {one["id"]: one for one in api.get("/collections").json()["collections"]}
    described = api.get(f"/collections/{ID}").json()
    assert listed[ID] == described
    assert described["storageCrs"] == L93
    assert [axis["resolution"] for axis in described["extent"]["spatial"]["grid"]] == [RESOLUTION, RESOLUTION]
    assert described["editions"] == {"communes": 1, "mairies": 1}
    assert set(described["data_queries"]) == {"position", "area", "cube"}
    page = api.get(f"/collections/{ID}", headers={"Accept": "text/html"})
    assert "Distance à la mairie la plus proche" in page.text


def test_links_lead_somewhere(api: httpx.Client) -> None:
    for link in api.get(f"/collections/{ID}").json()["links"]:
        if link["href"].startswith(str(api.base_url)) and link["rel"] != "data":
            answer = api.get(link["href"])
            assert answer.status_code == 200, link
            assert answer.headers["content-type"].split(";")[0] == link["type"].split(";")[0], link


def test_every_value_is_the_distance_to_the_nearest_mairie(api: httpx.Client, whole: dict[str, Any]) -> None:
    features = api.get("/collections/mairies/items", params={"limit": 1000, "crs": L93}).json()["features"]
    mairies = np.array([feature["geometry"]["coordinates"] for feature in features])
    x, y = centres(whole["domain"])
    grid = values(whole)
    rng = random.Random(1)
    filled = np.argwhere(~np.isnan(grid)).tolist()
    for row, column in rng.sample(filled, 200):
        expected = np.hypot(mairies[:, 0] - x[column], mairies[:, 1] - y[row]).min()
        assert grid[row, column] == pytest.approx(expected, abs=0.06)


def test_cells_outside_the_communes_are_null(territory: Settings, whole: dict[str, Any]) -> None:
    with psycopg.connect(territory.effective_database_url) as conn:
        rows = conn.execute("SELECT ST_AsBinary(geom) FROM data.communes").fetchall()
    land = shapely.union_all(shapely.from_wkb([row[0] for row in rows]))
    shapely.prepare(land)
    x, y = centres(whole["domain"])
    inside = shapely.contains_xy(land, *np.meshgrid(x, y))
    assert np.count_nonzero(inside != ~np.isnan(values(whole))) <= 2  # a centre may lie on the border itself


def test_geotiff_says_the_same(api: httpx.Client, whole: dict[str, Any]) -> None:
    answer = api.get(f"/collections/{ID}/coverage", params={"f": "GTiff"})
    assert answer.headers["content-type"] == "image/tiff; application=geotiff"
    with rasterio.MemoryFile(answer.content) as memory, memory.open() as dataset:
        assert dataset.crs.to_epsg() == 2154
        np.testing.assert_allclose(dataset.read(1, masked=True).filled(np.nan), values(whole), atol=1e-3)
        x, y = centres(whole["domain"])
        assert dataset.xy(0, 0) == (x[0], y[0])


def test_subset_and_bbox_cut_the_same_cells(api: httpx.Client, whole: dict[str, Any]) -> None:
    path = f"/collections/{ID}/coverage"
    cut = api.get(path, params={"subset": "x(350000:352000),y(6690000:6691000)"}).json()
    same = api.get(path, params={"bbox": "350000,6690000,352000,6691000", "bbox-crs": L93}).json()
    assert cut == same
    assert cut["ranges"]["distance"]["shape"] == [4, 8]
    x, y = centres(whole["domain"])
    rows, columns = (
        [row for row, v in enumerate(y) if 6690000 < v < 6691000],
        [col for col, v in enumerate(x) if 350000 < v < 352000],
    )
    np.testing.assert_array_equal(values(cut), values(whole)[np.ix_(rows, columns)])
    assert centres(cut["domain"])[0] == [x[col] for col in columns]


def test_accept_chooses_the_format(api: httpx.Client) -> None:
    path = f"/collections/{ID}/coverage?subset=x(350000),y(6690000)"
    assert api.get(path, headers={"Accept": "image/tiff"}).headers["content-type"].startswith("image/tiff")
    assert api.get(path, headers={"Accept": "application/json"}).headers["content-type"] == COVERAGE_JSON
    assert api.get(path, headers={"Accept": "audio/ogg"}).status_code == 406


def test_etag_and_304(api: httpx.Client) -> None:
    path = f"/collections/{ID}/coverage?subset=x(350000),y(6690000)"
    etag = api.get(path).headers["etag"]
    assert api.get(path, headers={"If-None-Match": etag}).status_code == 304


def test_position_is_the_value_of_its_cell(api: httpx.Client, whole: dict[str, Any]) -> None:
    to_native = pyproj.Transformer.from_crs(4326, 2154, always_xy=True)
    x, y = centres(whole["domain"])
    rng = random.Random(2)
    for _ in range(20):
        lon, lat = rng.uniform(-2.2, -1.1), rng.uniform(47.0, 47.6)
        answer = api.get(f"/collections/{ID}/position", params={"coords": f"POINT({lon} {lat})"})
        assert answer.headers["content-type"] == COVERAGE_JSON
        document = answer.json()
        native = to_native.transform(lon, lat)
        column = int(np.argmin(np.abs(np.array(x) - native[0])))
        row = int(np.argmin(np.abs(np.array(y) - native[1])))
        expected = values(whole)[row, column]
        [value] = document["ranges"]["distance"]["values"]
        assert (value is None and np.isnan(expected)) or value == pytest.approx(expected)
        assert document["domain"]["referencing"][0]["system"]["id"] == CRS84


def test_area_keeps_the_cells_inside_the_surface(api: httpx.Client, whole: dict[str, Any]) -> None:
    triangle = shapely.Polygon([(-1.7, 47.1), (-1.3, 47.15), (-1.5, 47.4)])
    document = api.get(f"/collections/{ID}/area", params={"coords": triangle.wkt}).json()
    to_native = pyproj.Transformer.from_crs(4326, 2154, always_xy=True)
    native = shapely.Polygon([to_native.transform(lon, lat) for lon, lat in triangle.exterior.coords])
    x, y = centres(document["domain"])
    inside = shapely.contains_xy(native, *np.meshgrid(x, y))
    np.testing.assert_array_equal(~np.isnan(values(document)), inside)  # the triangle is all land
    assert np.nanmax(values(document)) <= np.nanmax(values(whole))


def test_cube_is_the_box(api: httpx.Client) -> None:
    cube = api.get(f"/collections/{ID}/cube", params={"bbox": "-1.6,47.2,-1.5,47.25", "parameter-name": "distance"}).json()
    cover = api.get(f"/collections/{ID}/coverage", params={"bbox": "-1.6,47.2,-1.5,47.25", "properties": "distance"}).json()
    assert cube == cover


@pytest.mark.parametrize(
    ("path", "status", "parameter"),
    [
        ("coverage?bbox=1,2", 400, "bbox"),
        ("coverage?bbox=a,b,c,d", 400, "bbox"),
        ("coverage?bbox=-1.5,47.3,-1.6,nan", 400, "bbox"),
        ("coverage?bbox=-1.6,47.3,-1.5,47.2", 400, "bbox"),
        ("coverage?bbox=10,45,11,46", 404, None),
        ("coverage?bbox=-1.6,47.2,-1.5,47.3&bbox-crs=EPSG:99", 400, "bbox-crs"),
        ("coverage?bbox=-1.6,47.2,-1.5,47.3&subset=x(1:2)", 400, "subset"),
        ("coverage?subset=Lat(47:48)", 400, "subset"),
        ("coverage?subset=x", 400, "subset"),
        ("coverage?subset=x(5:1)", 400, "subset"),
        ("coverage?subset=x(%22a%22:%22b%22)", 400, "subset"),
        ("coverage?subset=x(1)", 404, None),
        ("coverage?properties=2", 400, "properties"),
        ("coverage?datetime=2020-01-01", 400, "datetime"),
        ("coverage?f=png", 400, "f"),
        ("coverage?f=json&f=GTiff", 400, "f"),
        ("position", 400, "coords"),
        ("position?coords=POINT(1)", 400, "coords"),
        ("position?coords=POINT(500%200)", 400, "coords"),
        ("position?coords=POINT(0%200)", 404, None),
        ("position?coords=LINESTRING(0%200,1%201)", 400, "coords"),
        ("position?coords=POINT(-1.5%2047.2)&parameter-name=pluie", 400, "parameter-name"),
        ("position?coords=POINT(-1.5%2047.2)&datetime=hier", 400, "datetime"),
        ("position?coords=POINT(-1.5%2047.2)&f=CSV", 400, "f"),
        ("area?coords=POINT(-1.5%2047.2)", 400, "coords"),
        ("area?coords=POLYGON((0%200,1%201,0%201,1%200,0%200))", 400, "coords"),
        ("area?coords=POLYGON((-170%20-80,170%20-80,170%2080,-170%2080,-170%20-80))", 404, None),
        ("cube", 400, "bbox"),
        ("items", 404, None),
    ],
)
def test_refusals(api: httpx.Client, path: str, status: int, parameter: str | None) -> None:
    answer = api.get(f"/collections/{ID}/{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().get("parameter") == parameter
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "path", ["communes/coverage", "communes/position?coords=POINT(-1.5%2047.2)", "rien/coverage", "rien/area"]
)
def test_a_layer_is_not_a_coverage(api: httpx.Client, path: str) -> None:
    answer = api.get(f"/collections/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_stac_from_the_root_to_the_file(api: httpx.Client, whole: dict[str, Any]) -> None:
    """The members that STAC 1.0.0 requires, and every link followed down to the asset."""
    root = api.get("/stac").json()
    assert (root["type"], root["stac_version"]) == ("Catalog", "1.0.0")
    [child] = [link["href"] for link in root["links"] if link["rel"] == "child"]
    collection = api.get(child).json()
    assert set(collection) >= {"type", "stac_version", "id", "description", "license", "extent", "links"}
    assert collection["type"] == "Collection"
    [item_link] = [link["href"] for link in collection["links"] if link["rel"] == "item"]
    answer = api.get(item_link)
    assert answer.headers["content-type"] == "application/geo+json"
    item = answer.json()
    assert set(item) >= {"type", "stac_version", "id", "geometry", "bbox", "properties", "links", "assets", "collection"}
    assert (item["type"], item["collection"]) == ("Feature", collection["id"])
    assert item["properties"]["datetime"]
    assert item["properties"]["proj:shape"] == whole["ranges"]["distance"]["shape"]
    assert tuple(item["bbox"]) == pytest.approx(shapely.geometry.shape(item["geometry"]).bounds)
    assert api.get(item["assets"]["data"]["href"]).headers["content-type"] == item["assets"]["data"]["type"]
    for document in (root, collection, item):
        for link in document["links"]:
            if link["href"].startswith(str(api.base_url)):
                assert api.get(link["href"]).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["rien", "rasters/rien", f"rasters/{ID}/x", "rasters/..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "rasters/%00"],
)
def test_stac_serves_nothing_else(api: httpx.Client, path: str) -> None:
    answer = api.get(f"/stac/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_path_that_pygeoapi_declares_is_ours(api: httpx.Client, territory: Settings) -> None:
    """In the one OpenAPI document, and never one of the features that ours serves."""
    with psycopg.connect(territory.effective_database_url) as conn:
        config = pygeoapi_config(territory, Links(str(api.base_url)), read_catalog(conn), read_rasters(conn))
    declared: set[str] = set()
    for module in (processes, coverages, stac):
        declared |= set(module.get_oas_30(config, "fr")[1]["paths"])
    assert f"/collections/{ID}/coverage" in declared
    assert not any(path.startswith(("/collections/communes", "/collections/mairies")) for path in declared)
    ours = set(api.get("/api").json()["paths"])
    assert {path.replace(f"/{ID}/", "/{coverageId}/") for path in declared} <= ours


def test_declared(api: httpx.Client) -> None:
    classes = api.get("/conformance").json()["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-coverages-1/1.0/conf/core" in classes
    assert "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/core" in classes
    assert len(classes) == len(set(classes))
    document = api.get("/api").json()
    assert {f"/collections/{{coverageId}}/{name}" for name in ("coverage", "position", "area", "cube")} <= set(document["paths"])
    assert "schemas.opengis.net" not in api.get("/api").text
