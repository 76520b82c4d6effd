"""Negotiation, compression, conditional requests, the cache of recent answers: the parts that need no database."""

import asyncio
import gzip
import random
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message, Scope

from geoportal.cancel import ClientGoneError
from geoportal.compression import choose_encoding
from geoportal.conditional import REVALIDATE, matches, weak_etag
from geoportal.errors import ProblemError
from geoportal.hot import HotCache, weight
from geoportal.links import Links
from geoportal.media import GEOJSON, HTML, JSON, choose
from geoportal.ogc.item_formats import BoundedStream
from geoportal.ogc.parameters import read_bbox, read_interval, read_limit
from layers.catalog import EMPTY, Catalog
from layers.crs import CRS84, from_srid

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


def request(query: str = "", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "query_string": query.encode(), "headers": raw, "method": "GET", "path": "/"})


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ("", "*/*", GEOJSON),
        ("", BROWSER, HTML),
        ("", "application/geo+json", GEOJSON),
        ("", "application/json", GEOJSON),
        ("", "text/*", HTML),
        ("", "text/html;q=0.1, application/json;q=0.9", GEOJSON),
        ("", "text/html;q=0, */*", GEOJSON),
        ("f=html", "application/json", HTML),
        ("f=json", BROWSER, GEOJSON),
    ],
)
def test_choose_a_representation(query: str, accept: str, expected: object) -> None:
    assert choose(request(query, accept=accept), GEOJSON, HTML) is expected


def test_nothing_acceptable_is_a_406() -> None:
    with pytest.raises(ProblemError) as caught:
        choose(request(accept="image/png"), JSON, HTML)
    assert caught.value.status == 406


@pytest.mark.parametrize("name", [b"gzip", b"br", b"zstd"])
@given(blocks=st.lists(st.binary(max_size=3000), min_size=1, max_size=8))
def test_compression_round_trips_block_by_block(name: bytes, blocks: list[bytes]) -> None:
    encoder = choose_encoding(name, b"application/json")
    assert encoder is not None
    packed = b"".join(encoder.encode(block, last=i == len(blocks) - 1) for i, block in enumerate(blocks))
    unpack = {
        b"gzip": gzip.decompress,
        b"br": brotli.decompress,
        b"zstd": zstandard.ZstdDecompressor().decompressobj().decompress,
    }
    assert unpack[name](packed) == b"".join(blocks)


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        (b"gzip, br, zstd", b"zstd"),
        (b"gzip;q=1, br;q=0.5", b"gzip"),
        (b"br;q=0, gzip", b"gzip"),
        (b"*", b"zstd"),
        (b"*;q=0", None),
        (b"identity", None),
        (b"gzip;q=zut", None),
        (None, None),
    ],
)
def test_choose_an_encoding(accepted: bytes | None, expected: bytes | None) -> None:
    encoder = choose_encoding(accepted, b"application/json")
    assert (encoder.name if encoder else None) == expected
    assert choose_encoding(accepted, b"image/png") is None


def test_weak_etags_compare_by_value() -> None:
    etag = weak_etag("communes", 3)
    assert matches(etag, etag)
    assert matches(f'"autre", {etag.removeprefix("W/")}', etag)
    assert matches("*", etag)
    assert not matches(None, etag)
    assert not matches(weak_etag("communes", 4), etag)


def scope_of(path: str) -> Scope:
    return {"type": "http", "path": path, "query_string": b"", "headers": [], "method": "GET"}


def test_recent_answers_are_bounded_and_forgotten_with_the_catalogue() -> None:
    cache = HotCache(20_000)
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"etag", b'W/"1"'), (b"cache-control", REVALIDATE.encode())],
    }
    catalog = Catalog(1, EMPTY.collections)
    assert cache.find(scope_of("/a"), catalog) is None
    rng = random.Random(3)
    for i in range(200):
        cache.keep(scope_of(f"/{i}"), catalog, start, b"x" * rng.randint(1, 300))
        assert cache.size == sum(weight(key, answer) for key, answer in cache.answers.items()) <= 20_000
    assert cache.find(scope_of("/199"), catalog) is not None
    assert cache.find(scope_of("/199"), Catalog(2, EMPTY.collections)) is None
    cache.keep(scope_of("/" + "x" * 5000), cache.catalog or EMPTY, start, b"long")
    assert not cache.answers


