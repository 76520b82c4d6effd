"""OGC API Features over HTTP, on the start-up territory."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pyproj
import pytest
import shapely
from shapely.geometry import shape

EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
MAIRIE_NANTES = (-1.5536, 47.2184)


@pytest.fixture(scope="module")
def api(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{server}/ogc", timeout=30) as client:
        yield client


def get(api: httpx.Client, path: str, **params: Any) -> dict[str, Any]:
    answer = api.get(path, params={name.replace("_", "-"): value for name, value in params.items()})
    assert answer.status_code == 200, answer.text[:500]
    document: dict[str, Any] = answer.json()
    return document


def href(document: dict[str, Any], rel: str) -> str | None:
    return next((link["href"] for link in document["links"] if link["rel"] == rel), None)


def keys(document: dict[str, Any]) -> list[str]:
    return [feature["id"] for feature in document["features"]]


def test_the_four_layers_have_their_true_counts(api: httpx.Client) -> None:
    counts = {one["id"]: one["numberOfItems"] for one in get(api, "/collections")["collections"]}
    assert counts == {"communes": 207, "epci": 17, "cantons": 31, "mairies": 207}


def test_following_next_gives_every_feature_once(api: httpx.Client) -> None:
    page = get(api, "/collections/communes/items", limit=50, properties="nom")
    assert page["numberMatched"] == 207
    seen = keys(page)
    while following := href(page, "next"):
        page = api.get(following).json()
        seen += keys(page)
    assert len(seen) == len(set(seen)) == 207
    assert seen == sorted(seen)


def test_prev_leads_back(api: httpx.Client) -> None:
    first = get(api, "/collections/communes/items", limit=20, sortby="-population")
    second = api.get(href(first, "next") or "").json()
    back = api.get(href(second, "prev") or "").json()
    assert keys(back) == keys(first)
    assert href(back, "prev") is None


@pytest.mark.parametrize("srid", [2154, 3857, 3947, 4326])
def test_every_crs_has_the_axis_order_of_its_authority(api: httpx.Client, srid: int) -> None:
    """The independent computation is pyproj's, with the axes as the authority orders them."""
    plain = get(api, "/collections/mairies/items/44109")["geometry"]["coordinates"]
    answer = api.get("/collections/mairies/items/44109", params={"crs": f"{EPSG}{srid}"})
    assert answer.headers["content-crs"] == f"<{EPSG}{srid}>"
    to = pyproj.Transformer.from_crs("OGC:CRS84", f"EPSG:{srid}", always_xy=False)
    expected = to.transform(*plain)
    tolerance = 2e-7 if srid == 4326 else 0.02
    assert answer.json()["geometry"]["coordinates"] == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("crs", [CRS84, *(f"{EPSG}{srid}" for srid in (2154, 3857, 3947, 4326))])
def test_a_bbox_in_any_crs_finds_nantes(api: httpx.Client, crs: str) -> None:
    x, y = pyproj.Transformer.from_crs("OGC:CRS84", crs, always_xy=False).transform(*MAIRIE_NANTES)
    side = 1e-4 if crs in (CRS84, f"{EPSG}4326") else 10
    box = f"{x - side},{y - side},{x + side},{y + side}"
    assert keys(get(api, "/collections/communes/items", bbox=box, bbox_crs=crs, limit=5)) == ["44109"]


def test_a_bbox_says_what_shapely_says(api: httpx.Client) -> None:
    box = (-1.62, 47.15, -1.45, 47.25)
    everything = get(api, "/collections/communes/items", limit=1000)["features"]
    expected = {f["id"] for f in everything if shape(f["geometry"]).intersects(shapely.box(*box))}
    found = get(api, "/collections/communes/items", limit=1000, bbox=",".join(map(str, box)))
    assert set(keys(found)) == expected
    assert found["numberMatched"] == len(expected)


@pytest.mark.parametrize("box", ["-180,-90,180,90", "-180,-90,-100,180,90,100", "170,-90,-170,90", "0,0,0,0", "2,48,3,49"])
def test_boxes_of_the_whole_world_or_elsewhere(api: httpx.Client, box: str) -> None:
    found = get(api, "/collections/communes/items", bbox=box, limit=1000)
    assert found["numberReturned"] == (207 if box.startswith("-180") else 0)


