"""pygeoapi as a library: built from the catalogue, called in threads, its answers checked before they leave.

Known weaknesses that are handled here or before: it configures the root logger; it answers 500 to some bad values; its
error documents are in English and not problem+json; it renders HTML from templates with outside hosts when no format
is given; it compresses by itself when asked. It is therefore called with a request that says only what it must know.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread
from anyio import CapacityLimiter
from pygeoapi.api import API, APIRequest, coverages, describe_collections, processes, stac
from pygeoapi.api import environmental_data_retrieval as edr

from config.settings import Settings
from geoportal.links import Links
from geoportal.ogc.longtail.config import pygeoapi_config, served_rasters
from geoportal.ogc.longtail.manager import ASKER, Asker, JobManager
from geoportal.ogc.longtail.problems import refusal
from ingest.derived.rasters import Raster
from layers.catalog import Catalog

Json = dict[str, Any]

# The handlers, by the names that routes use.
HANDLERS: Mapping[str, Callable[..., Any]] = {
    "processes": processes.describe_processes,
    "execute": processes.execute_process,
    "jobs": processes.get_jobs,
    "results": processes.get_job_result,
    "delete_job": processes.delete_job,
    "collection": describe_collections,
    "coverage": coverages.get_collection_coverage,
    "edr": edr.get_collection_edr_query,
    "stac": stac.get_stac_path,
}


@dataclass(frozen=True)
class _Request:
    """The least that pygeoapi reads of a request."""

    query_params: Mapping[str, str]
    headers: Mapping[str, str]
    scope: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What a handler gave: ``content`` as it was written."""

    status: int
    headers: Mapping[str, str]
    content: str | bytes
    asker: Asker

    def document(self) -> Json:
        loaded: Json = json.loads(self.content)
        return loaded


@dataclass
class Engine:
    """One pygeoapi for one state of the catalogue. ``calls`` bounds the threads that it may hold."""

    revision: int
    fingerprint: str
    rasters: Mapping[str, Raster]
    api: API
    collections: list[Json] | None = None  # made when first asked for
    calls: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(8))

    def is_of(self, catalog: Catalog) -> bool:
        """Whether it was made from this catalogue.

        A transaction may take its revision number before another and commit after it: the number alone would hide it.
        """
        return (self.revision, self.fingerprint) == (catalog.revision, catalog.fingerprint)

    async def call(
        self,
        handler: str,
        *args: Any,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        asker: str = "",
        limiter: CapacityLimiter | None = None,
    ) -> Answer:
        """Run a handler in a thread; raises ProblemError when it refuses."""
        who = Asker(asker)

        def run() -> tuple[Mapping[str, str], int, str | bytes]:
            ASKER.set(who)
            request = APIRequest(_Request({"f": "json", **(params or {})}, headers or {}, {"path": "/"}), ["fr"])
            request._data = body
            out: tuple[Mapping[str, str], int, str | bytes] = HANDLERS[handler](self.api, request, *args)
            return out

        given, status, content = await anyio.to_thread.run_sync(run, limiter=limiter or self.calls)
        if status >= 400:
            raise refusal(int(status), content)
        return Answer(int(status), given, content, who)


def build_engine(settings: Settings, links: Links, catalog: Catalog, rasters: Sequence[Raster]) -> Engine:
    """Configure pygeoapi for a state of the catalogue."""
    config = pygeoapi_config(settings, links, catalog, rasters)
    with _untouched_logging():
        api = API(config, {})
    api.manager = JobManager(
        settings, catalog, {name: one for name, one in config["resources"].items() if one["type"] == "process"}
    )
    served = {raster.id: raster for raster in served_rasters(catalog, rasters)}
    return Engine(catalog.revision, catalog.fingerprint, served, api)


@contextmanager
def _untouched_logging() -> Iterator[None]:
    """Keep our logging as it is.

    pygeoapi calls logging.basicConfig, which does nothing when the root logger has a handler; its own log would only
    repeat, with a traceback, the refusals that we answer.
    """
    guard = logging.NullHandler()
    logging.getLogger().addHandler(guard)
    logging.getLogger("pygeoapi").setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(guard)
