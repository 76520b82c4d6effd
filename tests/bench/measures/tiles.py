"""Vector tiles against the bare ``ST_AsMVT`` statement, and against an application that answers nothing."""

from itertools import islice

from tests.bench.context import CLIENTS, Bench, Measure
from tests.bench.fetch import fetch_each
from tests.bench.lattice import Tiles
from tests.bench.verdict import Row, Target, alternate, at_least, at_most

WARM_TILES = 40
WEIGHED_PER_ZOOM = 40
HEAVIEST_KB = 500


def cold_z14(bench: Bench) -> list[Row]:
    """Cold tiles of zoom 14, 8 connections, against pgbench running the bare statement, 8 clients.

    The same tiles in the same order on both sides, never one twice; the portal has just started, its tile store is empty.
    Each side opens its connections and its projections during the measure.
    """
    tiles = Tiles.within(bench.cadastre.inner_degrees, 14)
    paths = [bench.tile_path(tile) for tile in tiles]
    script = tiles.pgbench(CLIENTS) + bench.tile_statement

    def ours(_: int) -> float:
        with bench.cold_portal() as server:
            return bench.load(server, paths, once=True, encoding="gzip").rate

    pair = alternate(ours, lambda _: bench.raw(script).rate, bench.rounds)
    return [
        Row(
            "tuile-z14-froide",
            "tuile z14 à froid, 8 clients",
            "tuiles/s",
            pair.ours,
            pair.reference,
            at_least(0.75),
            "tipg 0,45 ; pygeoapi 0,03",
        )
    ]


def cold_z12(bench: Bench) -> list[Row]:
    """Cold tiles of zoom 12, 8 connections, against the bare statement on the full geometries, 8 clients."""
    return [_cold_overview(bench, Tiles.within(bench.cadastre.inner_degrees, 12), at_least(5), "tipg 1,0 ; pygeoapi 0,04")]


def cold_z10(bench: Bench) -> list[Row]:
    """Cold tiles of zoom 10, 8 connections, against the bare statement on the full geometries, 8 clients."""
    return [_cold_overview(bench, Tiles.touching(bench.cadastre.inner_degrees, 10), at_least(20), "tipg 1,0 ; pygeoapi 0,04")]


def _cold_overview(bench: Bench, tiles: Tiles, target: Target, peers: str) -> Row:
    """Every tile of a zoom once, by a portal whose store is empty; the reference runs over the same ones.

    There are few of them: the connections of the portal are opened before, with tiles of another zoom. The reference
    takes so long that opening its own does not show.
    """
    paths = [bench.tile_path(tile) for tile in tiles]
    others = [bench.tile_path(tile) for tile in islice(Tiles.within(bench.cadastre.inner_degrees, 15), 4 * CLIENTS)]
    script = tiles.pgbench(CLIENTS) + bench.tile_statement
    transactions = -(-tiles.count // CLIENTS) if tiles.count < 4 * CLIENTS else None

    def ours(_: int) -> float:
        with bench.cold_portal() as server:
            fetch_each(server, others, CLIENTS)
            return bench.load(server, paths, once=True, encoding="gzip").rate

    pair = alternate(ours, lambda _: bench.raw(script, transactions=transactions).rate, bench.rounds)
    name, label = f"tuile-z{tiles.zoom}-froide", f"tuile z{tiles.zoom} à froid, 8 clients"
    return Row(name, label, "tuiles/s", pair.ours, pair.reference, target, peers)


def warm_tile(bench: Bench) -> list[Row]:
    """Tiles already asked for, 8 connections, against the bare ASGI application with the same uvicorn options."""
    paths = [bench.tile_path(tile) for tile in islice(Tiles.within(bench.cadastre.inner_degrees, 14), WARM_TILES)]
    bench.load(bench.portal, paths, encoding="gzip")
    pair = alternate(lambda _: bench.load(bench.portal, paths, encoding="gzip").rate, lambda _: _hello(bench), bench.rounds)
    size = bench.load(bench.portal, paths, encoding="gzip").size
    note = f"{len(paths)} tuiles à tour de rôle, {size / 1000:.0f} ko compressées en moyenne ; la référence rend 7 octets"
    return [Row("tuile-chaude", "tuile z14 à chaud, 8 clients", "req/s", pair.ours, pair.reference, at_least(0.65), note=note)]


def _hello(bench: Bench) -> float:
    return bench.load(bench.hello, ["/"]).rate


def heaviest_tile(bench: Bench) -> list[Row]:
    """The largest vector tile, uncompressed, over a sample of every zoom from 0 to 14."""
    sample = [tile for zoom in range(15) for tile in _sample(bench, zoom)]
    sizes, _ = fetch_each(bench.portal, [bench.tile_path(tile) for tile in sample], CLIENTS, "identity")
    zoom, x, y = max(sample, key=lambda tile: sizes[bench.tile_path(tile)])
    heaviest = sizes[bench.tile_path((zoom, x, y))]
    note = f"sur {len(sizes)} tuiles des niveaux 0 à 14 ; la plus lourde est {zoom}/{x}/{y} (niveau/x/y)"
    return [
        Row(
            "tuile-poids",
            "tuile la plus lourde",
            "ko",
            heaviest / 1000,
            None,
            at_most(HEAVIEST_KB),
            "entre 800 et 4 000 ko",
            note,
        )
    ]


def _sample(bench: Bench, zoom: int) -> list[tuple[int, int, int]]:
    return list(islice(Tiles.touching(bench.cadastre.inner_degrees, zoom), WEIGHED_PER_ZOOM))


MEASURES = (
    Measure("tuile-z14-froide", "tuile z14 à froid, 8 clients", cold_z14),
    Measure("tuile-z12-froide", "tuile z12 à froid, 8 clients", cold_z12),
    Measure("tuile-z10-froide", "tuile z10 à froid, 8 clients", cold_z10),
    Measure("tuile-chaude", "tuile z14 à chaud, 8 clients", warm_tile),
    Measure("tuile-poids", "tuile la plus lourde", heaviest_tile),
)
