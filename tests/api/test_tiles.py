"""Tiles over HTTP: addresses, refusals, caches, editions, access."""

import asyncio
import gzip
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import mapbox_vector_tile
import morecantile
import psycopg
import pytest
import shapely
from psycopg import Connection

from config.settings import Settings
from geoportal.ogc.tile_endpoint import match_tile_path
from layers.editions import publish_edition
from layers.model import Access
from layers.staging import Record
from tests.conftest import run_python
from tests.layer_samples import SQUARES, publish_squares, square, square_records
from tests.projections import TO_DEGREES
from tests.serving import serve
from tiles.grid import tile_at

Conn = Connection[tuple[Any, ...]]
MVT = "application/vnd.mapbox-vector-tile"
TILES = "/ogc/collections/communes/tiles"
GRID = f"{TILES}/WebMercatorQuad"
NANTES = "10/359/507"


@pytest.fixture(scope="module")
def client(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=20) as made:
        yield made


@pytest.fixture
def own(settings: Settings, conn: Conn) -> Iterator[httpx.Client]:
    """A portal of one process over the squares, to publish and see."""
    publish_squares(conn, {"a": (1, 1), "b": (2, 100)})
    with serve(settings, workers=1) as url, httpx.Client(base_url=url, timeout=20) as made:
        yield made


def square_address(position: int, z: int = 14) -> str:
    centre = square(position).centroid
    tile = tile_at(*TO_DEGREES.transform(centre.x, centre.y), z)
    return f"/ogc/collections/{SQUARES.id}/tiles/WebMercatorQuad/{z}/{tile.y}/{tile.x}"


def stored(settings: Settings) -> list[Path]:
    """The files of the tile store of the squares."""
    return list((settings.data_dir / "tiles").glob(f"{SQUARES.id}-*.sqlite"))


def numbers(answer: httpx.Response) -> dict[str, int]:
    """{key: nombre} of the squares in a tile."""
    layers = mapbox_vector_tile.decode(answer.content)
    return {one["properties"]["key"]: one["properties"]["nombre"] for one in layers[SQUARES.id]["features"]}


def publish_again(conn: Conn, client: httpx.Client, content: dict[str, tuple[int, int]]) -> None:
    """Publish, and wait until the process shows the new edition."""
    edition = publish_squares(conn, content).edition
    assert edition is not None
    for _ in range(200):
        shown = client.get(f"/ogc/collections/{SQUARES.id}", headers={"Accept": "application/json"}).json()["edition"]
        if shown == edition.number:
            return
    pytest.fail("the new edition was not seen")


def test_tile_holds_the_layer_under_its_id(client: httpx.Client) -> None:
    answer = client.get(f"{GRID}/{NANTES}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == MVT
    layers = mapbox_vector_tile.decode(answer.content)
    assert list(layers) == ["communes"]
    assert "Nantes" in {one["properties"].get("nom") for one in layers["communes"]["features"]}
    assert all("key" in one["properties"] for one in layers["communes"]["features"])


def test_tile_is_compressed_for_who_takes_gzip_only(client: httpx.Client) -> None:
    zipped = client.get(f"{GRID}/{NANTES}", headers={"Accept-Encoding": "gzip"})
    plain = client.get(f"{GRID}/{NANTES}", headers={"Accept-Encoding": "identity"})
    refused = client.get(f"{GRID}/{NANTES}", headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in refused.headers
    assert zipped.content == plain.content == refused.content
    assert int(plain.headers["content-length"]) == len(plain.content)
    for answer in (zipped, plain):
        assert "accept-encoding" in answer.headers["vary"].lower()


def test_second_answer_is_the_same_as_the_first(client: httpx.Client) -> None:
    address = f"{GRID}/9/179/253"
    answers = [client.get(address) for _ in range(6)]  # several processes, each from its store, then its memory
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["etag"] for answer in answers}) == 1
    for name in ("access-control-allow-origin", "x-content-type-options", "cache-control", "content-type"):
        assert len({answer.headers.get_list(name)[0] for answer in answers}) == 1
        assert all(len(answer.headers.get_list(name)) == 1 for answer in answers)
    assert answers[0].headers["access-control-allow-origin"] == "*"