def test_the_count_is_exact_or_left_out(api: httpx.Client) -> None:
    page = get(api, "/collections/communes/items", filter="population > 0", limit=10)
    assert "numberMatched" not in page
    assert get(api, "/collections/communes/items", filter="population > 200000")["numberMatched"] == 1


def test_filters_in_text_and_json(api: httpx.Client) -> None:
    text = get(api, "/collections/communes/items", filter="population > 60000", limit=100)
    tree = json.dumps({"op": ">", "args": [{"property": "population"}, 60000]})
    as_json = get(api, "/collections/communes/items", filter=tree, filter_lang="cql2-json", limit=100)
    assert {"44109", "44184"} == set(keys(text)) == set(keys(as_json))


def test_case_and_accents_do_not_matter_when_asked(api: httpx.Client) -> None:
    found = get(api, "/collections/communes/items", filter="CASEI(ACCENTI(nom)) = CASEI(ACCENTI('REZE'))")
    assert keys(found) == ["44143"]


def test_properties_by_equality_and_selection(api: httpx.Client) -> None:
    found = get(api, "/collections/communes/items", nom="Clisson", properties="nom,population")
    assert keys(found) == ["44043"]
    assert list(found["features"][0]["properties"]) == ["nom", "population"]


def test_sorting_by_population(api: httpx.Client) -> None:
    found = get(api, "/collections/communes/items", sortby="-population", limit=3, properties="population")
    numbers = [feature["properties"]["population"] for feature in found["features"]]
    assert numbers == sorted(numbers, reverse=True)
    assert keys(found)[0] == "44109"


def test_one_feature_and_its_links(api: httpx.Client) -> None:
    feature = get(api, "/collections/communes/items/44109")
    assert feature["id"] == "44109"
    assert feature["properties"]["nom"] == "Nantes"
    assert href(feature, "collection")


# Formats


def test_csv_holds_the_same_features(api: httpx.Client) -> None:
    answer = api.get("/collections/mairies/items", params={"f": "csv", "limit": 300})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 207
    assert {"x", "y"} <= set(rows[0])


def test_geojson_sequence_is_one_object_per_record(api: httpx.Client) -> None:
    answer = api.get("/collections/mairies/items", params={"f": "geojsonseq", "limit": 5})
    records = answer.text.split("\x1e")
    assert records[0] == ""
    features = [json.loads(record) for record in records[1:]]
    assert [feature["type"] for feature in features] == ["Feature"] * 5
    assert 'rel="next"' in answer.headers["link"]


def test_pages_of_streamed_formats_follow_each_other(api: httpx.Client) -> None:
    seen: list[str] = []
    params = {"f": "csv", "limit": "100", "properties": "code_insee,nom", "sortby": "nom"}
    answer = api.get("/collections/communes/items", params=params)
    while True:
        seen += [row["code_insee"] for row in csv.DictReader(io.StringIO(answer.text))]
        if "next" not in answer.links:
            break
        answer = api.get(answer.links["next"]["url"])
    assert len(seen) == len(set(seen)) == 207


def test_accept_chooses_the_format(api: httpx.Client) -> None:
    for accept, expected in (
        ("application/geo+json", "application/geo+json"),
        ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "text/html"),
        ("text/csv", "text/csv"),
        ("application/xml;q=0.9, text/csv;q=0.5", "text/csv"),
    ):
        answer = api.get("/collections/mairies/items", headers={"Accept": accept})
        assert answer.headers["content-type"].startswith(expected)
        assert "accept" in answer.headers["vary"].lower()
    assert api.get("/collections/mairies/items", headers={"Accept": "image/png"}).status_code == 406


# HTTP


def test_etag_and_304(api: httpx.Client) -> None:
    for path in ("/", "/conformance", "/api", "/collections", "/collections/communes", "/collections/communes/items",
                 "/collections/communes/items/44109", "/collections/communes/schema"):  # fmt: skip
        answer = api.get(path)
        again = api.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304, path
        assert again.content == b""
        assert api.get(path, headers={"If-None-Match": '"autre"'}).status_code == 200


