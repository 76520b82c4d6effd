"""A portal at work: publications seen at once, abandoned and slow queries stopped, restricted layers unseen."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import Connection, sql

from config.settings import Settings
from layers.editions import publish_edition
from layers.model import Access
from tests.conftest import drop_database, make_database, settings_for
from tests.layer_samples import SQUARES, publish_squares, square_records
from tests.serving import serve

Conn = Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def live(template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Settings]]:
    """A portal with two web processes and a short statement timeout, on one small layer."""
    name = make_database(template)
    settings = settings_for(name, tmp_path_factory.mktemp("vivant"))
    with psycopg.connect(settings.effective_database_url, autocommit=True) as conn:
        publish_squares(conn, {f"k{i}": (i, i) for i in range(50)})
        secret = SQUARES.model_copy(update={"id": "carres-reserves", "access": Access.AGENTS})
        publish_edition(conn, secret, square_records({"a": (1, 1)}), srid=2154, storage_srid=2154, author="essai")
    with serve(settings, GEOPORTAL_STATEMENT_TIMEOUT_MS="1500") as url:
        yield url, settings
    drop_database(name)


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask until the condition holds: a state of the database server sends no event."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def test_every_process_sees_a_new_edition_within_a_second(live: tuple[str, Settings]) -> None:
    url, settings = live
    items = f"{url}/ogc/collections/carres-essai/items?limit=1"
    before = httpx.get(items).json()["edition"]
    with psycopg.connect(settings.effective_database_url, autocommit=True) as conn:
        publish_squares(conn, {f"k{i}": (i + before, i) for i in range(50)})
    # New connections, so that both processes answer; the hot cache must let go as well.
    assert until(lambda: all(httpx.get(items).json()["edition"] == before + 1 for _ in range(12)), 1.0)


def test_the_past_is_served_by_number_and_by_date(live: tuple[str, Settings]) -> None:
    url, _ = live
    base = f"{url}/ogc/collections/carres-essai"
    editions = httpx.get(f"{base}/editions").json()["editions"]
    first = next(one for one in editions if one["edition"] == 1)
    by_number = httpx.get(f"{base}/items/k3", params={"edition": 1}).json()
    assert by_number["properties"]["nombre"] == 3
    at = first["published"].replace("+00:00", ".999999Z")
    assert httpx.get(f"{base}/items", params={"edition": at}).json()["edition"] >= 1
    changes = httpx.get(f"{base}/changes", params={"from": 1, "to": editions[0]["edition"]}).json()
    assert changes["numberMatched"] == changes["added"] + changes["changed"] + changes["removed"]


def test_the_difference_is_read_page_by_page(live: tuple[str, Settings]) -> None:
    url, settings = live
    with psycopg.connect(settings.effective_database_url, autocommit=True) as conn:
        number = publish_squares(conn, {f"k{i}": (i + 500, i) for i in range(50)}).edition
    assert number is not None
    href = f"{url}/ogc/collections/carres-essai/changes?from={number.number - 1}&to={number.number}&limit=20"
    seen: list[str] = []
    pages = 0
    while href:
        page = httpx.get(href).json()
        assert httpx.get(href, headers={"Accept": "text/html"}).status_code == 200
        seen += [feature["id"] for feature in page["features"]]
        assert {feature["change"] for feature in page["features"]} == {"changed"}
        href = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
        pages += 1
    assert pages == 3
    assert len(seen) == len(set(seen)) == 50


@pytest.mark.parametrize(
    "path",
    [
        "ogc/collections/carres-reserves",
        "ogc/collections/carres-reserves/items",
        "ogc/collections/carres-reserves/items/a",
        "ogc/collections/carres-reserves/queryables",
        "ogc/collections/carres-reserves/schema",
        "ogc/collections/carres-reserves/editions",
        "ogc/collections/carres-reserves/changes",
        "ogc/collections/carres-reserves/tiles",
        "ogc/collections/carres-reserves/tiles/WebMercatorQuad",
        "ogc/collections/carres-reserves/tiles/WebMercatorQuad/14/5740/8107",
        "ogc/collections/carres-reserves/styles",
        "ogc/styles/carres-reserves",
        "telechargements/carres-reserves/latest/carres-reserves.csv",
    ],
)
def test_a_restricted_layer_does_not_show_that_it_exists(live: tuple[str, Settings], path: str) -> None:
    assert httpx.get(f"{live[0]}/{path}").status_code == 404


@pytest.mark.parametrize("path", ["ogc/", "ogc/collections", "ogc/api", "ogc/styles", "ogc/collections?f=html", "carte", ""])
def test_a_restricted_layer_is_named_nowhere(live: tuple[str, Settings], path: str) -> None:
    answer = httpx.get(f"{live[0]}/{path}")
    assert answer.status_code == 200
    assert "carres-reserves" not in answer.text


def blocked(conn: Conn) -> int:
    """How many public queries wait for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    row = conn.execute(query).fetchone()
    return int(row[0]) if row else 0