def test_unchanged_tile_is_not_sent_again(client: httpx.Client) -> None:
    for encoding in ("gzip", "identity"):
        etag = client.get(f"{GRID}/{NANTES}", headers={"Accept-Encoding": encoding}).headers["etag"]
        for known in (etag, f'"other", {etag}', "*"):
            for _ in range(3):
                again = client.get(f"{GRID}/{NANTES}", headers={"Accept-Encoding": encoding, "If-None-Match": known})
                assert (again.status_code, again.content) == (304, b"")
                assert again.headers["etag"].removeprefix("W/") == etag.removeprefix("W/")
        assert client.get(f"{GRID}/{NANTES}", headers={"If-None-Match": '"other"'}).status_code == 200


def test_head_says_what_get_would_send(client: httpx.Client) -> None:
    for _ in range(3):
        head, get = client.head(f"{GRID}/{NANTES}"), client.get(f"{GRID}/{NANTES}")
        assert head.content == b""
        for name in ("content-length", "content-type", "etag", "cache-control"):
            assert head.headers[name] == get.headers[name]


def test_address_with_an_edition_may_be_kept_for_ever(client: httpx.Client) -> None:
    mark = parse_qs(client.get(f"{GRID}?f=tilejson").json()["tiles"][0].partition("?")[2])["v"][0]
    fixed = client.get(f"{GRID}/{NANTES}?edition=1&v={mark}&f=mvt")
    assert fixed.headers["cache-control"] == "public, max-age=31536000, immutable"
    for query in ("", "?edition=1", f"?v={mark}", "?edition=1&v=00000000"):
        moving = client.get(f"{GRID}/{NANTES}{query}")
        assert "immutable" not in moving.headers["cache-control"]
        assert fixed.content == moving.content


def test_hidden_field_leaves_the_caches_though_no_edition_is_published(own: httpx.Client, conn: Conn) -> None:
    def address() -> str:
        template: str = own.get(f"/ogc/collections/{SQUARES.id}/tiles/WebMercatorQuad?f=tilejson").json()["tiles"][0]
        return square_address(1) + "?" + template.partition("?")[2]

    before = address()
    answer = own.get(before)
    assert ("immutable" in answer.headers["cache-control"], b"nom" in answer.content) == (True, True)
    fields = tuple(
        field.model_copy(update={"hidden": field.name == "part", "tiles": field.name == "nombre"}) for field in SQUARES.fields
    )
    layer = SQUARES.model_copy(update={"fields": fields})
    outcome = publish_edition(
        conn, layer, square_records({"a": (1, 1), "b": (2, 100)}), srid=2154, storage_srid=2154, author="essai"
    )
    assert outcome.edition is None
    for _ in range(200):
        if address() != before:
            break
    assert address() != before
    for changed in (address(), before):
        again = own.get(changed)
        assert b"nom" not in again.content.replace(b"nombre", b"")
        assert ("immutable" in again.headers["cache-control"]) is (changed != before)