def test_head_has_headers_and_no_body(api: httpx.Client) -> None:
    answer = api.head("/collections/communes/items")
    assert answer.status_code == 200
    assert answer.headers["etag"]
    assert answer.content == b""


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
def test_compression_changes_nothing_but_the_size(api: httpx.Client, encoding: str) -> None:
    path = "/collections/communes/items/44109"
    plain = api.get(path, headers={"Accept-Encoding": "identity"})
    packed = api.get(path, headers={"Accept-Encoding": encoding})
    assert packed.headers["content-encoding"] == encoding
    assert packed.content == plain.content
    assert int(packed.num_bytes_downloaded) < len(plain.content)


def test_any_web_page_may_read(api: httpx.Client) -> None:
    answer = api.get("/collections", headers={"Origin": "https://commune.exemple"})
    assert answer.headers["access-control-allow-origin"] == "*"
    preflight = api.options("/collections", headers={"Origin": "https://x", "Access-Control-Request-Method": "GET"})
    assert preflight.status_code == 204
    assert "GET" in preflight.headers["access-control-allow-methods"]


# What is refused


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("inconnu=1", "inconnu"),
        ("limit=0", "limit"),
        ("limit=-5", "limit"),
        ("limit=dix", "limit"),
        ("limit=1&limit=2", "limit"),
        ("bbox=1,2,3", "bbox"),
        ("bbox=a,b,c,d", "bbox"),
        ("bbox=nan,0,1,1", "bbox"),
        ("bbox=1,48,2,47", "bbox"),
        ("bbox=-999,0,1,1", "bbox"),
        ("crs=EPSG:9999", "crs"),
        ("bbox-crs=tout", "bbox-crs"),
        ("datetime=hier", "datetime"),
        ("datetime=2026-01-02/2026-01-01", "datetime"),
        ("datetime=1/2/3", "datetime"),
        ("properties=inconnu", "properties"),
        ("sortby=inconnu", "sortby"),
        ("filter=nom%20%3D", "filter"),
        ("filter=inconnu=1", "filter"),
        ("filter=nom='x'&filter-lang=sql", "filter-lang"),
        ("filter-crs=zz", "filter-crs"),
        ("token=abc", "token"),
        ("population=beaucoup", "population"),
        ("edition=jamais", "edition"),
        ("f=pdf", "f"),
        ("filter=" + "(" * 3000, "filter"),
    ],
)
def test_a_bad_value_is_a_400_that_names_its_parameter(api: httpx.Client, query: str, parameter: str) -> None:
    answer = api.get(f"/collections/communes/items?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["parameter"] == parameter
    assert problem["status"] == 400
    assert "SELECT" not in answer.text
    assert problem["detail"].endswith(".")


@pytest.mark.parametrize(
    "path",
    [
        "/collections/inconnue",
        "/collections/inconnue/items",
        "/collections/communes/items/99999",
        "/collections/communes/items?edition=99",
        "/collections/communes/items?edition=1999-01-01",
        "/collections/communes/items/44109?edition=99",
        "/collections/communes/changes?from=1&to=99",
        "/rien",
    ],
)
def test_what_does_not_exist_is_a_404(api: httpx.Client, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_person_gets_the_error_as_a_page(api: httpx.Client) -> None:
    answer = api.get("/collections/inconnue", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "inconnue" in answer.text


@pytest.mark.parametrize("filter_text", ["S_INTERSECTS(geometry, POINT(999 999))", "S_INTERSECTS(geometry, POINT(1e300 0))",
                                         "S_INTERSECTS(geometry, POLYGON((0 0, 1 1)))", "population / 0 > 1",
                                         "population * 1e308 * 1e308 > 1"])  # fmt: skip
def test_impossible_computations_are_never_a_500(api: httpx.Client, filter_text: str) -> None:
    answer = api.get("/collections/communes/items", params={"filter": filter_text})
    assert answer.status_code in (200, 400)
