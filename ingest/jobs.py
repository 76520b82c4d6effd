"""Jobs: work that takes time, queued in PostgreSQL by procrastinate and shown to people by ``portail.job``.

The queue lives in its own PostgreSQL schema (``jobs``), made on first use. A job and its place in the queue are
written in one transaction, so that neither exists without the other. Who runs the jobs is in ``ingest.worker``.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import procrastinate
from procrastinate.schema import SchemaManager
from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from layers.statements import statement

SQL = Path(__file__).resolve().parent / "sql"
SCHEMA = "jobs"
QUEUE = "travaux"
TASK = "executer"
KEPT_DAYS = 7
_LOCK = 0x6A6F_6273  # any constant: two processes must not make the schema together

WAITING = "En attente d'un processus de travail."
DISMISSED = "Travail annulé à la demande."

Conn = Connection[Any]


class UnknownJobError(LookupError):
    """No job bears this identifier, or it was deleted."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"Le travail « {job_id} » n'existe pas, ou plus : les travaux terminés sont gardés {KEPT_DAYS} jours.")


@dataclass(frozen=True, slots=True)
class Job:
    """A job as people see it. ``progress`` is a percentage; ``error`` is a French sentence, only when it failed."""

    id: UUID
    process: str
    inputs: dict[str, Any]
    status: str
    progress: int
    message: str
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime


def _query(name: str) -> sql.Composed:
    return statement(name, SQL)


def run_statement(conn: Conn, name: str, **values: Any) -> list[tuple[Any, ...]]:
    """Run ``ingest/sql/<name>.sql`` and return its rows, if it gives any."""
    cursor = conn.execute(_query(name), values)
    return cursor.fetchall() if cursor.description else []


def changed_rows(conn: Conn, name: str, **values: Any) -> int:
    """Run ``ingest/sql/<name>.sql`` and return how many rows it changed."""
    return conn.execute(_query(name), values).rowcount


def ensure_schema(conn: Conn) -> bool:
    """Make the queue's tables in schema ``jobs`` if they are not there; True when they were made. Costs one look-up otherwise."""
    if _has_schema(conn):
        return False
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if _has_schema(conn):
            return False
        conn.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(SCHEMA)))
        _enter_schema(conn)
        conn.execute(SchemaManager.get_schema().encode())
        conn.execute("SET LOCAL search_path TO DEFAULT")
    return True


def _has_schema(conn: Conn) -> bool:
    row = conn.execute("SELECT to_regclass(%s)", (f"{SCHEMA}.procrastinate_jobs",)).fetchone()
    return bool(row and row[0])


def _enter_schema(conn: Conn) -> None:
    """Procrastinate names its tables without a schema; for this transaction they are found."""
    conn.execute(sql.SQL("SET LOCAL search_path TO {}, public").format(sql.Identifier(SCHEMA)))


def _client() -> procrastinate.App:
    """An app that only writes through connections given to it."""
    return procrastinate.App(connector=procrastinate.SyncPsycopgConnector())


def submit(conn: Conn, process: str, inputs: Mapping[str, Any], *, owner: str = "") -> UUID:
    """Queue a job and return its identifier. ``conn`` must be read-write."""
    ensure_schema(conn)
    job_id = uuid4()
    with conn.transaction():
        _enter_schema(conn)
        task = _client().configure_task(TASK, queue=QUEUE, connection=conn, allow_unknown=True)
        queue_id = task.defer(job_id=str(job_id))
        run_statement(
            conn,
            "job_insert",
            id=job_id,
            process=process,
            inputs=Jsonb(dict(inputs)),
            owner=owner,
            message=WAITING,
            queue_id=queue_id,
        )
        conn.execute("SET LOCAL search_path TO DEFAULT")
    return job_id


def count_active(conn: Conn, owner: str) -> tuple[int, int]:
    """How many jobs wait or run: those of ``owner``, and in all."""
    [[own, everybody]] = run_statement(conn, "job_active", owner=owner)
    return own, everybody


def parse_id(text: str) -> UUID:
    """Read a job identifier; UnknownJobError when it is not one."""
    try:
        return UUID(text)
    except ValueError:
        raise UnknownJobError(text) from None


def find(conn: Conn, job_id: UUID) -> Job:
    """Return a job, or raise UnknownJobError."""
    rows = run_statement(conn, "job_find", id=job_id)
    if not rows:
        raise UnknownJobError(str(job_id))
    return Job(*rows[0])


def list_jobs(conn: Conn, *, owner: str | None = None, limit: int = 20, offset: int = 0) -> tuple[list[Job], int]:
    """A page of jobs, newest first, and how many there are in all; ``owner`` None means everybody's."""
    rows = run_statement(conn, "job_list", owner=owner, limit=limit, offset=offset)
    [[total]] = run_statement(conn, "job_count", owner=owner)
    return [Job(*row) for row in rows], total


def read_result(conn: Conn, job_id: UUID) -> Any:
    """What a successful job gave; UnknownJobError when it has no result."""
    rows = run_statement(conn, "job_result", id=job_id)
    if not rows:
        raise UnknownJobError(str(job_id))
    return rows[0][0]


def dismiss(conn: Conn, job_id: UUID) -> Job:
    """Cancel a job that waits or runs; one already over is left as it is. Returns the job as it is now.

    A queued job leaves the queue; a running one has its SQL statement cancelled.
    """
    with conn.transaction():
        rows = run_statement(conn, "job_dismiss", id=job_id, message=DISMISSED)
        if rows and rows[0][0] is not None:
            _enter_schema(conn)
            _client().job_manager.cancel_job_by_id(rows[0][0], connection=conn)
            conn.execute("SET LOCAL search_path TO DEFAULT")
    # After the commit: the run that is interrupted looks at the status to know why.
    stop_query(conn, job_id)
    return find(conn, job_id)


def delete(conn: Conn, job_id: UUID) -> None:
    """Forget a job and its result."""
    run_statement(conn, "job_delete", id=job_id)


def stop_query(conn: Conn, job_id: UUID) -> None:
    """Cancel the statement that a job is running, if any."""
    run_statement(conn, "job_stop_query", application_name=application_name(job_id))


def application_name(job_id: UUID) -> str:
    """Name of a job's connection in ``pg_stat_activity`` (PostgreSQL keeps 63 bytes)."""
    return f"geoportail-travail-{job_id}"


def owner_of(conn: Conn, address: str) -> str:
    """Digest of a network address with the installation's key: tells whose job it is without keeping the address."""
    [[key]] = run_statement(conn, "job_owner_key")
    return hmac.new(key.bytes, address.encode(), hashlib.sha256).hexdigest()[:32]
