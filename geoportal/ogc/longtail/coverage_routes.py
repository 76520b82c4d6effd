"""Coverages, EDR and STAC over the rasters of the portal: the door before pygeoapi's handlers."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geoportal.conditional import REVALIDATE, not_modified, weak_etag
from geoportal.context import Portal, portal_of
from geoportal.errors import bad_parameter, not_found
from geoportal.media import Media, choose, respond
from geoportal.ogc.longtail import documents
from geoportal.ogc.longtail.config import GEOTIFF, STAC_COLLECTION
from geoportal.ogc.longtail.coverage_request import as_numbers, read_box, read_coords, read_fields
from geoportal.ogc.longtail.documents import COVERAGE_JSON
from geoportal.ogc.longtail.holder import engine_holder, engine_of
from geoportal.ogc.longtail.stac import stac_root
from geoportal.ogc.parameters import reject_unknown
from geoportal.ogc.part import Json
from ingest.derived.rasters import Raster
from layers.catalog import UnknownLayerError

COVERAGE = Media("json", COVERAGE_JSON, ("application/json", "application/vnd.cov+json"))
TIFF = Media("GTiff", GEOTIFF, ("image/tiff", "image/geotiff"))


async def _raster(request: Request) -> Raster:
    """The raster of this identifier, said unknown when there is none."""
    rasters = (await engine_of(request)).rasters
    name = request.path_params["coverageId"]
    if name not in rasters:
        if name in portal_of(request).catalog.collections:
            raise not_found(f"La collection « {name} » n'est pas une couverture : ses objets sont dans /items.")
        raise UnknownLayerError(name[:60])
    return rasters[name]


def _headers(etag: str) -> dict[str, str]:
    return {"ETag": etag, "Cache-Control": REVALIDATE, "Vary": "Accept"}


def _srids(request: Request) -> tuple[int, ...]:
    return portal_of(request).settings.territory_info.srids


async def coverage(request: Request) -> Response:
    """GET /collections/{coverageId}/coverage"""
    raster = await _raster(request)
    reject_unknown(request, ("bbox", "bbox-crs", "subset", "properties"))
    media = choose(request, COVERAGE, TIFF)
    read_fields("properties", request.query_params.get("properties"), raster.definition)
    box = read_box(raster.definition, request.query_params, _srids(request))
    params = {"f": media.name} | ({"bbox": as_numbers(box)} if box else {})
    etag = weak_etag(raster.version, media.name)
    if response := not_modified(request, etag):
        return response
    answer = await (await engine_of(request)).call("coverage", raster.id, params=params)
    headers = _headers(etag)
    if media is TIFF:
        headers["Content-Disposition"] = f'attachment; filename="{raster.id}.tif"'
    return Response(answer.content, 200, headers, media_type=media.type)


async def position(request: Request) -> Response:
    """GET /collections/{coverageId}/position"""
    return await _edr(request, "position")


async def area(request: Request) -> Response:
    """GET /collections/{coverageId}/area"""
    return await _edr(request, "area")


async def _edr(request: Request, query: str) -> Response:
    raster = await _raster(request)
    reject_unknown(request, ("coords", "parameter-name"))
    choose(request, COVERAGE)
    read_fields("parameter-name", request.query_params.get("parameter-name"), raster.definition)
    coords = read_coords(raster.definition, query, request.query_params.get("coords"))
    return await _edr_answer(request, raster, query, {"coords": coords})


async def cube(request: Request) -> Response:
    """GET /collections/{coverageId}/cube"""
    raster = await _raster(request)
    reject_unknown(request, ("bbox", "bbox-crs", "parameter-name"))
    choose(request, COVERAGE)
    read_fields("parameter-name", request.query_params.get("parameter-name"), raster.definition)
    box = read_box(raster.definition, request.query_params, _srids(request))
    if box is None:
        raise bad_parameter("bbox", "« bbox » manque : donnez quatre nombres, par exemple -1.6,47.2,-1.5,47.25.")
    return await _edr_answer(request, raster, "cube", {"bbox": as_numbers(box)})


async def _edr_answer(request: Request, raster: Raster, query: str, params: dict[str, str]) -> Response:
    etag = weak_etag(raster.version, query)
    if response := not_modified(request, etag):
        return response
    answer = await (await engine_of(request)).call("edr", raster.id, None, query, params=params)
    return Response(answer.content, 200, _headers(etag), media_type=COVERAGE_JSON)


async def coverage_collections(portal: Portal) -> list[Json]:
    """The rasters as collections, for the list of collections."""
    engine = await engine_holder(portal).get(portal)
    if engine.collections is None:
        engine.collections = [
            documents.coverage_collection(portal.links, raster, (await engine.call("collection", raster.id)).document())
            for raster in engine.rasters.values()
        ]
    return engine.collections


async def stac_catalog(request: Request) -> Response:
    """GET /stac"""
    reject_unknown(request, ())
    portal = portal_of(request)
    engine = await engine_of(request)
    about = engine.api.config["metadata"]["identification"]
    document = stac_root(portal.links, about["title"], about["description"], has_rasters=bool(engine.rasters))
    return respond(request, document, "ogc/document.html")


async def stac_document(request: Request) -> Response:
    """GET /stac/rasters and /stac/rasters/{rasterId}"""
    reject_unknown(request, ())
    raster_id = request.path_params.get("rasterId")
    engine = await engine_of(request)
    if not engine.rasters or (raster_id is not None and raster_id not in engine.rasters):
        raise not_found("Ce raster n'existe pas : la liste est dans /stac/rasters.")
    path = STAC_COLLECTION if raster_id is None else f"{STAC_COLLECTION}/{raster_id}"
    document = (await engine.call("stac", path)).document()
    media = Media("json", "application/json" if raster_id is None else "application/geo+json", ("application/json",))
    return respond(request, document, "ogc/document.html", media=media)


ROUTES = [
    Route("/collections/{coverageId}/coverage", coverage),
    Route("/collections/{coverageId}/position", position),
    Route("/collections/{coverageId}/area", area),
    Route("/collections/{coverageId}/cube", cube),
    Route("/stac", stac_catalog),
    Route(f"/stac/{STAC_COLLECTION}", stac_document),
    Route(f"/stac/{STAC_COLLECTION}/{{rasterId}}", stac_document),
]
