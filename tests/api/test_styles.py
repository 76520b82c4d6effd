"""Styles over HTTP: documents that a map can use as they are."""

from collections.abc import Iterator

import httpx
import pytest

LAYERS = ("communes", "epci", "cantons", "mairies")
STYLE = "application/vnd.mapbox.style+json"


@pytest.fixture(scope="module")
def client(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=20, headers={"Accept": "*/*"}) as made:
        yield made


def test_every_layer_and_the_territory_have_a_style(client: httpx.Client) -> None:
    document = client.get("/ogc/styles").json()
    ids = [one["id"] for one in document["styles"]]
    assert ids[0] == document["default"] == "territoire"
    assert set(ids) == {"territoire", *LAYERS}
    for one in document["styles"]:
        for found in one["links"]:
            answer = client.get(found["href"])
            assert answer.status_code == 200
            assert answer.headers["content-type"] == found["type"]


@pytest.mark.parametrize("style", ["territoire", *LAYERS])
def test_style_is_a_map_that_draws_its_layers(client: httpx.Client, server: str, style: str) -> None:
    answer = client.get(f"/ogc/styles/{style}")
    assert answer.headers["content-type"] == STYLE
    document = answer.json()
    assert document["version"] == 8
    ids = [layer["id"] for layer in document["layers"]]
    assert len(set(ids)) == len(ids) > 0
    for layer in document["layers"]:
        assert layer["source"] in document["sources"]
        assert layer["source-layer"] == layer["source"]
    for name, source in document["sources"].items():
        (address,) = source["tiles"]
        assert address.startswith(f"{server}/ogc/collections/{name}/tiles/")
        tile = address.replace("{z}", "8").replace("{y}", "89").replace("{x}", "126")
        assert client.get(tile).status_code == 200


def test_territory_keeps_the_order_of_the_catalogue(client: httpx.Client) -> None:
    catalogue = [one["id"] for one in client.get("/ogc/collections").json()["collections"]]
    sources = list(client.get("/ogc/styles/territoire").json()["sources"])
    assert sources == [one for one in catalogue if one in sources]


def test_style_of_a_layer_is_linked_from_it(client: httpx.Client) -> None:
    document = client.get("/ogc/collections/communes/styles").json()
    assert [one["id"] for one in document["styles"]] == ["communes"]
    links = client.get("/ogc/collections/communes").json()["links"]
    assert any(one["href"].endswith("/ogc/collections/communes/styles") for one in links)


def test_metadata_names_the_layers_and_the_stylesheet(client: httpx.Client) -> None:
    document = client.get("/ogc/styles/territoire/metadata").json()
    assert {one["id"] for one in document["layers"]} == set(LAYERS)
    (sheet,) = document["stylesheets"]
    assert client.get(sheet["link"]["href"]).headers["content-type"] == sheet["link"]["type"] == STYLE


def test_unchanged_style_is_not_sent_again(client: httpx.Client) -> None:
    etag = client.get("/ogc/styles/communes").headers["etag"]
    assert client.get("/ogc/styles/communes", headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/ogc/styles/nulle-part", 404),
        ("/ogc/styles/nulle-part/metadata", 404),
        ("/ogc/collections/nulle-part/styles", 404),
        ("/ogc/styles?colour=red", 400),
        ("/ogc/styles/communes?f=sld", 400),
    ],
)
def test_refusals_are_problems(client: httpx.Client, address: str, status: int) -> None:
    answer = client.get(address)
    assert answer.status_code == status
    assert answer.json()["status"] == status


@pytest.mark.parametrize("address", ["/ogc/styles", "/ogc/styles/communes", "/ogc/styles/communes/metadata"])
def test_documents_are_pages_too(client: httpx.Client, address: str) -> None:
    page = client.get(address, headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert '<html lang="fr"' in page.text


def test_conformance_declares_tiles_and_styles(client: httpx.Client) -> None:
    declared = client.get("/ogc/conformance").json()["conformsTo"]
    for name in ("core", "tileset", "tilesets-list", "geodata-tilesets", "mvt", "oas30"):
        assert f"http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/{name}" in declared
    for name in ("core", "mapbox-styles"):
        assert f"http://www.opengis.net/spec/ogcapi-styles-1/1.0/conf/{name}" in declared
