"""The queue on a real PostgreSQL: results, refusals, cancelling, and workers that die."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection, sql

from config.settings import ROOT, Settings
from ingest import jobs
from tests.db import held_runner

Conn = Connection[tuple[Any, ...]]
DEADLINE = 40.0


@contextmanager
def worker(settings: Settings, stderr: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process whose runner waits for an advisory lock that the test holds."""
    env = {**os.environ, "GEOPORTAL_DATABASE_URL": settings.effective_database_url, "GEOPORTAL_DATA_DIR": str(settings.data_dir)}
    with subprocess.Popen([sys.executable, "-m", "tests.db.held_runner"], cwd=ROOT, env=env, stderr=stderr) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def held(settings: Settings) -> Iterator[Callable[[], None]]:
    """Hold the lock that the runner waits for; the value given lets it go."""
    with psycopg.connect(settings.effective_database_url, autocommit=True) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", (held_runner.LOCK,))

        def release() -> None:
            conn.execute("SELECT pg_advisory_unlock_all()")

        yield release


def wait_for(conn: Conn, job_id: UUID, *statuses: str) -> jobs.Job:
    """Wait until the job has one of these statuses (it is written by another process: there is no event to wait for)."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        job = jobs.find(conn, job_id)
        if job.status in statuses:
            return job
        time.sleep(0.05)
    raise AssertionError(f"{jobs.find(conn, job_id)} n'est jamais devenu {statuses}")


def wait_blocked(conn: Conn, job_id: UUID) -> None:
    """Wait until the job's statement waits for the lock."""
    deadline = time.monotonic() + DEADLINE
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'"
    while time.monotonic() < deadline:
        row = conn.execute(query, (jobs.application_name(job_id),)).fetchone()
        if row and row[0]:
            return
        time.sleep(0.05)
    raise AssertionError("le travail n'a jamais attendu le verrou")


def queue_length(conn: Conn) -> int:
    row = conn.execute("SELECT count(*) FROM jobs.procrastinate_jobs").fetchone()
    assert row
    return int(row[0])


def test_schema_is_made_once_and_apart(conn: Conn) -> None:
    assert jobs.ensure_schema(conn) is True
    assert jobs.ensure_schema(conn) is False
    rows = conn.execute("SELECT schemaname FROM pg_tables WHERE tablename LIKE 'procrastinate%'").fetchall()
    assert {row[0] for row in rows} == {"jobs"}


def test_submit_writes_job_and_queue_together(conn: Conn) -> None:
    job_id = jobs.submit(conn, "double", {"value": 2}, owner="moi")
    job = jobs.find(conn, job_id)
    assert (job.process, job.status, job.progress, job.inputs) == ("double", "accepted", 0, {"value": 2})
    assert queue_length(conn) == 1
    with pytest.raises(psycopg.errors.NotNullViolation):
        jobs.submit(conn, None, {})  # type: ignore[arg-type]
    assert queue_length(conn) == 1


def test_a_worker_runs_a_job(conn: Conn, settings: Settings) -> None:
    job_id = jobs.submit(conn, "double", {"value": 21})
    with worker(settings):
        job = wait_for(conn, job_id, "successful", "failed")
    assert (job.status, job.progress, job.error) == ("successful", 100, None)
    assert job.started_at
    assert job.finished_at
    assert jobs.read_result(conn, job_id) == {"value": 42}


def test_a_refusal_is_told_and_a_fault_is_not_detailed(conn: Conn, settings: Settings) -> None:
    refused = jobs.submit(conn, "refuse", {})
    broken = jobs.submit(conn, "break", {})
    with worker(settings):
        assert wait_for(conn, refused, "failed").error == "Cette demande est refusée."
        error = wait_for(conn, broken, "failed").error
    assert error
    assert "ZeroDivision" not in error
    assert "division" not in error


def test_cancel_a_waiting_job(conn: Conn, settings: Settings) -> None:
    job_id = jobs.submit(conn, "double", {"value": 1})
    assert jobs.dismiss(conn, job_id).status == "dismissed"
    after = jobs.submit(conn, "double", {"value": 2})
    with worker(settings):
        wait_for(conn, after, "successful")
    assert jobs.find(conn, job_id).status == "dismissed"
    assert jobs.dismiss(conn, after).status == "successful"


