"""The long tail in the OpenAPI document: pygeoapi's paths, said in French and without schemas on other hosts."""

from geoportal.context import Portal
from geoportal.links import JSON, PROBLEM
from geoportal.ogc.longtail.config import DEFAULT_PAGE, GEOTIFF, MAX_PAGE
from geoportal.ogc.longtail.coverage_request import EXAMPLES
from geoportal.ogc.longtail.documents import COVERAGE_JSON
from geoportal.ogc.part import Json, OpenApiFragment
from geoportal.processes import PROCESSES
from geoportal.processes.base import LAYER_ID, Process
from geoportal.security.access import visible_collections
from ingest.derived import distance

PROCESSES_TAG = "Traitements"
JOBS_TAG = "Travaux"
COVERAGES_TAG = "Couvertures"
STAC_TAG = "STAC"


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _parameter(name: str, description: str, schema: Json, *, where: str = "query", **more: object) -> Json:
    return {"name": name, "in": where, "description": description, "schema": schema, "required": where == "path", **more}


def _formats(*names: str) -> Json:
    return _parameter("f", "Format.", {"type": "string", "enum": list(names), "default": names[0]})


_F = _formats("json", "html")
_PROBLEM: Json = {"schema": _ref("schemas", "Problem")}
_REFUSALS: Json = {
    "400": _ref("responses", "BadRequest"),
    "404": _ref("responses", "NotFound"),
    "406": _ref("responses", "NotAcceptable"),
    "503": _ref("responses", "Unavailable"),
}
_JOB_ID = _parameter("jobId", "Identifiant du travail.", {"type": "string", "format": "uuid"}, where="path")
_LIMIT = _parameter(
    "limit", "Nombre d'éléments par page.", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE}
)
_OFFSET = _parameter(
    "offset", "Nombre d'éléments à passer.", {"type": "integer", "minimum": 0, "maximum": 1_000_000, "default": 0}
)
_COVERAGE_ID = _parameter("coverageId", "Identifiant de la couverture.", {"type": "string"}, where="path", example=distance.ID)
_NUMBERS = {
    "type": "array",
    "items": {"type": "number"},
    "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
}
_BBOX = _parameter("bbox", "Emprise : les mailles qu'elle touche.", _NUMBERS, style="form", explode=False)


def _get(operation: str, summary: str, tag: str, parameters: list[Json], content: Json) -> Json:
    return {
        "operationId": operation,
        "summary": summary,
        "tags": [tag],
        "parameters": parameters,
        "responses": {"200": {"description": summary, "content": content}, **_REFUSALS},
    }


def _document(schema: Json | None = None, media: str = JSON) -> Json:
    return {media: {"schema": schema or {"type": "object"}}, "text/html": {"schema": {"type": "string"}}}


def _process_paths(process: Process) -> Json:
    """The description and the execution of one process."""
    name = "".join(part.capitalize() for part in process.id.split("-"))
    example = {"summary": process.title, "value": process.example}
    body = {"schema": _ref("schemas", f"execute-{process.id}"), "examples": {"exemple": example}}
    by_name = {"type": "object", "properties": {name: one.schema for name, one in process.outputs.items()}}
    results = {one.media_type: {"schema": one.schema} for one in process.outputs.values()}
    # « response » at « document » gives every output by its name, also as JSON.
    results[JSON] = {"schema": {"anyOf": [*(one.schema for one in process.outputs.values() if one.media_type == JSON), by_name]}}
    prefer = _parameter(
        "Prefer",
        "« respond-async » : ne pas attendre le résultat.",
        {"type": "string", "example": "respond-async"},
        where="header",
    )
    execute = {
        "operationId": f"execute{name}",
        "summary": f"Exécuter : {process.title}",
        "description": process.description,
        "tags": [PROCESSES_TAG],
        "parameters": [prefer],
        "requestBody": {"required": True, "content": {JSON: body}},
        "responses": {
            "200": {"description": "Le résultat.", "content": results},
            "201": {
                "description": "Travail accepté : son adresse est dans l'en-tête Location.",
                "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}},
                "content": {JSON: {"schema": _ref("schemas", "statusInfo")}},
            },
            "413": {"description": "Corps trop volumineux.", "content": {PROBLEM: _PROBLEM}},
            "415": {"description": "Le corps n'est pas annoncé comme du JSON.", "content": {PROBLEM: _PROBLEM}},
            "429": {"description": "Trop de travaux en attente pour un même demandeur.", "content": {PROBLEM: _PROBLEM}},
            **_REFUSALS,
        },
    }
    return {
        f"/processes/{process.id}": {"get": _get(f"describe{name}", process.title, PROCESSES_TAG, [_F], _document())},
        f"/processes/{process.id}/execution": {"post": execute},
    }


def _input_schema(portal: Portal, schema: Json) -> Json:
    """The schema of an input; a layer is one of those that everybody may read."""
    if schema.get("format") != LAYER_ID:
        return schema
    return schema | {"enum": [collection.id for collection in visible_collections(portal)]}


def _execute_schema(portal: Portal, process: Process) -> Json:
    """The body of an execution, with the inputs of the process."""
    required = [name for name, one in process.inputs.items() if one.get("minOccurs", 1)]
    schemas = {name: _input_schema(portal, one["schema"]) for name, one in process.inputs.items()}
    inputs = {"type": "object", "required": required, "properties": schemas}
    output = {"type": "object", "properties": {"transmissionMode": {"type": "string", "enum": ["value"]}}}
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "inputs": inputs | {"additionalProperties": False},
            "outputs": {"type": "object", "properties": dict.fromkeys(process.outputs, output), "additionalProperties": False},
            "response": {"type": "string", "enum": ["raw", "document"], "default": "raw"},
        },
        "additionalProperties": False,
    }


