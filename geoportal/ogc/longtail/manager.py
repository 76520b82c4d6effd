"""pygeoapi's process manager and processors, on our processes and our queue."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import Connection
from pygeoapi.process.base import BaseProcessor, JobResultNotFoundError
from pygeoapi.process.manager.base import BaseManager
from pygeoapi.util import JobStatus, RequestedProcessExecutionMode

from config.database import connect
from config.settings import Settings
from geoportal.errors import ProblemError, bad_parameter
from geoportal.links import JSON
from geoportal.ogc.longtail.documents import describe
from geoportal.ogc.longtail.execution import Execution
from geoportal.ogc.longtail.problems import no_job
from geoportal.processes import PROCESSES
from geoportal.processes.base import InputError, Process
from ingest import jobs
from layers.catalog import Catalog

Json = dict[str, Any]

# Anyone may queue a job: no one may fill the queue.
MAX_OWN_JOBS = 20
MAX_JOBS = 500


@dataclass
class Asker:
    """Who asks (network address), and how many jobs they have: pygeoapi has no place for either."""

    address: str
    job_count: int = 0


ASKER: ContextVar[Asker] = ContextVar("asker")


class Processor(BaseProcessor):  # type: ignore[misc]
    """One of our processes, as pygeoapi describes it."""

    def __init__(self, processor_def: Mapping[str, Any]) -> None:
        super().__init__(processor_def, describe(PROCESSES[processor_def["process"]]))
        self.supports_outputs = True


class JobManager(BaseManager):  # type: ignore[misc]
    """Runs at once in the request's thread, within the public time limit, or queues for a worker.

    A list shows the jobs of the address that asks. Whoever knows a job's identifier (random) may follow and cancel it.
    """

    def __init__(self, settings: Settings, catalog: Catalog, processes: Mapping[str, Any]) -> None:
        super().__init__({"name": "PostgreSQL", "processes": processes})
        self.is_async = True
        self.settings = settings
        self.catalog = catalog

    def get_jobs(self, status: Any = None, limit: int | None = None, offset: int | None = None) -> Json:  # noqa: ARG002  (theirs)
        asker = ASKER.get()
        with connect(self.settings, autocommit=True) as conn:
            owner = jobs.owner_of(conn, asker.address)
            page, asker.job_count = jobs.list_jobs(conn, owner=owner, limit=limit or 1, offset=offset or 0)
        return {"jobs": [_as_pygeoapi(job) for job in page], "numberMatched": asker.job_count}

    def get_job(self, job_id: str) -> Json:
        with self._connected() as conn:
            return _as_pygeoapi(jobs.find(conn, jobs.parse_id(job_id)))

    def get_job_result(self, job_id: str) -> tuple[str, Any]:
        with self._connected() as conn:
            identifier = jobs.parse_id(job_id)
            job = jobs.find(conn, identifier)
            try:
                values = jobs.read_result(conn, identifier)
            except jobs.UnknownJobError:
                raise JobResultNotFoundError from None
        return _as_response(PROCESSES[job.process], values, job.inputs["response"])

    def delete_job(self, job_id: str) -> bool:
        """Cancel a job that is not over; forget one that is."""
        with self._connected() as conn:
            identifier = jobs.parse_id(job_id)
            if jobs.find(conn, identifier).status in ("accepted", "running"):
                jobs.dismiss(conn, identifier)
            else:
                jobs.delete(conn, identifier)
        return True

    def execute_process(
        self,
        process_id: str,
        data_dict: Json,
        execution_mode: RequestedProcessExecutionMode | None = None,
        requested_outputs: Json | None = None,
        subscriber: Any = None,  # noqa: ARG002  (callbacks are refused)
        requested_response: str = "raw",
    ) -> tuple[str, str, Any, JobStatus, dict[str, str]]:
        process = PROCESSES[process_id]
        execution = Execution(data_dict, tuple(requested_outputs or ()), requested_response)
        try:
            process.check(self.catalog, execution.inputs)
            if execution_mode is RequestedProcessExecutionMode.respond_async:
                job_id = self._queue(process, execution)
                return job_id, JSON, None, JobStatus.accepted, {"Preference-Applied": "respond-async"}
            values = self._run(process, execution)
        except InputError as error:
            raise bad_parameter(error.name[:60], str(error)) from None
        media_type, content = _as_response(process, values, execution.response)
        return "", media_type, content, JobStatus.successful, {}

    def _queue(self, process: Process, execution: Execution) -> str:
        with connect(self.settings, autocommit=True) as conn:
            owner = jobs.owner_of(conn, ASKER.get().address)
            own, everybody = jobs.count_active(conn, owner)
            if own >= MAX_OWN_JOBS:
                sentence = f"Vous avez déjà {own} travaux en attente ou en cours : attendez leur fin ou annulez-en."
                raise ProblemError(429, "Trop de travaux", sentence, headers={"Retry-After": "60"})
            if everybody >= MAX_JOBS:
                sentence = "La file des travaux est pleine : réessayez dans quelques minutes."
                raise ProblemError(503, "Service occupé", sentence, headers={"Retry-After": "300"})
            return str(jobs.submit(conn, process.id, execution.as_request(), owner=owner))

    def _run(self, process: Process, execution: Execution) -> Json:
        limit = self.settings.statement_timeout_ms
        options = f"-c default_transaction_read_only=on -c jit=off -c statement_timeout={limit}"
        try:
            with psycopg.connect(self.settings.effective_read_url, autocommit=True, options=options) as conn:
                return process.run(conn, self.catalog, execution.inputs, execution.outputs, _no_progress)
        except psycopg.errors.QueryCanceled:
            seconds = limit // 1000
            sentence = f"Le calcul dépasse {seconds} s : refaites la demande avec l'en-tête « Prefer: respond-async »."
            raise ProblemError(503, "Calcul trop long", sentence) from None

    @contextmanager
    def _connected(self) -> Iterator[Connection[Any]]:
        try:
            with connect(self.settings, autocommit=True) as conn:
                yield conn
        except jobs.UnknownJobError:
            raise no_job() from None


def _no_progress(_percent: int, _message: str) -> None:
    """Nobody looks at the progress of a run that is waited for."""


def _as_response(process: Process, values: Json, response: str) -> tuple[str, Any]:
    """Media type and content: every output by name (document), or the one output itself (raw)."""
    if response == "document":
        return JSON, values
    [(name, value)] = values.items()
    media_type = process.outputs[name].media_type
    # pygeoapi writes JSON itself and passes any other type through as text.
    return media_type, value if media_type == JSON else json.dumps(value, ensure_ascii=False)


def _text(instant: datetime | None) -> str | None:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if instant else None


def _as_pygeoapi(job: jobs.Job) -> Json:
    """A job without its inputs: a list of jobs says nothing of what people asked."""
    return {
        "identifier": str(job.id),
        "process_id": job.process,
        "status": job.status,
        "message": job.error or job.message,
        "progress": job.progress,
        "mimetype": JSON,
        "created": _text(job.created_at),
        # pygeoapi sorts on this member, which must be a text; a job not yet started has an empty one.
        "started": _text(job.started_at) or "",
        "finished": _text(job.finished_at),
        "updated": _text(job.updated_at),
    }
