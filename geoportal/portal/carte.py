"""The map page: a list made by the server, and a map that goes with it."""

import zlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from geoportal.cancel import while_connected
from geoportal.conditional import REVALIDATE, not_modified, weak_etag
from geoportal.context import Portal, portal_of
from geoportal.errors import not_found
from geoportal.links import Links
from geoportal.media import dumps, render
from geoportal.portal.listing import (
    Entry,
    Page,
    Wanted,
    commune_field,
    fetch_entry,
    fetch_name_points,
    fetch_names,
    fetch_outlines,
    fetch_page,
    is_searchable,
    summarise,
)
from geoportal.portal.mapstyle import LAND_LAYER, compose_style, has_name_points, is_shown_first, legend_text, make_sign
from geoportal.security.access import visible_collection, visible_collections
from layers.catalog import Collection


@dataclass(frozen=True)
class View:
    """What the address of the map says: the layer listed, the layers drawn, the filter, the object whose card is open.

    ``entry`` belongs to the layer ``owner``, which is not always the one listed.
    """

    current: Collection | None
    shown: frozenset[str]
    wanted: Wanted
    owner: Collection | None = None
    entry: Entry | None = None


def _local_links(portal: Portal) -> Links:
    """Links without a host: the page works under whatever name the portal is reached."""
    return Links(urlsplit(portal.settings.public_url).path)


def _read_shown(request: Request, collections: list[Collection], current: Collection | None) -> frozenset[str]:
    """``avec`` lists the layers drawn besides the current one; absent, their styles decide."""
    listed = request.query_params.get("avec")
    if listed is None:
        shown = {one.id for one in collections if is_shown_first(one)}
    else:
        shown = {one.id for one in collections} & set(listed.split(","))
    return frozenset(shown | ({current.id} if current else set()))


async def _read_view(request: Request) -> View:
    portal = portal_of(request)
    query = request.query_params
    collections = visible_collections(portal)
    first = collections[0] if collections else None
    current = visible_collection(request, query["carte"]) if query.get("carte") else first
    owner = visible_collection(request, query["de"]) if query.get("de") else current
    key = query.get("objet")
    entry = await _find_entry(portal, owner, key) if owner and key else None
    return View(current, _read_shown(request, collections, current), Wanted.from_query(query), owner, entry)


async def _find_entry(portal: Portal, collection: Collection, key: str) -> Entry:
    async with portal.pool.connection() as conn:
        entry = await fetch_entry(conn, collection, key)
    if entry is None:
        raise not_found(f"« {collection.layer.title} » n'a pas d'objet « {key[:60]} » dans son édition actuelle.")
    return entry


async def map_page(request: Request) -> Response:
    """``GET /carte``: everything that it shows is in its address."""
    portal = portal_of(request)
    view = await _read_view(request)
    page, communes = Page(), []
    if view.current:
        land = portal.catalog.collections.get(LAND_LAYER)
        async with portal.pool.connection() as conn:
            page = await while_connected(request.receive, fetch_page(conn, view.current, view.wanted))
            if land and land.is_public and commune_field(view.current.layer):
                communes = await while_connected(request.receive, fetch_names(conn, land))
    collections = visible_collections(portal)
    return render(
        request,
        "portail/carte.html",
        None,
        couches=collections,
        vue=view,
        page=page,
        communes=communes,
        resumer=summarise,
        cherchable=view.current is not None and is_searchable(view.current.layer),
        a_un_fond=any(one.id == LAND_LAYER for one in collections),
        signes={one.id: make_sign(one) for one in collections},
        legendes={one.id: legend_text(one) for one in collections},
        reglages=_browser_settings(portal, view),
    )


def _browser_settings(portal: Portal, view: View) -> dict[str, Any]:
    """What the map needs to know, besides its style."""
    collections = visible_collections(portal)
    return {
        "style": _style_address(portal, collections, view.shown),
        "fiche": _local_links(portal).url("carte", "fiche"),
        "emprise": portal.settings.territory_info.bbox,
        "courante": view.current.id if view.current else None,
        "choix": {"layer": view.owner.id, "key": view.entry.key} if view.owner and view.entry else None,
        "affichees": sorted(view.shown),
        "couches": {one.id: {"titre": one.layer.title, "cle": one.layer.key} for one in collections},
    }


def _style_address(portal: Portal, collections: list[Collection], shown: frozenset[str]) -> str:
    ids = [one.id for one in collections]
    visible = [layer_id for layer_id in ids if layer_id in shown]
    query = {"cartes": ",".join(ids), "visibles": ",".join(visible)}
    return _local_links(portal).url("carte", "style.json", query=query)


async def map_card(request: Request) -> Response:
    """``GET /carte/fiche``: the card of one object, to be put in the page."""
    portal = portal_of(request)
    collection = visible_collection(request, request.query_params.get("carte", ""))
    entry = await _find_entry(portal, collection, request.query_params.get("objet", ""))
    return render(request, "portail/fiche.html", None, couche=collection, objet=entry)


async def map_style(request: Request) -> Response:
    """``GET /carte/style.json?cartes=a,b&visibles=a``: MapLibre style of these layers over the land.

    Without ``visibles`` all of them are shown; a hidden layer asks for no tile.
    """
    portal = portal_of(request)
    ids = dict.fromkeys(filter(None, request.query_params.get("cartes", "").split(",")))
    collections = [visible_collection(request, layer_id) for layer_id in ids]
    visible = request.query_params.get("visibles")
    shown = set(ids) if visible is None else set(visible.split(","))
    land = portal.catalog.collections.get(LAND_LAYER)
    land = land if land and land.is_public else None
    body = dumps(compose_style(collections, shown, _local_links(portal), land))
    etag = weak_etag("style", f"{zlib.crc32(body):08x}")
    if answer := not_modified(request, etag):
        return answer
    return Response(body, headers={"ETag": etag, "Cache-Control": REVALIDATE}, media_type="application/json")


async def name_points(request: Request) -> Response:
    """``GET /carte/noms/{layer}.geojson``: where to write the names of a layer of surfaces."""
    portal = portal_of(request)
    collection = visible_collection(request, request.path_params["layer"])
    if not has_name_points(collection):
        raise not_found(f"Les noms de « {collection.layer.title} » sont dans ses tuiles.")
    etag = weak_etag("noms", collection.version)
    if answer := not_modified(request, etag):
        return answer
    async with portal.pool.connection() as conn:
        text = await while_connected(request.receive, fetch_name_points(conn, collection))
    return Response(text, headers={"ETag": etag, "Cache-Control": REVALIDATE}, media_type="application/geo+json")


async def territory_picture(request: Request) -> Response:
    """``GET /carte/territoire.svg``: the outlines of the communes, for pages without a map."""
    portal = portal_of(request)
    land = visible_collection(request, LAND_LAYER)
    etag = weak_etag("territoire", land.version)
    if answer := not_modified(request, etag):
        return answer
    async with portal.pool.connection() as conn:
        outlines = await while_connected(request.receive, fetch_outlines(conn, land))
    if not outlines:
        raise not_found("Aucun contour de commune n'est publié.")
    text = portal.templates.get_template("portail/territoire.svg").render(contours=outlines)
    return Response(text, headers={"ETag": etag, "Cache-Control": REVALIDATE}, media_type="image/svg+xml")


MAP_ROUTES: list[BaseRoute] = [
    Route("/carte", map_page),
    Route("/carte/fiche", map_card),
    Route("/carte/style.json", map_style),
    Route("/carte/noms/{layer}.geojson", name_points),
    Route("/carte/territoire.svg", territory_picture),
]