def test_cancel_a_running_job(conn: Conn, settings: Settings) -> None:
    with held(settings), worker(settings):
        job_id = jobs.submit(conn, "hold", {})
        wait_blocked(conn, job_id)
        assert jobs.find(conn, job_id).progress == held_runner.PROGRESS
        assert jobs.dismiss(conn, job_id).status == "dismissed"
        after = jobs.submit(conn, "double", {"value": 3})
        wait_for(conn, after, "successful")
    assert jobs.find(conn, job_id).status == "dismissed"


def test_a_killed_worker_is_replaced(conn: Conn, settings: Settings) -> None:
    job_id = jobs.submit(conn, "hold", {})
    with held(settings) as release:
        with worker(settings) as first:
            wait_blocked(conn, job_id)
            first.send_signal(signal.SIGKILL)
            first.wait(10)
        assert jobs.find(conn, job_id).status == "running"
        release()
        with worker(settings):
            job = wait_for(conn, job_id, "successful", "failed")
    assert job.status == "successful"
    assert jobs.read_result(conn, job_id) == {"held": True}
    row = conn.execute("SELECT attempt FROM portail.job WHERE id = %s", (job_id,)).fetchone()
    assert row == (2,)


def test_a_job_that_kills_its_workers_is_given_up(conn: Conn, settings: Settings) -> None:
    job_id = jobs.submit(conn, "suicide", {})
    for _ in range(3):
        with worker(settings) as process:
            process.wait(DEADLINE)
    with worker(settings):
        job = wait_for(conn, job_id, "failed")
    assert "interrompu 3 fois" in (job.error or "")
    assert queue_length(conn) == 0


def test_sigterm_gives_the_job_back(conn: Conn, settings: Settings) -> None:
    job_id = jobs.submit(conn, "hold", {})
    with held(settings) as release:
        with worker(settings) as first:
            wait_blocked(conn, job_id)
            first.terminate()
            assert first.wait(DEADLINE) == 0
        assert jobs.find(conn, job_id).status == "accepted"
        release()
        with worker(settings):
            assert wait_for(conn, job_id, "successful", "failed").status == "successful"


def test_a_database_that_goes_away_is_waited_for(conn: Conn, settings: Settings) -> None:
    info = psycopg.conninfo.conninfo_to_dict(settings.effective_database_url)
    name = sql.Identifier(str(info["dbname"]))
    with (
        psycopg.connect(Settings().effective_database_url, autocommit=True) as admin,
        worker(settings, stderr=subprocess.PIPE) as process,
    ):
        first = jobs.submit(conn, "double", {"value": 1})
        wait_for(conn, first, "successful")
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (info["dbname"],))
        assert process.stderr
        assert any(b"base injoignable" in line for line in process.stderr)
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
        with psycopg.connect(settings.effective_database_url, autocommit=True) as again:
            second = jobs.submit(again, "double", {"value": 2})
            wait_for(again, second, "successful")
        assert process.poll() is None


def test_an_overtaken_worker_cannot_overwrite(conn: Conn) -> None:
    """A worker that was only slow comes back after another took its job: what it writes is ignored."""
    job_id = jobs.submit(conn, "double", {"value": 1})
    for _ in range(2):
        jobs.run_statement(conn, "job_take", id=job_id, message="")
    late = jobs.changed_rows(conn, "job_finish", id=job_id, attempt=1, status="failed", message="", result=None, error="tard")
    assert late == 0
    assert jobs.find(conn, job_id).status == "running"


def test_list_is_newest_first_and_by_owner(conn: Conn) -> None:
    ids = [jobs.submit(conn, "double", {"value": n}, owner=owner) for n, owner in enumerate(("a", "b", "a"))]
    everyone, total = jobs.list_jobs(conn)
    assert [job.id for job in everyone] == ids[::-1]
    assert total == 3
    mine, count = jobs.list_jobs(conn, owner="a", limit=1, offset=1)
    assert [job.id for job in mine] == [ids[0]]
    assert count == 2


def test_owner_is_a_digest_of_this_installation(conn: Conn) -> None:
    one = jobs.owner_of(conn, "192.0.2.1")
    assert one == jobs.owner_of(conn, "192.0.2.1")
    assert one != jobs.owner_of(conn, "192.0.2.2")
    assert "192" not in one
    conn.execute("UPDATE portail.job_key SET key = gen_random_uuid()")
    assert one != jobs.owner_of(conn, "192.0.2.1")


def test_unknown_job(conn: Conn) -> None:
    with pytest.raises(jobs.UnknownJobError):
        jobs.parse_id("pas-un-travail")
    with pytest.raises(jobs.UnknownJobError, match="gardés"):
        jobs.find(conn, UUID(int=0))
