"""Processes and jobs: the door before pygeoapi's handlers."""

import anyio.to_thread
from anyio import CapacityLimiter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geoportal.context import portal_of
from geoportal.errors import ProblemError
from geoportal.links import JSON, Links
from geoportal.media import GEOJSON, HTML, Media, choose, dumps, render, respond
from geoportal.media import JSON as JSON_MEDIA
from geoportal.ogc.longtail import documents
from geoportal.ogc.longtail.config import DEFAULT_PAGE, MAX_PAGE
from geoportal.ogc.longtail.execution import MAX_BODY, Execution, read_execution, wants_async
from geoportal.ogc.longtail.holder import engine_of
from geoportal.ogc.longtail.problems import no_job, no_process, no_result
from geoportal.ogc.parameters import read_limit, reject_unknown
from geoportal.ogc.part import Json
from geoportal.processes import PROCESSES
from geoportal.processes.base import Process
from ingest.jobs import UnknownJobError, parse_id

# Runs that are waited for, per web process: the others wait their turn, and beyond a few they are told to queue.
RUNS = CapacityLimiter(2)
_WAITING_RUNS = 8
_MAX_OFFSET = 1_000_000


def _links(request: Request) -> Links:
    return portal_of(request).links


def _asker(request: Request) -> str:
    return request.client.host if request.client else ""


def _process(request: Request) -> Process:
    name = request.path_params["processId"]
    if name not in PROCESSES:
        sentence = f"Le traitement « {name[:60]} » n'existe pas ; traitements proposés : {', '.join(PROCESSES)}."
        raise no_process(sentence)
    return PROCESSES[name]


async def list_processes(request: Request) -> Response:
    """GET /processes"""
    reject_unknown(request, ("limit",))
    limit = read_limit(request.query_params.get("limit"), DEFAULT_PAGE, MAX_PAGE)
    engine = await engine_of(request)
    answer = await engine.call("processes", params={"limit": str(limit)})
    return respond(request, documents.process_list(_links(request), answer.document()), "ogc/processes.html")


async def describe_process(request: Request) -> Response:
    """GET /processes/{processId}"""
    reject_unknown(request, ())
    engine = await engine_of(request)
    process = _process(request)
    answer = await engine.call("processes", process.id)
    document = documents.process_description(_links(request), answer.document(), documents.describe(process))
    return respond(request, document, "ogc/process.html")


async def execute(request: Request) -> Response:
    """POST /processes/{processId}/execution"""
    reject_unknown(request, ())
    engine = await engine_of(request)
    process = _process(request)
    execution = read_execution(process, await _read_body(request))
    if wants_async(request.headers.get("prefer", "")):
        return await _queue(request, process, execution)
    if RUNS.statistics().tasks_waiting >= _WAITING_RUNS:
        sentence = "Trop de calculs sont attendus en ce moment : refaites la demande avec l'en-tête « Prefer: respond-async »."
        raise ProblemError(503, "Service occupé", sentence, headers={"Retry-After": "10"})
    answer = await engine.call("execute", process.id, body=_body(execution), limiter=RUNS)
    return Response(answer.content, answer.status, media_type=answer.headers["Content-Type"])


async def _queue(request: Request, process: Process, execution: Execution) -> Response:
    engine = await engine_of(request)
    headers = {"Prefer": "respond-async"}
    answer = await engine.call("execute", process.id, body=_body(execution), headers=headers, asker=_asker(request))
    # pygeoapi answers « null » or {}: the status of the new job is asked for apart.
    job_id = answer.headers["Location"].rsplit("/", 1)[-1]
    status = (await engine.call("jobs", job_id)).document()
    location = _links(request).ogc("jobs", job_id)
    sent = {"Location": location, "Preference-Applied": "respond-async"}
    return Response(dumps(documents.job_status(_links(request), status)), 201, sent, media_type=JSON)


def _body(execution: Execution) -> bytes:
    return dumps(
        {"inputs": execution.inputs, "outputs": {name: {} for name in execution.outputs}, "response": execution.response}
    )


