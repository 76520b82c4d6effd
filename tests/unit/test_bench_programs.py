import pytest

from tests.bench import pgbench, wrk
from tests.bench.dataset import LAYER
from tests.bench.libpq import libpq_environment
from tests.bench.statements import bare_items, bare_tile, for_psycopg

WRK = """Running 2s test @ http://127.0.0.1:9
  1 threads and 8 connections
banc {"requests": 3000, "duration_us": 1500000, "bytes": 600000, "p50_us": 800, "p99_us": 4200, "failures": 0, "refusals": 0}
"""
PGBENCH = """pgbench (15.18 (Debian 15.18-0+deb12u1))
transaction type: /tmp/x.sql
number of transactions actually processed: 94
number of failed transactions: 0 (0.000%)
latency average = 354.581 ms
initial connection time = 12.3 ms
tps = 22.561828 (without initial connection time)
"""


def test_wrk_output_gives_rate_latencies_and_size() -> None:
    assert wrk.parse(WRK) == wrk.Load(requests=3000, rate=2000.0, p50_ms=0.8, p99_ms=4.2, size=200.0)


@pytest.mark.parametrize("change", [('"refusals": 0', '"refusals": 3'), ('"failures": 0', '"failures": 1'), ("3000", "0")])
def test_wrk_answers_that_failed_are_no_measure(change: tuple[str, str]) -> None:
    with pytest.raises(wrk.LoadError):
        wrk.parse(WRK.replace(*change))


def test_wrk_that_says_nothing_is_an_error_with_its_last_words() -> None:
    with pytest.raises(wrk.LoadError, match="unable to connect"):
        wrk.parse("unable to connect to 127.0.0.1:9 Connection refused")


def test_pgbench_output_gives_rate_and_latency() -> None:
    assert pgbench.parse(PGBENCH) == pgbench.Throughput(94, 22.561828, 354.581)


@pytest.mark.parametrize("output", ["", PGBENCH.replace("tps", "tpz"), PGBENCH.replace("processed: 94", "processed: 0")])
def test_pgbench_output_without_figures_is_an_error(output: str) -> None:
    with pytest.raises(pgbench.PgbenchError):
        pgbench.parse(output)


def test_a_password_goes_by_the_environment_not_by_the_command_line() -> None:
    environment = libpq_environment("postgresql://ana:secret@db.test:5433/banc")
    assert environment["PGPASSWORD"] == "secret"
    assert [environment[name] for name in ("PGUSER", "PGHOST", "PGPORT", "PGDATABASE")] == ["ana", "db.test", "5433", "banc"]


def test_psycopg_variables_leave_casts_and_percents() -> None:
    assert for_psycopg("SELECT :west::text || '%', a::json, :x") == "SELECT %(west)s::text || '%%', a::json, %(x)s"


def test_the_references_carry_the_same_attributes_as_the_layer() -> None:
    tile, items = bare_tile(LAYER, 2154), bare_items(LAYER, 2154, 100)
    assert '"id", "commune", "section", "numero", "contenance"' in tile
    assert '"arpente"' not in tile
    for field in LAYER.public_fields:
        assert f"'{field.name}', \"{field.name}\"" in items
    assert "LIMIT 100" in items
