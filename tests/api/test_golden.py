"""Golden documents: what the API says, word for word. ``./portail test --bless tests/api/test_golden.py`` writes them again."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import mapbox_vector_tile
import pytest

GOLDEN = Path(__file__).resolve().parent.parent / "data" / "golden"
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
ETAGS = re.compile(r"\b[0-9a-f]{64}\b")

DOCUMENTS = {
    "landing": "ogc/",
    "conformance": "ogc/conformance",
    "collections": "ogc/collections",
    "collection-mairies": "ogc/collections/mairies",
    "queryables-communes": "ogc/collections/communes/queryables",
    "schema-communes": "ogc/collections/communes/schema",
    "items-communes": "ogc/collections/communes/items?limit=2&sortby=-population&properties=nom&bbox=-1.6,47.1,-1.5,47.2",
    "item-mairie": "ogc/collections/mairies/items/44109",
    "editions-epci": "ogc/collections/epci/editions",
    "tileset-communes": "ogc/collections/communes/tiles/WebMercatorQuad",
    "tilejson-communes": "ogc/collections/communes/tiles/WebMercatorQuad?f=tilejson",
    "process-zonal-summary": "ogc/processes/zonal-summary",
    "problem": "ogc/collections/communes/items?limit=0",
}


def stable(text: str, server: str) -> str:
    """Without what changes from one run to the next: the port, the instants, the digest of the archive."""
    text = text.replace(server, "https://portail.exemple")
    return ETAGS.sub("<sha256>", INSTANT.sub("<instant>", text))


def check(name: str, content: str, bless: bool) -> None:
    path = GOLDEN / name
    if bless:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    assert path.exists(), f"{name} n'a pas de modèle : ./portail test --bless tests/api/test_golden.py"
    assert content == path.read_text(encoding="utf-8")


def pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document(server: str, name: str, request: pytest.FixtureRequest) -> None:
    text = stable(httpx.get(f"{server}/{DOCUMENTS[name]}", timeout=30).text, server)
    document = json.loads(text)
    for feature in document.get("features", []):
        feature["geometry"]["coordinates"] = "<coordonnées>"
    check(f"{name}.json", pretty(document), request.config.getoption("--bless"))


def test_openapi_paths(server: str, request: pytest.FixtureRequest) -> None:
    """The paths, operations and parameters of the OpenAPI document: what a client generator sees."""
    paths = httpx.get(f"{server}/ogc/api").json()["paths"]
    lines = []
    for path, operations in sorted(paths.items()):
        for method, operation in sorted(operations.items()):
            if method == "parameters":
                continue
            names = [one.get("name") or one["$ref"].rsplit("/", 1)[1] for one in operation.get("parameters", [])]
            lines.append(f"{method.upper()} {path} ({', '.join(names)})")
    check("openapi.txt", "\n".join(lines) + "\n", request.config.getoption("--bless"))


def test_decoded_tile(server: str, request: pytest.FixtureRequest) -> None:
    """A tile of the mairies around Nantes, decoded."""
    answer = httpx.get(f"{server}/ogc/collections/mairies/tiles/WebMercatorQuad/10/358/507")
    assert answer.status_code == 200
    decoded = mapbox_vector_tile.decode(answer.content, default_options={"y_coord_down": True})
    features = sorted(decoded["mairies"]["features"], key=lambda one: str(one["properties"]["key"]))
    check(
        "tile-mairies.json",
        pretty({"extent": decoded["mairies"]["extent"], "features": features}),
        request.config.getoption("--bless"),
    )
