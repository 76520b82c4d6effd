"""The processes that the portal offers, by identifier, and how a worker runs one."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from psycopg import Connection

from config.settings import Settings
from geoportal.processes import zonal_summary
from geoportal.processes.base import InputError, Process, Progress
from layers.catalog import read_catalog

PROCESSES: Mapping[str, Process] = MappingProxyType({process.id: process for process in (zonal_summary.PROCESS,)})


def run_in_worker(_settings: Settings, name: str, request: Mapping[str, Any], conn: Connection[Any], progress: Progress) -> Any:
    """Run a queued request ``{"inputs": …, "outputs": [names]}``; the catalogue is read anew, it may have changed since.

    Raises ingest.worker.JobRefusedError with the sentence to show.
    """
    from ingest.worker import JobRefusedError

    process = PROCESSES.get(name)
    if process is None:
        raise JobRefusedError(f"Le traitement « {name} » n'est plus proposé.")
    try:
        return process.run(conn, read_catalog(conn), request["inputs"], tuple(request["outputs"]), progress)
    except InputError as error:
        raise JobRefusedError(str(error)) from error
