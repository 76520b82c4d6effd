"""The worker: takes jobs from the queue, runs them one statement at a time, survives its own death.

A job whose worker died (no heartbeat) is handed out again; one that kills its workers is given up after a few tries.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import procrastinate
import psycopg
from procrastinate.exceptions import ConnectorException
from psycopg import Connection
from psycopg.types.json import Jsonb

from config.database import connect
from config.settings import Settings
from ingest import jobs
from ingest.derived import build_derived

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
JOB_SECONDS = 900

RUNNING = "Travail en cours."
DONE = "Travail terminé."
RESUMED = "Travail interrompu ; il va reprendre."
GIVEN_UP = (
    f"Le travail a été interrompu {MAX_ATTEMPTS} fois et n'est plus tenté : réduisez la demande ou prévenez le département."
)
TOO_LONG = f"Le travail a dépassé {JOB_SECONDS // 60} minutes : réduisez la zone ou la couche."
BROKEN = "Le travail a échoué pour une raison imprévue ; l'erreur est enregistrée."

Progress = Callable[[int, str], None]
# (settings, process id, inputs, read-only connection, progress) → JSON result
Runner = Callable[[Settings, str, Mapping[str, Any], Connection[Any], Progress], Any]


class JobRefusedError(Exception):
    """What was asked cannot be done: the message is a French sentence for whoever asked."""


class JobDismissedError(Exception):
    """The job was cancelled, or given to another worker, while this one was running it."""


@dataclass(frozen=True)
class Pace:
    """How often a worker shows that it lives, and after how long a silent one is taken for dead (seconds)."""

    heartbeat: float = 5.0
    dead_after: float = 30.0
    poll: float = 5.0
    grace: float = 20.0
    retry_wait: int = 5
    connect_timeout: float = 10.0
    reconnect: float = 2.0


@dataclass(frozen=True)
class Worker:
    """One worker process: ``parallel`` jobs at a time, each with its own connections."""

    settings: Settings
    runner: Runner
    parallel: int = 1
    pace: Pace = field(default_factory=Pace)

    def app(self) -> procrastinate.App:
        connector = procrastinate.PsycopgConnector(
            conninfo=self.settings.effective_database_url,
            kwargs={"options": f"-c search_path={jobs.SCHEMA},public", "application_name": "geoportail-travaux"},
            min_size=1,
            max_size=4 + self.parallel,
            timeout=self.pace.connect_timeout,
        )
        app = procrastinate.App(connector=connector)
        retry = procrastinate.RetryStrategy(max_attempts=MAX_ATTEMPTS - 1, wait=self.pace.retry_wait)
        app.task(name=jobs.TASK, queue=jobs.QUEUE, retry=retry)(self._perform)
        return app

    async def _perform(self, job_id: str) -> None:
        """Run one job in a thread; when the worker stops, its statement is cancelled and the job goes back to the queue."""
        identifier = UUID(job_id)
        try:
            await asyncio.to_thread(run_job, self.settings, self.runner, identifier)
        except asyncio.CancelledError:
            await asyncio.to_thread(_interrupt, self.settings, identifier)
            raise

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT; running jobs then have ``pace.grace`` seconds to finish.

        A database that goes away is waited for; one that is not there at the start is an error.
        """
        await asyncio.to_thread(_prepare, self.settings)
        while True:
            try:
                await self._work()
            except (ConnectorException, psycopg.OperationalError) as error:
                log.warning("base injoignable, le processus de travail reprendra quand elle répondra : %s", error)
                await asyncio.sleep(self.pace.reconnect)
            else:
                return

    async def _work(self) -> None:
        app = self.app()
        async with app.open_async():
            rescue = asyncio.create_task(self._rescue_forever(app))
            try:
                await app.run_worker_async(
                    queues=[jobs.QUEUE],
                    concurrency=self.parallel,
                    delete_jobs="always",
                    fetch_job_polling_interval=self.pace.poll,
                    abort_job_polling_interval=self.pace.poll,
                    shutdown_graceful_timeout=self.pace.grace,
                    update_heartbeat_interval=self.pace.heartbeat,
                    stalled_worker_timeout=self.pace.dead_after,
                )
            finally:
                rescue.cancel()
                await asyncio.gather(rescue, return_exceptions=True)

    async def _rescue_forever(self, app: procrastinate.App) -> None:
        """Hand out again the jobs of dead workers, forget the old ones, and keep the derived rasters up to date."""
        while True:
            try:
                for stalled in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=self.pace.dead_after):
                    await self._rescue(app, stalled)
                await asyncio.to_thread(_tidy, self.settings)
            except (ConnectorException, psycopg.OperationalError) as error:
                log.warning("reprise des travaux interrompus remise à plus tard : %s", error)
            await asyncio.to_thread(_follow_editions, self.settings)
            await asyncio.sleep(self.pace.dead_after / 2)

    async def _rescue(self, app: procrastinate.App, stalled: procrastinate.jobs.Job) -> None:
        identifier = UUID(str(stalled.task_kwargs["job_id"]))
        if stalled.attempts + 1 < MAX_ATTEMPTS:
            await asyncio.to_thread(_mark, self.settings, "job_requeue", identifier, RESUMED)
            await app.job_manager.retry_job(stalled)
        else:
            await asyncio.to_thread(_mark, self.settings, "job_abandon", identifier, GIVEN_UP)
            await app.job_manager.finish_job(stalled, procrastinate.jobs.Status.FAILED, delete_job=True)