_INSTANT = {"type": "string", "format": "date-time"}
_STATUS_INFO: Json = {
    "type": "object",
    "description": "État d'un travail.",
    "required": ["type", "jobID", "status"],
    "properties": {
        "type": {"type": "string", "enum": ["process"]},
        "processID": {"type": "string"},
        "jobID": {"type": "string"},
        "status": {"type": "string", "enum": ["accepted", "running", "successful", "failed", "dismissed"]},
        "message": {"type": "string"},
        "progress": {"type": "integer", "minimum": 0, "maximum": 100},
        "created": _INSTANT,
        "started": _INSTANT,
        "finished": _INSTANT,
        "updated": _INSTANT,
        "links": {"type": "array", "items": {"type": "object"}},
    },
}


def _job_paths() -> Json:
    status = _ref("schemas", "statusInfo")
    job_list = {"type": "object", "required": ["jobs", "links"], "properties": {"jobs": {"type": "array", "items": status}}}
    delete = _get(
        "dismissJob", "Annuler un travail, ou effacer celui qui est terminé", JOBS_TAG, [_JOB_ID], {JSON: {"schema": status}}
    )
    return {
        "/jobs": {"get": _get("jobs", "Vos travaux", JOBS_TAG, [_LIMIT, _OFFSET, _F], _document(job_list))},
        "/jobs/{jobId}": {"get": _get("job", "État d'un travail", JOBS_TAG, [_JOB_ID, _F], _document(status)), "delete": delete},
        "/jobs/{jobId}/results": {"get": _get("results", "Résultat d'un travail", JOBS_TAG, [_JOB_ID, _F], _document())},
    }


def _coverage_paths(portal: Portal) -> Json:
    srids = portal.settings.territory_info.srids
    systems = [f"http://www.opengis.net/def/crs/EPSG/0/{srid}" for srid in srids]
    crs = _parameter(
        "bbox-crs", "Système de coordonnées de bbox.", {"type": "string", "enum": [_CRS84, *systems], "default": _CRS84}
    )
    subset = _parameter(
        "subset", "Intervalles sur les axes x et y, par exemple x(350000:360000),y(6690000:6700000).", {"type": "string"}
    )
    fields = _parameter("properties", "Champs voulus.", {"type": "string"})
    names = _parameter("parameter-name", "Champs voulus.", {"type": "string"})
    coords = _parameter("coords", "Géométrie WKT en longitude, latitude.", {"type": "string"}) | {"required": True}
    at, inside = (coords | {"example": EXAMPLES[query]} for query in ("position", "area"))
    grid: Json = {COVERAGE_JSON: {"schema": {"type": "object"}}}
    tiff: Json = {GEOTIFF: {"schema": {"type": "string", "format": "binary"}}}
    json_only = _formats("json")
    data = [_COVERAGE_ID, _BBOX, crs, subset, fields, _formats("json", "GTiff")]
    root = "/collections/{coverageId}"
    return {
        f"{root}/coverage": {"get": _get("coverage", "Valeurs d'une couverture", COVERAGES_TAG, data, grid | tiff)},
        f"{root}/position": {
            "get": _get("position", "Valeur en un point", COVERAGES_TAG, [_COVERAGE_ID, at, names, json_only], grid)
        },
        f"{root}/area": {
            "get": _get("area", "Valeurs dans une surface", COVERAGES_TAG, [_COVERAGE_ID, inside, names, json_only], grid)
        },
        f"{root}/cube": {
            "get": _get(
                "cube",
                "Valeurs dans une emprise",
                COVERAGES_TAG,
                [_COVERAGE_ID, _BBOX | {"required": True}, crs, names, json_only],
                grid,
            )
        },
    }


_CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


def _stac_paths() -> Json:
    raster = _parameter("rasterId", "Identifiant du raster.", {"type": "string"}, where="path", example=distance.ID)
    return {
        "/stac": {"get": _get("stac", "Catalogue STAC des rasters", STAC_TAG, [_F], _document())},
        "/stac/rasters": {"get": _get("stacRasters", "Collection STAC des rasters", STAC_TAG, [_F], _document())},
        "/stac/rasters/{rasterId}": {
            "get": _get("stacRaster", "Un raster", STAC_TAG, [raster, _F], _document(media="application/geo+json"))
        },
    }


def fragment(portal: Portal) -> OpenApiFragment:
    """The paths, schemas and tags of the long tail."""
    listing = _get("processes", "Les traitements", PROCESSES_TAG, [_LIMIT, _F], _document())
    paths: Json = {"/processes": {"get": listing}}
    for process in PROCESSES.values():
        paths |= _process_paths(process)
    paths |= _job_paths() | _coverage_paths(portal) | _stac_paths()
    return OpenApiFragment(
        paths=paths,
        schemas={"statusInfo": _STATUS_INFO}
        | {f"execute-{name}": _execute_schema(portal, one) for name, one in PROCESSES.items()},
        tags=(
            {"name": PROCESSES_TAG, "description": "Calculs sur les couches, attendus ou mis en file."},
            {"name": JOBS_TAG, "description": "Suivre, annuler et lire les calculs mis en file."},
            {"name": COVERAGES_TAG, "description": "Valeurs sur une grille : couvertures et requêtes EDR."},
            {"name": STAC_TAG, "description": "Catalogue STAC des rasters."},
        ),
    )
