"""Features as GeoJSON against the one statement that makes the whole answer, and one feature against "hello"."""

import time
from statistics import median
from urllib.parse import parse_qsl, urlencode, urlsplit

import psycopg

from layers.keyset import Position, encode
from tests.bench.context import CLIENTS, Bench, Measure
from tests.bench.fetch import AnswerError, get_json
from tests.bench.lattice import Windows
from tests.bench.statements import for_psycopg
from tests.bench.verdict import Row, alternate, at_least, at_most

# Windows of about 1 km and 3 km (degrees): some 180 and 1 600 parcels.
WINDOW = (0.013, 0.009)
LARGE_WINDOW = (0.039, 0.027)
DEPTH = 0.9
DEEP_PAGES = 50
PAGE = 100
POPULAR_ITEMS = 1000
DISTINCT_ITEMS = 200_000


def items_alone(bench: Bench) -> list[Row]:
    """100 features of a window, one client: median latency against the one statement by psycopg, prepared."""
    return [_alone(bench, 100, WINDOW, "objets-100-seul", "100 objets d'une emprise, 1 client", 2.5, "tipg 8 ; pygeoapi 17")]


def thousand_items(bench: Bench) -> list[Row]:
    """1,000 features of a window, one client: median latency against the one statement by psycopg, prepared."""
    return [_alone(bench, 1000, LARGE_WINDOW, "objets-1000-seul", "1 000 objets d'une emprise, 1 client", None, "")]


def items_together(bench: Bench) -> list[Row]:
    """100 features of a window, 8 connections, against pgbench on the one statement, 8 clients."""
    windows, paths = _windows(bench, 100, WINDOW)
    script = windows.pgbench(CLIENTS) + bench.items_statement(100)
    pair = alternate(lambda _: bench.load(bench.portal, paths).rate, lambda _: bench.raw(script).rate, bench.rounds)
    label = "100 objets d'une emprise, 8 clients"
    return [Row("objets-100", label, "req/s", pair.ours, pair.reference, at_least(0.3), "tipg 0,10 ; pygeoapi 0,04")]


def deep_page(bench: Bench) -> list[Row]:
    """A page of 100 after nine tenths of the features (900,000 of 1,000,000) against the first page, one client, medians.

    The deep addresses are the first page's own ``next`` link with the position of another feature.
    """
    first = bench.collection(f"/items?limit={PAGE}")
    deep = _deep_paths(bench, first)
    pair = alternate(
        lambda _: bench.load(bench.portal, deep, clients=1).p50_ms,
        lambda _: bench.load(bench.portal, [first], clients=1).p50_ms,
        bench.rounds,
    )
    note = f"la référence est la première page ; pages après le rang {int(bench.cadastre.count * DEPTH)}"
    label = "page profonde, 1 client"
    return [Row("page-profonde", label, "ms", pair.ours, pair.reference, at_most(1.3), "5 000 ; 400 fois la requête SQL", note)]


def one_item(bench: Bench) -> list[Row]:
    """One feature among a thousand asked for again and again, 8 connections, against the bare ASGI application."""
    paths = _item_paths(bench, POPULAR_ITEMS)
    bench.load(bench.portal, paths)
    pair = alternate(lambda _: bench.load(bench.portal, paths).rate, lambda _: bench.load(bench.hello, ["/"]).rate, bench.rounds)
    note = f"{len(paths)} objets à tour de rôle"
    return [Row("objet", "un objet demandé souvent, 8 clients", "req/s", pair.ours, pair.reference, at_least(0.3), note=note)]


def new_item(bench: Bench) -> list[Row]:
    """One feature, hardly ever the same, 8 connections, against the bare ASGI application: what the database costs."""
    paths = _item_paths(bench, DISTINCT_ITEMS)
    pair = alternate(lambda _: bench.load(bench.portal, paths).rate, lambda _: bench.load(bench.hello, ["/"]).rate, bench.rounds)
    note = f"{len(paths)} objets différents"
    return [Row("objet-nouveau", "un objet jamais demandé, 8 clients", "req/s", pair.ours, pair.reference, note=note)]


def _windows(bench: Bench, limit: int, size: tuple[float, float]) -> tuple[Windows, list[str]]:
    windows = Windows.within(bench.cadastre.inner_degrees, *size)
    return windows, [bench.collection(f"/items?limit={limit}&bbox={','.join(map(str, window))}") for window in windows]


def _alone(bench: Bench, limit: int, size: tuple[float, float], name: str, label: str, bound: float | None, peers: str) -> Row:
    windows, paths = _windows(bench, limit, size)
    query = for_psycopg(bench.items_statement(limit))

    def reference(_: int) -> float:
        return _median_ms(bench, query, windows)

    pair = alternate(lambda _: bench.load(bench.portal, paths, clients=1).p50_ms, reference, bench.rounds)
    return Row(name, label, "ms", pair.ours, pair.reference, at_most(bound) if bound else None, peers)


def _median_ms(bench: Bench, query: str, windows: Windows) -> float:
    """Median milliseconds of the statement over the windows, by one prepared psycopg connection, for ``bench.seconds``."""
    seen = []
    with psycopg.connect(bench.dataset.database_url, autocommit=True, options="-c jit=off", prepare_threshold=0) as conn:
        deadline = time.perf_counter() + bench.seconds
        turn = 0
        while (start := time.perf_counter()) < deadline:
            west, south, east, north = windows.window(turn)
            conn.execute(query, {"west": west, "south": south, "east": east, "north": north}).fetchone()
            seen.append((time.perf_counter() - start) * 1000)
            turn += 1
    return median(seen)


def _deep_paths(bench: Bench, first: str) -> list[str]:
    """Addresses of the pages that follow the rank DEPTH, checked to land there."""
    page = get_json(bench.portal, first)
    address = next(link["href"] for link in page["links"] if link["rel"] == "next")
    shallow = encode(Position((page["features"][-1]["id"],)))
    parameters = parse_qsl(urlsplit(address).query)
    if shallow not in dict(parameters).values():
        raise AnswerError("le lien next ne porte pas la position attendue")
    keys = bench.cadastre.keys()
    start = int(len(keys) * DEPTH)
    ranks = range(start, min(start + DEEP_PAGES * PAGE, len(keys) - PAGE), PAGE)
    paths = [
        bench.collection("/items?")
        + urlencode([(name, encode(Position((keys[rank - 1],))) if value == shallow else value) for name, value in parameters])
        for rank in ranks
    ]
    if get_json(bench.portal, paths[0])["features"][0]["id"] != keys[start]:
        raise AnswerError("la page profonde ne commence pas à l'objet attendu")
    return paths


def _item_paths(bench: Bench, count: int) -> list[str]:
    keys = bench.cadastre.keys()
    return [bench.collection(f"/items/{key}") for key in keys[:: max(1, len(keys) // count)]]


MEASURES = (
    Measure("objets-100-seul", "100 objets d'une emprise, 1 client", items_alone),
    Measure("objets-100", "100 objets d'une emprise, 8 clients", items_together),
    Measure("objets-1000-seul", "1 000 objets d'une emprise, 1 client", thousand_items),
    Measure("page-profonde", "page profonde, 1 client", deep_page),
    Measure("objet", "un objet demandé souvent, 8 clients", one_item),
    Measure("objet-nouveau", "un objet jamais demandé, 8 clients", new_item),
)