@pytest.fixture
def locked(live: tuple[str, Settings]) -> Iterator[tuple[str, Conn]]:
    """The layer's table is locked: whoever reads it waits."""
    url, settings = live
    with (
        psycopg.connect(settings.effective_database_url) as holder,
        psycopg.connect(settings.effective_database_url, autocommit=True) as watcher,
    ):
        holder.execute(sql.SQL("LOCK TABLE data.carres_essai IN ACCESS EXCLUSIVE MODE"))
        yield url, watcher
        holder.rollback()


def test_the_query_of_a_client_that_leaves_is_cancelled(locked: tuple[str, Conn]) -> None:
    url, watcher = locked
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"GET /ogc/collections/carres-essai/items?limit=3&sortby=nom HTTP/1.1\r\nHost: essai\r\n\r\n")
        assert until(lambda: blocked(watcher) == 1, 1.0)
    assert until(lambda: blocked(watcher) == 0, 0.9)  # well before the statement timeout


def test_a_query_too_long_is_a_503_that_says_so(locked: tuple[str, Conn]) -> None:
    answer = httpx.get(f"{locked[0]}/ogc/collections/carres-essai/items?limit=4", timeout=10)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"]
    assert "réduisez" in answer.json()["detail"]


def test_a_lost_database_is_a_503_and_comes_back(template: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    name = make_database(template)
    settings = settings_for(name, tmp_path_factory.mktemp("perdu"))
    with psycopg.connect(settings.effective_database_url, autocommit=True) as conn:
        publish_squares(conn, {"a": (1, 1)})
    admin = psycopg.connect(Settings().effective_database_url, autocommit=True)
    with admin, serve(settings, workers=1) as url:
        items = f"{url}/ogc/collections/carres-essai/items"
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        assert httpx.get(items, timeout=30).status_code == 503
        assert httpx.get(f"{url}/readyz", timeout=30).status_code == 503
        assert httpx.get(f"{url}/healthz").status_code == 200
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(name)))
        assert until(lambda: httpx.get(items, timeout=30).status_code == 200, 20)
    drop_database(name)


def test_a_portal_that_starts_before_its_database_mends_by_itself(
    template: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It never says that a layer does not exist because it has not read its catalogue yet."""
    name = make_database(template)
    settings = settings_for(name, tmp_path_factory.mktemp("tôt"))
    with psycopg.connect(settings.effective_database_url, autocommit=True) as conn:
        publish_squares(conn, {"a": (1, 1)})
    with psycopg.connect(Settings().effective_database_url, autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        with serve(settings, workers=1, probe="/healthz") as url:
            items = f"{url}/ogc/collections/carres-essai/items"
            answer = httpx.get(items, timeout=30)
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(name)))
            assert until(lambda: httpx.get(items, timeout=30).status_code == 200, 20)
    drop_database(name)
