"""What anyone may write in the addresses of the portal's pages: an answer or a refusal, never a failure."""

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest


@pytest.fixture
def client(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, headers={"Accept": "text/html"}, timeout=30) as opened:
        yield opened


def token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


REFUSED = {
    "null commune": "/carte?carte=mairies&commune=%00",
    "long commune": f"/carte?carte=mairies&commune={'4' * 5000}",
    "null text": "/carte?q=a%00b",
    "long text": f"/carte?q={'é' * 2500}",
    "nested token": f"/carte?page={token('[' * 20_000)}",
    "short nested token": f"/carte?page={token('[' * 2_900)}",
    "surrogate token": f"/carte?page={token(json.dumps(['>', chr(0xD800), '44109']))}",
    "surrogate key": f"/carte?page={token(json.dumps(['>', 'Nantes', chr(0xDFFF)]))}",
    "null token": f"/carte?page={token(json.dumps(['>', chr(0), '44109']))}",
    "foreign token": f"/carte?page={token('{}')}",
    "no token": "/carte?page=%00",
}


@pytest.mark.parametrize("path", REFUSED.values(), ids=REFUSED)
def test_an_unreadable_wish_is_a_page_that_says_so(path: str, client: httpx.Client) -> None:
    answer = client.get(path)
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert answer.headers["content-type"].startswith("text/html")
    problem = client.get(path, headers={"Accept": "application/json"}).json()
    assert problem["parameter"] in path


VALUES = {
    "null": "%00",
    "surrogate": "%ED%A0%80",
    "not UTF-8": "%FF%FE",
    "long": "a" * 5000,
    "quotes": quote("'\";--%_\\"),
    "line": "%0D%0AX-Essai:%201",
    "number": "9" * 40,
    "empty": "",
    "commas": "," * 5000,
}
PARAMETERS = {
    "/carte": ("carte", "avec", "de", "objet", "q", "commune", "page"),
    "/carte/fiche": ("carte", "objet"),
    "/carte/style.json": ("cartes", "visibles"),
    "/filtrer/mairies": ("nom", "commune_code", "bbox", "inconnu"),
}
QUERIES = [(path, name, value) for path, names in PARAMETERS.items() for name in names for value in VALUES]


@pytest.mark.parametrize(("path", "name", "value"), QUERIES)
def test_no_parameter_makes_a_page_fail(path: str, name: str, value: str, client: httpx.Client) -> None:
    given = VALUES[value]
    start = "" if name == "carte" else "carte=mairies&"
    for query in (f"{start}{name}={given}", f"{start}{name}={given}&{name}={given}", f"{start}{name}=44109&{name}={given}"):
        answer = client.get(f"{path}?{query}")
        assert answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR, query[:200]
        assert "x-essai" not in answer.headers


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("path", ["/carte/noms/{}.geojson", "/filtrer/{}", "/carte?carte=communes&objet={}"])
def test_no_name_in_an_address_makes_it_fail(path: str, value: str, client: httpx.Client) -> None:
    assert client.get(path.format(VALUES[value])).status_code < httpx.codes.INTERNAL_SERVER_ERROR
