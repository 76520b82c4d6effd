"""Features as GeoJSON against the one statement that makes the whole answer, and one feature against "hello"."""

import time
from dataclasses import dataclass
from statistics import median
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import psycopg

from layers.keyset import Position, encode
from tests.bench.context import CLIENTS, Bench, Measure
from tests.bench.fetch import AnswerError, get_json
from tests.bench.lattice import Windows
from tests.bench.statements import for_psycopg
from tests.bench.verdict import Row, Target, alternate, at_least, at_most

# Windows of about 1 km and 3 km (degrees): some 180 and 1 600 parcels.
WINDOW = (0.013, 0.009)
LARGE_WINDOW = (0.039, 0.027)
DEPTH = 0.9
PAGE = 100
# From the start of a page to that of the next in the list: overlapping pages, so that there are enough of them.
PAGE_STEP = 10
MOST_PAGES = 10_000
POPULAR_ITEMS = 1000


def items_alone(bench: Bench) -> list[Row]:
    """100 features of a window, one client: median latency against the one statement by psycopg, prepared.

    Windows are never asked for twice: nothing can be kept ready.
    """
    return [
        _alone(bench, 100, WINDOW, "objets-100-seul", "100 objets d'une emprise, 1 client", at_most(2.5), "tipg 8 ; pygeoapi 17")
    ]


def thousand_items(bench: Bench) -> list[Row]:
    """1,000 features of a window, one client: median latency against the one statement by psycopg, prepared."""
    return [_alone(bench, 1000, LARGE_WINDOW, "objets-1000-seul", "1 000 objets d'une emprise, 1 client", None, "")]


def items_together(bench: Bench) -> list[Row]:
    """100 features of a window never asked for before, 8 connections, against pgbench on the one statement, 8 clients."""
    windows = Windows.within(bench.cadastre.inner_degrees, *WINDOW)
    script = windows.pgbench(CLIENTS) + bench.items_statement(100)
    pair = alternate(
        lambda _: bench.load(bench.portal, _new_windows(bench, 100, windows), once=True).rate,
        lambda _: bench.raw(script).rate,
        bench.rounds,
    )
    label = "100 objets d'une emprise, 8 clients"
    return [Row("objets-100", label, "req/s", pair.ours, pair.reference, at_least(0.3), "tipg 0,10 ; pygeoapi 0,04")]


def deep_page(bench: Bench) -> list[Row]:
    """Pages of 100 after nine tenths of the features (900,000 of 1,000,000) against the first pages, one client, medians.

    No page is asked for twice. Addresses are the first page's own ``next`` link with the position of another feature.
    """
    address = _PageAddress.of_first_page(bench)
    keys = bench.cadastre.keys()
    start = int(len(keys) * DEPTH)
    address.check(bench, keys, start)
    ends = range(0, len(keys) - start - PAGE, PAGE_STEP)[:MOST_PAGES]

    def median_ms(first: int, turn: int) -> float:
        paths = [address.after(keys[first + end - 1]) for end in ends[turn :: bench.rounds]]
        return bench.load(bench.portal, paths, clients=1, once=True).p50_ms

    pair = alternate(lambda turn: median_ms(start, turn), lambda turn: median_ms(PAGE, turn), bench.rounds)
    note = f"pages de {PAGE} après le rang {start}, comparées aux premières pages"
    peers = "5 000 ; 400 fois la requête SQL"
    return [Row("page-profonde", "page profonde, 1 client", "ms", pair.ours, pair.reference, at_most(1.3), peers, note)]


def one_item(bench: Bench) -> list[Row]:
    """One feature among a thousand asked for again and again, 8 connections, against the bare ASGI application."""
    paths = _item_paths(bench, bench.cadastre.keys(), POPULAR_ITEMS)
    bench.load(bench.portal, paths)
    pair = alternate(lambda _: bench.load(bench.portal, paths).rate, lambda _: bench.load(bench.hello, ["/"]).rate, bench.rounds)
    note = f"{len(paths)} objets à tour de rôle"
    return [Row("objet", "un objet demandé souvent, 8 clients", "req/s", pair.ours, pair.reference, at_least(0.3), note=note)]


