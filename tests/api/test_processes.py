"""Processes and jobs through the real server: what runs at once, what is queued, what is refused."""

import concurrent.futures
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import geopandas
import httpx
import psycopg
import pytest
import shapely
from psycopg import Connection, sql

from config.settings import Settings
from geoportal.ogc.longtail.manager import MAX_OWN_JOBS
from geoportal.processes import PROCESSES
from ingest import jobs
from tests.api.workers import portal_worker

Conn = Connection[tuple[Any, ...]]
ASYNC = {"Prefer": "respond-async"}
DEADLINE = 60.0
PROBLEM_MEMBERS = {"type", "title", "status", "detail"}


@pytest.fixture
def api(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{server}/ogc", timeout=30) as client:
        yield client


@pytest.fixture
def base(territory: Settings) -> Iterator[Conn]:
    with psycopg.connect(territory.effective_database_url, autocommit=True) as conn:
        yield conn


def run(api: httpx.Client, body: Any, **headers: str) -> httpx.Response:
    return api.post("/processes/zonal-summary/execution", json=body, headers=headers)


def wait_for(api: httpx.Client, location: str, *statuses: str) -> dict[str, Any]:
    """Follow a job as a client does: by asking."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        job: dict[str, Any] = api.get(location).json()
        if job["status"] in statuses:
            return job
        time.sleep(0.1)
    raise AssertionError(f"{job} n'est jamais devenu {statuses}")


@contextmanager
def locked(territory: Settings, table: str) -> Iterator[None]:
    """Keep a data table from being read, so that a process waits in the middle of its run."""
    with psycopg.connect(territory.effective_database_url) as conn:
        conn.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier("data", table)))
        yield
        conn.rollback()


def wait_blocked(base: Conn, count: int = 1) -> None:
    """Wait until so many statements wait for a lock."""
    deadline = time.monotonic() + DEADLINE
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while time.monotonic() < deadline:
        row = base.execute(query).fetchone()
        if row and row[0] >= count:
            return
        time.sleep(0.05)
    raise AssertionError("rien n'attend le verrou")


def read_layer(base: Conn, name: str) -> geopandas.GeoDataFrame:
    rows = base.execute(sql.SQL("SELECT key, ST_AsBinary(geom) FROM {}").format(sql.Identifier("data", name))).fetchall()
    return geopandas.GeoDataFrame(
        {"key": [key for key, _ in rows]}, geometry=shapely.from_wkb([wkb for _, wkb in rows]), crs=2154
    )


def test_list_and_description(api: httpx.Client) -> None:
    [summary] = api.get("/processes").json()["processes"]
    assert summary["id"] == "zonal-summary"
    assert "inputs" not in summary
    description = api.get("/processes/zonal-summary").json()
    process = PROCESSES["zonal-summary"]
    assert description["inputs"] == process.inputs
    assert set(description["outputs"]) == set(process.outputs)
    assert description["jobControlOptions"] == ["sync-execute", "async-execute"]
    execute = [link["href"] for link in description["links"] if link["rel"].endswith("/execute")]
    assert execute == [f"{api.base_url}processes/zonal-summary/execution"]


@pytest.mark.parametrize("path", ["/processes", "/processes/zonal-summary", "/jobs"])
def test_pages_for_people(api: httpx.Client, path: str) -> None:
    answer = api.get(path, headers={"Accept": "text/html"})
    assert answer.headers["content-type"].startswith("text/html")
    assert '<html lang="fr"' in answer.text


def test_every_link_of_the_documents_answers(api: httpx.Client) -> None:
    for path in ("/", "/processes", "/processes/zonal-summary", "/jobs"):
        for link in api.get(path, headers={"Accept": "application/json"}).json()["links"]:
            if not link["rel"].endswith("/execute"):
                assert api.get(link["href"]).status_code == 200, link


def test_mairies_by_commune_at_once(api: httpx.Client) -> None:
    answer = run(api, PROCESSES["zonal-summary"].example)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert "location" not in answer.headers
    table = answer.json()
    assert len(table["rows"]) == 207
    # Some mairies stand in another commune than theirs, but none is lost.
    assert table["total"]["count"] == api.get("/collections/mairies").json()["numberOfItems"]


def test_areas_of_communes_by_epci_as_geopandas_says(api: httpx.Client, base: Conn) -> None:
    communes, epci = (read_layer(base, name) for name in ("communes", "epci"))
    cut = geopandas.overlay(communes, epci, how="intersection", keep_geom_type=True)
    expected = cut.assign(area=cut.area).groupby("key_2")["area"].sum()
    rows = run(api, {"inputs": {"collection": "communes", "zones": "epci"}}).json()["rows"]
    assert {row["code"] for row in rows} == set(expected.index)
    for row in rows:
        assert row["area_m2"] == pytest.approx(expected[row["code"]], rel=1e-6)


def test_outputs_and_forms_of_answer(api: httpx.Client) -> None:
    inputs = {"collection": "mairies", "zones": "epci"}
    both = run(api, {"inputs": inputs, "outputs": {"table": {}, "zones": {}}, "response": "document"}).json()
    assert set(both) == {"table", "zones"}
    zones = run(api, {"inputs": inputs, "outputs": {"zones": {"transmissionMode": "value"}}})
    assert zones.headers["content-type"] == "application/geo+json"
    assert zones.json() == both["zones"]
    assert len(zones.json()["features"]) == len(both["table"]["rows"]) == 17


REFUSED: list[tuple[Any, str | None]] = [
    ({}, "collection"),
    ([], None),
    ("texte", None),
    ({"inputs": 3}, "inputs"),
    ({"inputs": {}}, "collection"),
    ({"inputs": {"collection": "rien"}}, "collection"),
    ({"inputs": {"collection": ["mairies"]}}, "collection"),
    ({"inputs": {"collection": "mairies'; SELECT pg_sleep(9); --"}}, "collection"),
    ({"inputs": {"collection": "mairies\u0000"}}, "collection"),
    ({"inputs": {"collection": "mairies", "zones": "mairies"}}, "zones"),
    ({"inputs": {"collection": "mairies", "property": "nom"}}, "property"),
    ({"inputs": {"collection": "mairies", "edition": -1}}, "edition"),
    ({"inputs": {"collection": "mairies", "edition": 10**30}}, "edition"),
    ({"inputs": {"collection": "mairies", "bbox": [1, 2, 3]}}, "bbox"),
    ({"inputs": {"collection": "mairies", "bbox": [1e308, 2, 3, 4]}}, "bbox"),
    ({"inputs": {"collection": "mairies", "inconnue": 1}}, "inconnue"),
    ({"inputs": {"collection": "mairies"}, "response": "xml"}, "response"),
    ({"inputs": {"collection": "mairies"}, "outputs": {"carte": {}}}, "outputs"),
    ({"inputs": {"collection": "mairies"}, "outputs": {"table": {"transmissionMode": "reference"}}}, "outputs"),
    ({"inputs": {"collection": {"href": "http://127.0.0.1/"}}}, "collection"),
    ({"inputs": {"collection": "mairies"}, "subscriber": {"successUri": "http://127.0.0.1/"}}, "subscriber"),
]


@pytest.mark.parametrize("headers", [{}, ASYNC], ids=["sync", "async"])
@pytest.mark.parametrize(("body", "parameter"), REFUSED)
def test_bad_requests_are_refused_in_words(api: httpx.Client, body: Any, parameter: str | None, headers: dict[str, str]) -> None:
    answer = run(api, body, **headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) >= PROBLEM_MEMBERS
    assert problem.get("parameter") == parameter
    assert not any(word in answer.text for word in ("Traceback", "SELECT", "pygeoapi", "psycopg"))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 50_000, b'{"inputs": {"collection": NaN}}', b"\x00"])
def test_unreadable_bodies(api: httpx.Client, content: bytes) -> None:
    answer = api.post("/processes/zonal-summary/execution", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_bodies_are_bounded_and_typed(api: httpx.Client) -> None:
    path = "/processes/zonal-summary/execution"
    pieces = (b" " * 100_000 for _ in range(11))
    assert api.post(path, content=pieces, headers={"Content-Type": "application/json"}).status_code == 413
    assert api.post(path, data={"inputs": "x"}).status_code == 415
    assert api.post(path, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/processes/rien", 404, "no-such-process"),
        ("POST", "/processes/rien/execution", 404, "no-such-process"),
        ("GET", "/jobs/rien", 404, "no-such-job"),
        ("GET", f"/jobs/{uuid4()}", 404, "no-such-job"),
        ("DELETE", f"/jobs/{uuid4()}", 404, "no-such-job"),
        ("GET", f"/jobs/{uuid4()}/results", 404, "no-such-job"),
        ("GET", "/jobs?limit=-1", 400, None),
        ("GET", "/jobs?limit=0", 400, None),
        ("GET", "/jobs?limit=1e3", 400, None),
        ("GET", "/jobs?offset=-1", 400, None),
        ("GET", "/jobs?statut=fini", 400, None),
        ("GET", "/processes?limit=deux", 400, None),
        ("GET", "/processes/zonal-summary?f=xml", 400, None),
        ("GET", "/processes/zonal-summary/execution", 405, None),
        ("PUT", "/jobs", 405, None),
    ],
)
def test_refusals(api: httpx.Client, method: str, path: str, status: int, kind: str | None) -> None:
    answer = api.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    if kind:
        assert answer.json()["type"] == f"http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/{kind}"


def test_a_job_from_its_order_to_its_end(api: httpx.Client, territory: Settings) -> None:
    answer = run(api, {"inputs": {"collection": "mairies", "zones": "epci"}}, **ASYNC)
    assert answer.status_code == 201
    assert answer.headers["preference-applied"] == "respond-async"
    location = answer.headers["location"]
    assert answer.json()["jobID"] == location.rsplit("/", 1)[-1]
    early = api.get(f"{location}/results")
    assert early.status_code == 404
    assert early.json()["type"].endswith("/result-not-ready")
    with portal_worker(territory):
        job = wait_for(api, location, "successful", "failed")
    assert (job["status"], job["progress"], job["processID"]) == ("successful", 100, "zonal-summary")
    assert job["created"] <= job["started"] <= job["finished"]
    [results] = [link["href"] for link in job["links"] if link["rel"].endswith("/results")]
    at_once = run(api, {"inputs": {"collection": "mairies", "zones": "epci"}}).json()
    assert api.get(results).json() == at_once
    assert "<html" in api.get(results, params={"f": "html"}).text
    assert "<html" in api.get(location, params={"f": "html"}).text
    assert api.delete(location).json()["status"] == "dismissed"
    assert api.get(location).status_code == 404


def test_geojson_results_keep_their_type(api: httpx.Client, territory: Settings) -> None:
    body = {"inputs": {"collection": "mairies", "zones": "epci"}, "outputs": {"zones": {}}}
    location = run(api, body, **ASYNC).headers["location"]
    with portal_worker(territory):
        wait_for(api, location, "successful")
    results = api.get(f"{location}/results")
    assert results.headers["content-type"] == "application/geo+json"
    assert len(results.json()["features"]) == 17


def test_cancel_a_waiting_job(api: httpx.Client) -> None:
    location = run(api, {"inputs": {"collection": "mairies"}}, **ASYNC).headers["location"]
    answer = api.delete(location)
    assert (answer.status_code, answer.json()["status"], answer.json()["type"]) == (200, "dismissed", "process")
    assert api.get(location).json()["status"] == "dismissed"
    assert api.get(f"{location}/results").status_code == 404


def test_cancel_a_running_job(api: httpx.Client, territory: Settings, base: Conn) -> None:
    with locked(territory, "mairies"), portal_worker(territory):
        location = run(api, {"inputs": {"collection": "mairies"}}, **ASYNC).headers["location"]
        assert wait_for(api, location, "running")["progress"] < 100
        wait_blocked(base)
        assert api.delete(location).json()["status"] == "dismissed"
    assert api.get(location).json()["status"] == "dismissed"


def test_a_failed_job_says_why(api: httpx.Client, territory: Settings, base: Conn) -> None:
    """The layer was withdrawn between the order and the run."""
    body = {"inputs": {"collection": "rien"}, "outputs": ["table"], "response": "raw"}
    job_id = jobs.submit(base, "zonal-summary", body)
    with portal_worker(territory):
        job = wait_for(api, f"/jobs/{job_id}", "failed")
    assert job["message"] == "La couche « rien » n'existe pas."
    results = api.get(f"/jobs/{job_id}/results")
    assert (results.status_code, results.json()["detail"]) == (400, job["message"])


def test_the_list_shows_the_jobs_of_who_asks(api: httpx.Client, base: Conn) -> None:
    before = api.get("/jobs").json()["numberMatched"]
    mine = [run(api, {"inputs": {"collection": "mairies"}}, **ASYNC).json()["jobID"] for _ in range(3)]
    other = jobs.submit(base, "zonal-summary", {"inputs": {}}, owner=jobs.owner_of(base, "192.0.2.7"))
    found, page = [], api.get("/jobs", params={"limit": 2}).json()
    assert page["numberMatched"] == before + 3
    for _ in range(before + 3):
        found += [job["jobID"] for job in page["jobs"]]
        following = [link["href"] for link in page["links"] if link["rel"] == "next"]
        if not following:
            break
        page = api.get(following[0]).json()
    assert found[:3] == mine[::-1]
    assert len(found) == len(set(found)) == before + 3
    assert str(other) not in found
    assert all("inputs" not in job and "parameters" not in job for job in api.get("/jobs").json()["jobs"])
    for job_id in (*mine, str(other)):
        api.delete(f"/jobs/{job_id}")


def test_nobody_fills_the_queue(api: httpx.Client) -> None:
    body = {"inputs": {"collection": "mairies"}}
    answers = [run(api, body, **ASYNC) for _ in range(MAX_OWN_JOBS + 1)]
    for answer in answers:
        if answer.status_code == 201:
            api.delete(answer.headers["location"])
    assert [answer.status_code for answer in answers] == [201] * MAX_OWN_JOBS + [429]
    assert "travaux en attente" in answers[-1].json()["detail"]
    assert int(answers[-1].headers["retry-after"]) > 0


def test_a_long_run_does_not_hold_the_others(api: httpx.Client, territory: Settings, base: Conn) -> None:
    """Two runs wait for a lock in threads: the two web processes go on answering at once."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        with locked(territory, "mairies"):
            runs = [pool.submit(run, api, {"inputs": {"collection": "mairies"}}) for _ in range(2)]
            wait_blocked(base, 2)
            start = time.monotonic()
            for _ in range(10):
                assert httpx.get(f"{api.base_url}conformance").status_code == 200
                assert httpx.get(f"{api.base_url}processes").status_code == 200
            assert time.monotonic() - start < 5
        assert [one.result().status_code for one in runs] == [200, 200]


def test_declared(api: httpx.Client) -> None:
    classes = api.get("/conformance").json()["conformsTo"]
    for name in ("core", "json", "ogc-process-description", "dismiss"):
        assert f"http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/{name}" in classes
    assert not any(name.endswith("/callback") for name in classes)
    paths = api.get("/api").json()["paths"]
    assert {"/processes", "/processes/zonal-summary/execution", "/jobs", "/jobs/{jobId}", "/jobs/{jobId}/results"} <= set(paths)
    assert set(paths["/jobs/{jobId}"]) == {"get", "delete"}