def run_job(settings: Settings, runner: Runner, job_id: UUID) -> None:
    """Run one job to its end and write the outcome; what may succeed later (database lost) is raised to be retried."""
    with connect(settings, autocommit=True) as conn:
        rows = jobs.run_statement(conn, "job_take", id=job_id, message=RUNNING)
        if not rows:
            return  # dismissed or deleted while it waited
        process, inputs, attempt = rows[0]

        def progress(percent: int, message: str) -> None:
            if not jobs.changed_rows(conn, "job_progress", id=job_id, attempt=attempt, progress=percent, message=message):
                raise JobDismissedError

        outcome = _attempt(settings, runner, job_id, process, inputs, progress)
        if outcome is not None:
            jobs.run_statement(conn, "job_finish", id=job_id, attempt=attempt, **outcome)


def _attempt(
    settings: Settings, runner: Runner, job_id: UUID, process: str, inputs: Mapping[str, Any], progress: Progress
) -> dict[str, Any] | None:
    """The columns to write, or None when the job was dismissed."""
    try:
        with _reading_connection(settings, job_id) as reading:
            result = runner(settings, process, inputs, reading, progress)
    except JobDismissedError:
        return None
    except JobRefusedError as error:
        return _failure(str(error))
    except psycopg.errors.QueryCanceled:
        # The time limit, a dismissal or the end of the worker: in the last two cases the status is no longer
        # "running" and nothing will be written.
        return _failure(TOO_LONG)
    except psycopg.OperationalError:
        raise
    except Exception:
        log.exception("travail %s", job_id)
        return _failure(BROKEN)
    return {"status": "successful", "message": DONE, "result": Jsonb(result), "error": None}


def _failure(sentence: str) -> dict[str, Any]:
    return {"status": "failed", "message": sentence, "result": None, "error": sentence}


def _reading_connection(settings: Settings, job_id: UUID) -> Connection[Any]:
    """A read-only connection that bears the job's name; the server stops its statement when the worker is gone."""
    options = (
        f"-c default_transaction_read_only=on -c jit=off -c statement_timeout={JOB_SECONDS * 1000}"
        " -c client_connection_check_interval=2000"
    )
    return psycopg.connect(
        settings.effective_read_url, autocommit=True, options=options, application_name=jobs.application_name(job_id)
    )


def _prepare(settings: Settings) -> None:
    with connect(settings, autocommit=True) as conn:
        jobs.ensure_schema(conn)


def _tidy(settings: Settings) -> None:
    """Close the jobs that left the queue without an outcome, and forget the old ones."""
    with connect(settings, autocommit=True) as conn:
        jobs.run_statement(conn, "job_orphans", message=GIVEN_UP)
        jobs.run_statement(conn, "job_purge", days=jobs.KEPT_DAYS)


def _follow_editions(settings: Settings) -> None:
    """Compute again what is derived from layers that have a new edition; a few short queries when none has."""
    try:
        build_derived(settings, log.info)
    except Exception:
        log.exception("les rasters dérivés seront calculés plus tard")


def _mark(settings: Settings, name: str, job_id: UUID, message: str) -> None:
    with connect(settings, autocommit=True) as conn:
        jobs.run_statement(conn, name, id=job_id, message=message)


def _interrupt(settings: Settings, job_id: UUID) -> None:
    """Put a running job back to waiting, then stop its statement."""
    with connect(settings, autocommit=True) as conn:
        jobs.run_statement(conn, "job_requeue", id=job_id, message=RESUMED)
        jobs.stop_query(conn, job_id)
