"""The load generator and the servers of the bench, for real, on the bare application."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import Settings
from tests.bench import pgbench, wrk
from tests.bench.fetch import AnswerError, download, fetch_each
from tests.bench.hello import BODY
from tests.bench.lattice import Tiles
from tests.bench.servers import HELLO, Server, ServerError, peak_memory, uvicorn


@pytest.fixture(scope="module")
def hello() -> Iterator[Server]:
    with uvicorn(HELLO, 2, {}, "/") as server:
        yield server


@pytest.mark.parametrize("count", [3, 8, 2000])
def test_once_asks_for_each_path_once_and_waits_for_nothing_more(hello: Server, count: int) -> None:
    paths = [f"/{i}" for i in range(count)]
    start = time.perf_counter()
    load = wrk.load(hello.url, paths, connections=8, seconds=20, once=True)
    assert time.perf_counter() - start < 10
    assert load.requests == count
    assert load.rate > 0
    assert load.size > len(BODY)


def test_a_list_is_asked_for_again_until_the_time_is_over(hello: Server) -> None:
    load = wrk.load(hello.url, ["/a", "/b"], connections=2, seconds=1)
    assert load.requests > 2
    assert 0 < load.p50_ms <= load.p99_ms


def test_a_short_list_is_read_to_its_end(hello: Server) -> None:
    sizes, seconds = fetch_each(hello, [f"/{i}" for i in range(20)], 4)
    assert sizes == {f"/{i}": len(BODY) for i in range(20)}
    assert seconds > 0


def test_a_download_is_written_whole(hello: Server, tmp_path: Path) -> None:
    with peak_memory(hello) as growth:
        transfer = download(hello, "/", tmp_path / "corps")
    assert (tmp_path / "corps").read_bytes() == BODY
    assert transfer.size == len(BODY)
    assert 0 < transfer.first_byte_s <= transfer.total_s
    assert growth[0] >= 0
    assert hello.memory() > 10_000_000


def test_an_answer_that_is_not_200_is_an_error(tmp_path: Path) -> None:
    with uvicorn(("tests.bench.test_load:refuse",), 1, {}, "/ready") as server:
        with pytest.raises(AnswerError, match="404"):
            download(server, "/", tmp_path / "corps")
        with pytest.raises(wrk.LoadError, match="réponses d'erreur"):
            wrk.load(server.url, ["/"], connections=1, seconds=1)


def test_a_server_that_cannot_start_says_why() -> None:
    with pytest.raises(ServerError, match=r"tests\.bench\.rien"), uvicorn(("tests.bench.rien:app",), 1, {}, "/"):
        pass


def test_pgbench_runs_the_walk_of_the_lattice() -> None:
    tiles = Tiles.touching((-2, 47, -1, 48), 10)
    seen = pgbench.run(
        Settings().effective_database_url, tiles.pgbench(2) + "SELECT :zoom::int + :x::int + :y::int", clients=2, transactions=5
    )
    assert seen.transactions == 10
    with pytest.raises(pgbench.PgbenchError, match="inconnue"):
        pgbench.run(Settings().effective_database_url, "SELECT * FROM inconnue", clients=1, transactions=1)


async def refuse(scope, receive, send):  # type: ignore[no-untyped-def]
    """An application that answers 404 to everything but /ready."""
    if scope["type"] != "http":
        return
    status = 200 if scope["path"] == "/ready" else 404
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
