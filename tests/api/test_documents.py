"""The documents of the API: landing page, conformance, collections, schemas, OpenAPI."""

from typing import Any

import httpx
import jsonschema
import pytest
from openapi_spec_validator import validate

LAYERS = ("communes", "epci", "cantons", "mairies")


@pytest.fixture(scope="module")
def landing(server: str) -> dict[str, Any]:
    document: dict[str, Any] = httpx.get(f"{server}/ogc/").json()
    return document


def test_every_link_of_the_landing_page_and_collections_answers(server: str, landing: dict[str, Any]) -> None:
    collections = httpx.get(f"{server}/ogc/collections").json()
    links = [*landing["links"], *collections["links"], *(link for one in collections["collections"] for link in one["links"])]
    followed = 0
    for link in links:
        if link.get("templated") or not link["href"].startswith(server):
            continue
        answer = httpx.get(link["href"], headers={"Accept": link["type"]}, timeout=30)
        assert answer.status_code == 200, link
        assert answer.headers["content-type"].split(";")[0] == link["type"].split(";")[0], link
        followed += 1
    assert followed > 40


def test_conformance_lists_each_class_once(server: str) -> None:
    classes = httpx.get(f"{server}/ogc/conformance").json()["conformsTo"]
    assert len(classes) == len(set(classes))
    for needed in (
        "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
        "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
        "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
        "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
        "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
        "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core",
        "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/core",
    ):
        assert needed in classes


def test_openapi_document_is_valid(server: str) -> None:
    answer = httpx.get(f"{server}/ogc/api")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    document = answer.json()
    assert document["openapi"].startswith("3.0")
    validate(document)
    paths = document["paths"]
    for layer in LAYERS:
        assert f"/collections/{layer}/items" in paths
    assert any("/tiles/" in path for path in paths)
    assert any("/processes" in path for path in paths)
    operations = [
        one["operationId"] for path in paths.values() for one in path.values() if isinstance(one, dict) and "operationId" in one
    ]
    assert len(operations) == len(set(operations))


@pytest.mark.parametrize("layer", LAYERS)
def test_features_respect_their_schema(server: str, layer: str) -> None:
    schema = httpx.get(f"{server}/ogc/collections/{layer}/schema").json()
    jsonschema.Draft202012Validator.check_schema(schema)
    properties = {"type": "object", "properties": schema["properties"], "additionalProperties": False}
    nullable = {
        **properties,
        "properties": {name: {"anyOf": [one, {"type": "null"}]} for name, one in schema["properties"].items()},
    }
    validator = jsonschema.Draft202012Validator(nullable)
    for feature in httpx.get(f"{server}/ogc/collections/{layer}/items?limit=500", timeout=30).json()["features"]:
        validator.validate(feature["properties"])


@pytest.mark.parametrize("layer", LAYERS)
def test_every_queryable_and_sortable_works(server: str, layer: str) -> None:
    base = f"{server}/ogc/collections/{layer}"
    for name in httpx.get(f"{base}/queryables").json()["properties"]:
        assert httpx.get(f"{base}/items", params={"filter": f'"{name}" IS NOT NULL', "limit": 1}).status_code == 200, name
    for name in httpx.get(f"{base}/sortables").json()["properties"]:
        assert httpx.get(f"{base}/items", params={"sortby": f"-{name}", "limit": 1}).status_code == 200, name


def test_extents_hold_the_features(server: str) -> None:
    for one in httpx.get(f"{server}/ogc/collections").json()["collections"]:
        west, south, east, north = one["extent"]["spatial"]["bbox"][0]
        assert -2.7 < west < east < -0.9
        assert 46.8 < south < north < 47.9


@pytest.mark.parametrize("path", ["", "conformance", "api", "collections", "collections/communes", "collections/communes/items",
                                  "collections/communes/items/44109", "collections/communes/queryables",
                                  "collections/communes/schema", "collections/communes/editions", "collections/communes/tiles",
                                  "tileMatrixSets", "tileMatrixSets/WebMercatorQuad", "styles", "processes"])  # fmt: skip
def test_every_resource_has_a_page_in_french(server: str, path: str) -> None:
    answer = httpx.get(f"{server}/ogc/{path}", headers={"Accept": "text/html"}, timeout=30)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert '<html lang="fr"' in answer.text
    assert "content-security-policy" in answer.headers
