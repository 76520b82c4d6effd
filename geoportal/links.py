"""The one link builder: every ``href`` of the portal is made here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

JSON = "application/json"
GEOJSON = "application/geo+json"
HTML = "text/html"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
SCHEMA = "application/schema+json"
MVT = "application/vnd.mapbox-vector-tile"
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Links:
    """Absolute addresses under one public root, such as ``https://geo.exemple.fr``."""

    root: str

    def url(self, *parts: str, query: Mapping[str, Any] | None = None) -> str:
        """Join path parts (each one escaped) and a query, whose None values are left out."""
        path = "/".join(quote(part, safe="{}:~") for part in parts)
        kept = {name: value for name, value in (query or {}).items() if value is not None}
        return f"{self.root}/{path}" + (f"?{urlencode(kept, safe=',:/{}', quote_via=quote)}" if kept else "")

    def ogc(self, *parts: str, query: Mapping[str, Any] | None = None) -> str:
        """An address under the OGC API root; without parts, the landing page."""
        return self.url("ogc", *parts, query=query) if parts else f"{self.root}/ogc/"

    def collection(self, layer_id: str, *parts: str, query: Mapping[str, Any] | None = None) -> str:
        return self.ogc("collections", layer_id, *parts, query=query)


def link(href: str, rel: str, media_type: str, title: str = "", *, templated: bool = False, **more: Any) -> dict[str, Any]:
    """A link object of the OGC API standards (RFC 8288 members)."""
    out: dict[str, Any] = {"href": href, "rel": rel, "type": media_type}
    if title:
        out["title"] = title
    if templated:
        out["templated"] = True
    return out | more
