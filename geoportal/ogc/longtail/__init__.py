"""The long tail of the OGC API: processes and jobs, coverages, EDR and STAC. The only package that uses pygeoapi.

pygeoapi is a library here: its handlers run in threads, on a configuration made from our catalogue, and only the door
(the routes of this package) is seen from outside. It never serves a collection that ours serves as features.
"""

from geoportal.context import Portal
from geoportal.links import JSON, link
from geoportal.ogc.longtail import coverage_routes, process_routes
from geoportal.ogc.longtail.openapi import fragment
from geoportal.ogc.part import Json, Part

_PROCESSES = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf"
_COVERAGES = "http://www.opengis.net/spec/ogcapi-coverages-1/1.0/conf"
_EDR = "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf"

# pygeoapi announces more than it does: callbacks are refused here (they would let anyone make the server call any
# address), and rasters have neither time nor several fields, so that those classes are left out.
CONFORMANCE = (
    *(f"{_PROCESSES}/{name}" for name in ("core", "ogc-process-description", "json", "html", "oas30", "dismiss")),
    *(f"{_COVERAGES}/{name}" for name in ("core", "geodata-coverage", "coverage-subset", "coverage-bbox", "oas30")),
    *(f"{_EDR}/{name}" for name in ("core", "collections", "covjson", "oas30")),
)


def _landing_links(portal: Portal) -> list[Json]:
    ogc = portal.links.ogc
    return [
        link(ogc("processes"), "http://www.opengis.net/def/rel/ogc/1.0/processes", JSON, "Les traitements"),
        link(ogc("jobs"), "http://www.opengis.net/def/rel/ogc/1.0/job-list", JSON, "Vos travaux"),
        link(ogc("stac"), "child", JSON, "Catalogue STAC des rasters"),
    ]


PART = Part(
    conformance=CONFORMANCE,
    routes=[*process_routes.ROUTES, *coverage_routes.ROUTES],
    landing_links=_landing_links,
    collections=coverage_routes.coverage_collections,
    openapi=fragment,
)