def test_private_answers_are_never_kept() -> None:
    cache = HotCache(1000)
    catalog = Catalog(1, EMPTY.collections)
    cache.find(scope_of("/a"), catalog)
    for headers in (
        [(b"etag", b'W/"1"')],
        [(b"cache-control", REVALIDATE.encode())],
        [(b"etag", b"x"), (b"cache-control", b"private")],
    ):
        cache.keep(scope_of("/a"), catalog, {"status": 200, "headers": headers}, b"secret")
        assert cache.find(scope_of("/a"), catalog) is None


@pytest.mark.parametrize(
    "text", ["1,2,3", "1,2,3,4,5", "a,b,c,d", "1,2,inf,4", "nan,0,1,1", "", "0,10,1,5", "0,0,200,1", "0,0,1,91"]
)
def test_bad_boxes(text: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read_bbox(text, CRS84)
    assert caught.value.parameter == "bbox"


def test_boxes_follow_the_axis_order() -> None:
    assert read_bbox("-1.6,47.2,-1.5,47.3", CRS84) == (-1.6, 47.2, -1.5, 47.3)
    assert read_bbox("47.2,-1.6,47.3,-1.5", from_srid(4326)) == (-1.6, 47.2, -1.5, 47.3)
    assert read_bbox("-1.6,47.2,0,-1.5,47.3,100", CRS84) == (-1.6, 47.2, -1.5, 47.3)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "abc", "", "١٢", "1e3"])
def test_bad_limits(text: str) -> None:
    with pytest.raises(ProblemError):
        read_limit(text, 10, 100)


def test_a_large_limit_is_brought_down() -> None:
    assert read_limit("100000", 10, 100) == 100
    assert read_limit(None, 10, 100) == 10


@pytest.mark.parametrize("text", ["hier", "2026-02-30", "2026-01-02/2026-01-01", "1/2/3", "", "/hier"])
def test_bad_intervals(text: str) -> None:
    with pytest.raises(ProblemError):
        read_interval(text)


def test_a_day_lasts_until_its_end() -> None:
    interval = read_interval("2026-01-02")
    assert interval is not None
    start, end = interval
    assert start is not None
    assert end is not None
    assert (end - start).total_seconds() > 86_399
    assert read_interval("../2026-01-02") is not None
    assert read_interval("../..") == (None, None)


def test_links_escape_what_they_are_given() -> None:
    links = Links("https://geo.exemple.fr")
    assert links.collection("communes", "items", "a/b c?") == "https://geo.exemple.fr/ogc/collections/communes/items/a%2Fb%20c%3F"
    assert links.ogc("x", query={"a": None, "b": "é&"}) == "https://geo.exemple.fr/ogc/x?b=%C3%A9%26"


def test_a_client_that_stops_reading_gives_its_place_back() -> None:
    """The stream is closed, with its connection, when a block is not accepted in time."""
    closed: list[bool] = []

    async def blocks() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"x"
        finally:
            closed.append(True)

    async def stuck(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def scenario() -> None:
        with pytest.raises(ClientGoneError):
            await BoundedStream(blocks(), AsyncExitStack(), 0.05).stream_response(stuck)

    asyncio.run(scenario())
    assert closed == [True]


def test_a_client_that_left_before_the_first_block_gives_its_place_back() -> None:
    """The answer is cancelled before it runs at all; what it held is released all the same."""
    released: list[bool] = []

    async def blocks() -> AsyncGenerator[bytes, None]:
        yield b"x"

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        held = AsyncExitStack()
        held.callback(released.append, True)
        scope: Scope = {"type": "http", "method": "GET", "asgi": {"spec_version": "2.3"}}
        await BoundedStream(blocks(), held, 30)(scope, gone, send)

    asyncio.run(scenario())
    assert released == [True]