async def _read_body(request: Request) -> bytes:
    """The body, within its limit; it must say that it is JSON, which also keeps forms of other sites out."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != JSON:
        raise ProblemError(
            415, "Format d'envoi refusé", "Envoyez la demande en JSON, avec l'en-tête « Content-Type: application/json »."
        )
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise ProblemError(413, "Demande trop volumineuse", f"Le corps de la demande dépasse {MAX_BODY // 1000} ko.")
        chunks.append(chunk)
    return b"".join(chunks)


def _job_id(request: Request) -> str:
    """The identifier in the path, in its usual form; a 404 when it is not one."""
    try:
        return str(parse_id(request.path_params["jobId"]))
    except UnknownJobError:
        raise no_job() from None


async def list_jobs(request: Request) -> Response:
    """GET /jobs: those of the address that asks."""
    reject_unknown(request, ("limit", "offset"))
    limit = read_limit(request.query_params.get("limit"), DEFAULT_PAGE, MAX_PAGE)
    offset = _read_offset(request.query_params.get("offset"))
    engine = await engine_of(request)
    answer = await engine.call("jobs", params={"limit": str(limit), "offset": str(offset)}, asker=_asker(request))
    document = documents.job_list(_links(request), answer.document(), answer.asker.job_count, limit, offset)
    return respond(request, document, "ogc/jobs.html", headers={"Cache-Control": "private, no-store"})


def _read_offset(text: str | None) -> int:
    if text is None or text == "0":
        return 0
    try:
        return read_limit(text, 0, _MAX_OFFSET)
    except ProblemError as problem:
        sentence = f"« offset » attend un nombre entier de 0 à {_MAX_OFFSET}."
        raise ProblemError(problem.status, problem.title, sentence, parameter="offset") from None


async def show_job(request: Request) -> Response:
    """GET /jobs/{jobId}"""
    reject_unknown(request, ())
    engine = await engine_of(request)
    answer = await engine.call("jobs", _job_id(request))
    document = documents.job_status(_links(request), answer.document())
    return respond(request, document, "ogc/job.html", headers={"Cache-Control": "private, no-store"})


async def delete_job(request: Request) -> Response:
    """DELETE /jobs/{jobId}: cancels a job, or forgets one that is over."""
    reject_unknown(request, ())
    engine = await engine_of(request)
    job_id = _job_id(request)
    process_id = (await engine.call("jobs", job_id)).document()["processID"]
    answer = await engine.call("delete_job", job_id)
    return Response(dumps(documents.dismissed(_links(request), answer.document(), process_id)), media_type=JSON)


async def show_results(request: Request) -> Response:
    """GET /jobs/{jobId}/results"""
    reject_unknown(request, ())
    engine = await engine_of(request)
    job_id = _job_id(request)
    _check_over((await engine.call("jobs", job_id)).document())
    answer = await engine.call("results", job_id)
    media: Media = GEOJSON if answer.headers["Content-Type"] == GEOJSON.type else JSON_MEDIA
    headers = {"Cache-Control": "private, max-age=600", "Vary": "Accept"}
    if choose(request, media, HTML) is HTML:
        # A result may be of several megabytes: it is read and laid out in a thread, where it holds up nobody.
        return await anyio.to_thread.run_sync(lambda: render(request, "ogc/results.html", answer.document()))
    return Response(answer.content, 200, headers, media_type=media.type)


def _check_over(job: Json) -> None:
    """A failed job answers with its error; one that was cancelled or is not over has no result."""
    match job["status"]:
        case "successful":
            return
        case "failed":
            raise ProblemError(400, "Travail en échec", job["message"])
        case "dismissed":
            raise no_result("Ce travail a été annulé : il n'a pas de résultat.")
        case _:
            sentence = f"Ce travail n'est pas terminé ({job['progress']} %) : revenez un peu plus tard."
            raise no_result(sentence, {"Retry-After": "2"})


ROUTES = [
    Route("/processes", list_processes),
    Route("/processes/{processId}", describe_process),
    Route("/processes/{processId}/execution", execute, methods=["POST"]),
    Route("/jobs", list_jobs),
    Route("/jobs/{jobId}", show_job, methods=["GET"]),
    Route("/jobs/{jobId}", delete_job, methods=["DELETE"]),
    Route("/jobs/{jobId}/results", show_results),
]