def new_item(bench: Bench) -> list[Row]:
    """One feature never asked for before, 8 connections, against pgbench on the one statement by key, 8 clients."""
    keys = bench.cadastre.keys()
    script = bench.cadastre.pgbench_key() + bench.item_statement

    def ours(turn: int) -> float:
        paths = _item_paths(bench, keys[1 + turn :: bench.rounds + 1], len(keys))
        return bench.load(bench.portal, paths, once=True).rate

    pair = alternate(ours, lambda _: bench.raw(script).rate, bench.rounds)
    return [Row("objet-nouveau", "un objet jamais demandé, 8 clients", "req/s", pair.ours, pair.reference)]


def _alone(bench: Bench, limit: int, size: tuple[float, float], name: str, label: str, target: Target | None, peers: str) -> Row:
    windows = Windows.within(bench.cadastre.inner_degrees, *size)
    query = for_psycopg(bench.items_statement(limit))
    pair = alternate(
        lambda _: bench.load(bench.portal, _new_windows(bench, limit, windows), clients=1, once=True).p50_ms,
        lambda _: _median_ms(bench, query, windows),
        bench.rounds,
    )
    return Row(name, label, "ms", pair.ours, pair.reference, target, peers)


def _new_windows(bench: Bench, limit: int, windows: Windows) -> list[str]:
    """Addresses of the windows, moved a little so that none was asked for before."""
    moved = windows.shifted(bench.serial())
    return [bench.collection(f"/items?limit={limit}&bbox={','.join(map(str, window))}") for window in moved]


def _median_ms(bench: Bench, query: str, windows: Windows) -> float:
    """Median milliseconds of the statement over the windows, by one prepared psycopg connection, for ``bench.seconds``."""
    seen = []
    with psycopg.connect(bench.dataset.database_url, autocommit=True, options="-c jit=off", prepare_threshold=0) as conn:
        deadline = time.perf_counter() + bench.seconds
        turn = 0
        while (start := time.perf_counter()) < deadline:
            west, south, east, north = windows.window(turn)
            conn.execute(query.encode(), {"west": west, "south": south, "east": east, "north": north}).fetchone()
            seen.append((time.perf_counter() - start) * 1000)
            turn += 1
    return median(seen)


@dataclass(frozen=True)
class _PageAddress:
    """Addresses of pages: the collection's path and the parameters of a ``next`` link, ``mark`` being its position."""

    path: str
    parameters: tuple[tuple[str, str], ...]
    mark: str

    @classmethod
    def of_first_page(cls, bench: Bench) -> Self:
        """Read the ``next`` link of the first page; raises AnswerError when it does not hold the expected position."""
        page = get_json(bench.portal, bench.collection(f"/items?limit={PAGE}"))
        address = urlsplit(next(link["href"] for link in page["links"] if link["rel"] == "next"))
        mark = encode(Position((page["features"][-1]["id"],)))
        parameters = tuple(parse_qsl(address.query))
        if mark not in dict(parameters).values():
            raise AnswerError("le lien next ne porte pas la position attendue")
        return cls(address.path, parameters, mark)

    def after(self, key: str) -> str:
        """The page that follows the feature ``key``."""
        mark = encode(Position((key,)))
        return f"{self.path}?{urlencode([(name, mark if value == self.mark else value) for name, value in self.parameters])}"

    def check(self, bench: Bench, keys: list[str], rank: int) -> None:
        """Raise AnswerError unless the page after ``rank`` features starts with the next one."""
        if get_json(bench.portal, self.after(keys[rank - 1]))["features"][0]["id"] != keys[rank]:
            raise AnswerError("la page profonde ne commence pas à l'objet attendu")


def _item_paths(bench: Bench, keys: list[str], count: int) -> list[str]:
    return [bench.collection(f"/items/{key}") for key in keys[:: max(1, len(keys) // count)]]


MEASURES = (
    Measure("objets-100-seul", "100 objets d'une emprise, 1 client", items_alone),
    Measure("objets-100", "100 objets d'une emprise, 8 clients", items_together),
    Measure("objets-1000-seul", "1 000 objets d'une emprise, 1 client", thousand_items),
    Measure("page-profonde", "page profonde, 1 client", deep_page),
    Measure("objet", "un objet demandé souvent, 8 clients", one_item),
    Measure("objet-nouveau", "un objet jamais demandé, 8 clients", new_item),
)
