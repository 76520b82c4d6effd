"""Content negotiation and the two faces of a document: JSON for programs, HTML for people."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from geoportal.context import portal_of
from geoportal.errors import ProblemError, bad_parameter


@dataclass(frozen=True, slots=True)
class Media:
    """A representation: its name in ``f=``, its media type, other types that mean the same."""

    name: str
    type: str
    also: tuple[str, ...] = ()

    def matches(self, accepted: str) -> bool:
        if accepted in (self.type.split(";")[0], *self.also) or accepted == "*/*":
            return True
        return accepted.endswith("/*") and self.type.startswith(accepted[:-1])


JSON = Media("json", "application/json")
HTML = Media("html", "text/html; charset=utf-8", ("application/xhtml+xml",))
GEOJSON = Media("json", "application/geo+json", ("application/json",))
SCHEMA = Media("json", "application/schema+json", ("application/json",))
OPENAPI = Media("json", "application/vnd.oai.openapi+json;version=3.0", ("application/json", "application/openapi+json"))


def choose(request: Request, *offers: Media) -> Media:
    """The representation asked for by ``f=``, else by Accept, else the first offer.

    Raises a 400 when ``f`` names none of them, a 406 when Accept excludes them all.
    """
    wanted = request.query_params.get("f")
    if wanted is not None:
        for offer in offers:
            if wanted in (offer.name, offer.type):
                return offer
        raise bad_parameter(
            "f", f"« {wanted[:40]} » n'est pas un format proposé ici ; formats : {', '.join(o.name for o in offers)}."
        )
    header = request.headers.get("accept", "*/*")
    for accepted in _by_preference(header):
        for offer in offers:
            if offer.matches(accepted):
                return offer
    raise ProblemError(
        406, "Format non proposé", f"Aucun format demandé n'est proposé ici ; formats : {', '.join(o.type for o in offers)}."
    )


def _by_preference(header: str) -> list[str]:
    """Media ranges of an Accept header, the preferred first; a range with q=0 is left out."""
    weighted = []
    for rank, part in enumerate(header.split(",")):
        name, *parameters = part.strip().split(";")
        quality = 1.0
        for parameter in parameters:
            label, _, value = parameter.strip().partition("=")
            if label == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        if quality > 0:
            weighted.append((-quality, rank, name.strip().lower()))
    return [name for _, _, name in sorted(weighted)]


def dumps(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str).encode()


def render(request: Request, template: str, document: Any, status: int = 200, **context: Any) -> Response:
    """The HTML face of a document."""
    portal = portal_of(request)
    text = portal.templates.get_template(template).render(doc=document, portal=portal, request=request, **context)
    return Response(text, status, media_type=HTML.type)


def respond(
    request: Request,
    document: Mapping[str, Any],
    template: str,
    *,
    media: Media = JSON,
    headers: Mapping[str, str] | None = None,
    status: int = 200,
    **context: Any,
) -> Response:
    """Answer with ``document`` as ``media`` (JSON by default) or as the page made by ``template``."""
    if choose(request, media, HTML) is HTML:
        response = render(request, template, document, status, **context)
    else:
        response = Response(dumps(document), status, media_type=media.type)
    response.headers.update(headers or {})
    response.headers["Vary"] = "Accept"
    return response