@pytest.mark.parametrize(
    ("address", "status", "parameter"),
    [
        (f"{GRID}/x/359/507", 400, "tileMatrix"),
        (f"{GRID}/10/-1/507", 400, "tileRow"),
        (f"{GRID}/10/359/5.5", 400, "tileCol"),
        (f"{GRID}/10/359/٣", 400, "tileCol"),
        (f"{GRID}/10/359/99999999999999999999", 400, "tileCol"),
        (f"{GRID}/{NANTES}?edition=x", 400, "edition"),
        (f"{GRID}/{NANTES}?edition=1&edition=1", 400, "edition"),
        (f"{GRID}/{NANTES}?edition=1&v=NaN", 400, "v"),
        (f"{GRID}/{NANTES}?v=00000000&v=00000000", 400, "v"),
        (f"{GRID}/10/0/0?edition=1", 404, None),
        (f"{GRID}/{NANTES}?f=png", 400, "f"),
        (f"{GRID}/{NANTES}?colour=red", 400, "colour"),
        (f"{GRID}/99/0/0", 404, None),
        (f"{GRID}/17/45984/64896", 404, None),
        (f"{GRID}/10/1024/507", 404, None),
        (f"{GRID}/10/0/0", 404, None),
        (f"{GRID}/{NANTES}?edition=999", 404, None),
        (f"{GRID}/{NANTES}?edition=0", 404, None),
        (f"{TILES}/WorldCRS84Quad/{NANTES}", 404, None),
        ("/ogc/collections/nulle-part/tiles/WebMercatorQuad/10/359/507", 404, None),
        ("/ogc/collections/nulle-part/tiles", 404, None),
        (f"{TILES}/WorldCRS84Quad", 404, None),
        ("/ogc/tileMatrixSets/WorldCRS84Quad", 404, None),
        (f"{TILES}?colour=red", 400, "colour"),
        (f"{GRID}?f=png", 400, "f"),
    ],
)
def test_refusals_are_problems_in_french(client: httpx.Client, address: str, status: int, parameter: str | None) -> None:
    answer = client.get(address, headers={"Accept": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["status"] == status
    assert problem.get("parameter") == parameter
    assert problem["detail"]


def test_tile_cannot_be_written(client: httpx.Client) -> None:
    answer = client.delete(f"{GRID}/{NANTES}")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


def test_tileset_says_its_limits_and_its_tiles_are_within(client: httpx.Client) -> None:
    tileset = client.get(GRID, headers={"Accept": "application/json"}).json()
    assert tileset["dataType"] == "vector"
    limits = {one["tileMatrix"]: one for one in tileset["tileMatrixSetLimits"]}
    template = next(one for one in tileset["links"] if one["rel"] == "item")
    assert template["templated"]
    one = limits["9"]
    for row in (one["minTileRow"], one["maxTileRow"]):
        for col in (one["minTileCol"], one["maxTileCol"]):
            variables = {"{tileMatrix}": "9", "{tileRow}": str(row), "{tileCol}": str(col)}
            address = template["href"]
            for name, value in variables.items():
                address = address.replace(name, value)
            assert client.get(address).status_code in (200, 204)
    outside = f"{GRID}/9/{one['minTileRow'] - 1}/{one['minTileCol']}"
    assert client.get(outside).status_code == 404
    fields = tileset["layers"][0]["propertiesSchema"]["properties"]
    seen = mapbox_vector_tile.decode(client.get(f"{GRID}/{NANTES}").content)["communes"]["features"][0]["properties"]
    assert seen.keys() <= fields.keys()


def test_tilesets_are_listed_with_their_grid(client: httpx.Client) -> None:
    listed = client.get(TILES, headers={"Accept": "application/json"}).json()["tilesets"]
    (tileset,) = listed
    rels = {one["rel"]: one["href"] for one in tileset["links"]}
    assert client.get(rels["self"]).json()["tileMatrixSetURI"] == tileset["tileMatrixSetURI"]
    grid = client.get(rels["http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"], headers={"Accept": "application/json"}).json()
    assert morecantile.TileMatrixSet.model_validate(grid).id == "WebMercatorQuad"
    sets = client.get("/ogc/tileMatrixSets", headers={"Accept": "application/json"}).json()["tileMatrixSets"]
    assert [one["id"] for one in sets] == ["WebMercatorQuad"]


def test_tilejson_gives_addresses_that_answer(client: httpx.Client) -> None:
    document = client.get(f"{GRID}?f=tilejson").json()
    assert document["tilejson"] == "3.0.0"
    z, row, col = NANTES.split("/")
    address = document["tiles"][0].replace("{z}", z).replace("{y}", row).replace("{x}", col)
    answer = client.get(address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert document["vector_layers"][0]["fields"].keys() >= {"nom", "key"}
    west, south, east, north = document["bounds"]
    assert -3 < west < east < -0.5
    assert 46.5 < south < north < 48.2


@pytest.mark.parametrize("address", ["/ogc/tileMatrixSets", "/ogc/tileMatrixSets/WebMercatorQuad", TILES, GRID])
def test_documents_are_pages_too(client: httpx.Client, address: str) -> None:
    page = client.get(address, headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert '<html lang="fr"' in page.text


def test_new_edition_changes_the_tiles_that_it_touched(own: httpx.Client, conn: Conn) -> None:
    for position in (1, 100):
        own.get(square_address(position))
    far = own.get(square_address(100))
    publish_again(conn, own, {"a": (7, 1), "b": (2, 100)})
    near = own.get(square_address(1))
    assert numbers(near) == {"a": 7}
    again = own.get(square_address(100), headers={"If-None-Match": far.headers["etag"]})
    assert again.status_code == 304


def test_tiles_of_the_past_are_what_they_were(own: httpx.Client, conn: Conn) -> None:
    publish_again(conn, own, {"a": (7, 1), "b": (2, 100)})
    for z in (8, 14):
        assert numbers(own.get(square_address(1, z) + "?edition=1"))["a"] == 1
        assert numbers(own.get(square_address(1, z) + "?edition=2"))["a"] == 7
        assert numbers(own.get(square_address(1, z)))["a"] == 7


def test_tile_without_features_inside_the_limits_is_empty(own: httpx.Client) -> None:
    for _ in range(2):
        answer = own.get(square_address(50))
        assert (answer.status_code, answer.content) == (204, b"")


def test_restricted_layer_has_no_tiles_for_the_public(settings: Settings, conn: Conn) -> None:
    publish_squares(conn, {"a": (1, 1)})
    with serve(settings, workers=1) as url, httpx.Client(base_url=url) as client:
        assert client.get(square_address(1)).status_code == 200
        hidden = SQUARES.model_copy(update={"access": Access.AGENTS})
        records = [Record({"code": "a", "nom": "Autre"}, shapely.to_wkb(square(1)))]
        publish_edition(conn, hidden, records, srid=2154, storage_srid=2154, author="essai")
        for _ in range(200):
            if client.get(f"/ogc/collections/{SQUARES.id}").status_code == 404:
                break
        # The tile is in memory and in the store of this process: access is decided before both.
        for address in (square_address(1), square_address(1) + "?edition=1", f"/ogc/collections/{SQUARES.id}/tiles"):
            assert client.get(address).status_code == 404


def test_damaged_store_is_never_seen_by_the_visitor(settings: Settings, own: httpx.Client) -> None:
    wanted = own.get(square_address(1)).content
    (path,) = stored(settings)
    for suffix in ("", "-wal"):
        path.with_name(path.name + suffix).write_bytes(b"\xff" * 20_000)
    with serve(settings, workers=1) as url:
        for _ in range(2):
            answer = httpx.get(url + square_address(1))
            assert (answer.status_code, answer.content) == (200, wanted)


def test_same_cold_tile_is_made_once(settings: Settings, own: httpx.Client, conn: Conn) -> None:
    """Thirty requests for one tile, while the table is locked so that all of them wait for it."""

    async def ask(count: int) -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=own.base_url, timeout=30) as client:
            requests = [asyncio.create_task(client.get(square_address(1))) for _ in range(count)]
            await asyncio.to_thread(wait_for_the_lock)
            locker.rollback()
            return await asyncio.gather(*requests)

    def wait_for_the_lock() -> None:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        while not (conn.execute(waiting).fetchone() or (0,))[0]:
            pass
        counts.append((conn.execute(waiting).fetchone() or (0,))[0])

    counts: list[int] = []
    own.get(square_address(50))  # the store is open
    with psycopg.connect(settings.effective_database_url) as locker:
        locker.execute("LOCK TABLE data.carres_essai IN ACCESS EXCLUSIVE MODE")
        answers = asyncio.run(ask(30))
    assert counts == [1]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1


def test_seed_fills_the_store(settings: Settings, conn: Conn) -> None:
    publish_squares(conn, {"a": (1, 1), "b": (2, 100)})
    done = run_python(settings, "seed", SQUARES.id, "--zoom", "0-12")
    assert (done.returncode, done.stderr) == (0, "")
    (path,) = stored(settings)
    with sqlite3.connect(path) as store:
        kept = store.execute("SELECT z, data FROM tile ORDER BY z").fetchall()
    assert {z for z, _ in kept} == set(range(13))
    assert f"{len(kept)} tuiles" in done.stdout
    for _, data in kept:
        if data:
            assert list(mapbox_vector_tile.decode(gzip.decompress(data))) == [SQUARES.id]


@pytest.mark.parametrize(("zoom", "said"), [("12-3", "0-12"), ("x", "0-12"), ("0-99", "0-12")])
def test_seed_refuses_levels_that_make_no_sense(settings: Settings, zoom: str, said: str) -> None:
    done = run_python(settings, "seed", "communes", "--zoom", zoom)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/ogc/collections/a/tiles/WebMercatorQuad/1/2/3", ("a", "1", "2", "3")),
        ("/ogc/collections/a/tiles/WebMercatorQuad/1/2", None),
        ("/ogc/collections/a/tiles/WebMercatorQuad/1/2/3/4", None),
        ("/ogc/collections/a/tiles/Other/1/2/3", None),
        ("/ogc/collections/a/map/tiles/WebMercatorQuad/1/2/3", None),
        ("/", None),
    ],
)
def test_addresses_of_tiles_are_told_apart(path: str, found: tuple[str, ...] | None) -> None:
    assert match_tile_path(path) == found
