"""Bulk files: a whole layer, at an edition or the latest, streamed from one snapshot."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geoportal.conditional import REVALIDATE, not_modified, weak_etag
from geoportal.context import portal_of
from geoportal.errors import bad_parameter, not_found
from geoportal.ogc.item_formats import CSV, FLATGEOBUF, GEOJSON_FILE, GEOJSONSEQ, stream_file
from geoportal.ogc.items_request import ItemsRequest, read_edition
from geoportal.ogc.parameters import read_crs, reject_unknown
from geoportal.security.access import visible_collection
from layers.queries import Selection

FILES = {media.extension: media for media in (GEOJSON_FILE, GEOJSONSEQ, CSV, FLATGEOBUF)}


async def download(request: Request) -> Response:
    """GET /telechargements/{layer}/{edition or latest}/{layer}.{ext}"""
    portal = portal_of(request)
    collection = visible_collection(request, request.path_params["layer"])
    reject_unknown(request, ("crs",))
    name, _, extension = request.path_params["file"].rpartition(".")
    if name != collection.id or extension not in FILES:
        names = ", ".join(f"{collection.id}.{known}" for known in FILES)
        raise not_found(f"Ce fichier n'existe pas ; fichiers de cette couche : {names}.")
    wanted_edition = request.path_params["edition"]
    if wanted_edition != "latest" and not wanted_edition.isdigit():
        raise bad_parameter("edition", "L'adresse attend un numéro d'édition, ou « latest ».")
    edition = await read_edition(None if wanted_edition == "latest" else wanted_edition, collection, portal.pool)
    crs = read_crs("crs", request.query_params.get("crs"), portal.settings.territory_info.srids)
    media = FILES[extension]
    etag = weak_etag(collection.id, edition.number, collection.version.split("-")[1], crs.srid, media.name)
    if response := not_modified(request, etag):
        return response
    headers = {
        "ETag": etag,
        # Never immutable: the edition does not change, but a field may be withdrawn from publication.
        "Cache-Control": REVALIDATE,
        "Content-Crs": f"<{crs.uri}>",
        "Content-Disposition": f'attachment; filename="{collection.id}-{edition.number}.{extension}"',
    }
    if request.method == "HEAD":
        return Response(headers=headers, media_type=media.type)
    selection = Selection(collection, edition, pinned=True)
    wanted = ItemsRequest(selection, collection.layer.public_fields, crs, portal.settings.max_items)
    return await stream_file(portal, wanted, media, headers)


ROUTES = [Route("/telechargements/{layer}/{edition}/{file}", download, name="download")]
