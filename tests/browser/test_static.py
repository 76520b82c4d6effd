"""Static files: exact names, versions kept for ever, everything else revalidated."""

from collections.abc import Iterator

import httpx
import pytest

from geoportal.portal.assets import Assets


@pytest.fixture
def client(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, headers={"Accept-Encoding": "identity"}) as opened:
        yield opened


@pytest.mark.parametrize("name", Assets.of_portal().files)
def test_every_file_is_served_for_ever_under_its_version(name: str, client: httpx.Client) -> None:
    answer = client.get(f"/static/{Assets.of_portal().version}/{name}")
    assert answer.status_code == httpx.codes.OK
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.content == Assets.of_portal().files[name].read_bytes()


def test_without_version_a_copy_is_revalidated(client: httpx.Client) -> None:
    first = client.get("/static/css/base.css")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/static/css/base.css", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (httpx.codes.NOT_MODIFIED, b"")
    assert client.get("/static/v-000000000000/css/base.css").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_the_map_library_travels_compressed(encoding: str, client: httpx.Client) -> None:
    whole = client.get("/static/vendor/maplibre-gl.mjs").content
    answer = client.get("/static/vendor/maplibre-gl.mjs", headers={"Accept-Encoding": encoding})
    assert answer.headers["content-encoding"] == encoding
    assert answer.content == whole
    assert int(answer.headers["content-length"]) < len(whole) / 3


@pytest.mark.parametrize(
    "path",
    [
        "/static/vendor/maplibre-gl-dev.mjs",
        "/static/vendor/../../package.json",
        "/static/..%2f..%2fpackage.json",
        "/static/%2e%2e/app.py",
        "/static/css/",
        "/static/",
    ],
)
def test_nothing_else_is_served(path: str, client: httpx.Client) -> None:
    assert client.get(path).status_code == httpx.codes.NOT_FOUND
