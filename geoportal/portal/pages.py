"""Pages of the portal for people: home, help, and the pages that a public site owes. The map has its own module."""

from collections.abc import Callable, Coroutine
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from geoportal.context import portal_of
from geoportal.media import render
from geoportal.portal.assets import serve_asset
from geoportal.portal.carte import MAP_ROUTES
from geoportal.portal.mapstyle import LAND_LAYER
from geoportal.security.access import visible_collection, visible_collections
from ingest.jobs import KEPT_DAYS

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

# Short pages whose text is all in their template: address and template.
_TEXTS = {
    "/aide": "aide",
    "/mentions-legales": "mentions-legales",
    "/donnees-personnelles": "donnees-personnelles",
    "/accessibilite": "accessibilite",
    "/plan-du-site": "plan-du-site",
}


async def home(request: Request) -> Response:
    collections = visible_collections(portal_of(request))
    has_land = any(one.id == LAND_LAYER for one in collections)
    return render(request, "portail/accueil.html", None, couches=collections, a_un_fond=has_land)


def _text_page(template: str) -> Handler:
    async def handler(request: Request) -> Response:
        couches = visible_collections(portal_of(request))
        return render(request, f"portail/{template}.html", None, couches=couches, jours_travaux=KEPT_DAYS)

    return handler


async def filter_items(request: Request) -> Response:
    """A form sends its empty fields too: they are taken out on the way to the list, where they would be refused."""
    portal = portal_of(request)
    collection = visible_collection(request, request.path_params["layer"])
    filled = {name: value.strip() for name, value in request.query_params.items() if value.strip()}
    return RedirectResponse(portal.links.collection(collection.id, "items", query={**filled, "f": "html"}), 303)


ROUTES: list[BaseRoute] = [
    Route("/", home),
    *MAP_ROUTES,
    *(Route(path, _text_page(template)) for path, template in _TEXTS.items()),
    Route("/filtrer/{layer}", filter_items),
    Route("/static/{path:path}", serve_asset),
]
