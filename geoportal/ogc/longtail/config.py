"""The configuration that pygeoapi is given: a pure function of the settings, the catalogue and the rasters."""

from collections.abc import Sequence

from config.settings import Settings
from geoportal.links import JSON, Links
from geoportal.ogc.part import Json
from geoportal.processes import PROCESSES
from ingest.derived.rasters import Raster
from layers.catalog import Catalog
from layers.crs import CRS84_URI, from_srid

PACKAGE = "geoportal.ogc.longtail"
GEOTIFF = "image/tiff; application=geotiff"
STAC_COLLECTION = "rasters"
DEFAULT_PAGE = 20
MAX_PAGE = 1000


def pygeoapi_config(settings: Settings, links: Links, catalog: Catalog, rasters: Sequence[Raster]) -> Json:
    """One resource per process and per raster that may be served."""
    served = served_rasters(catalog, rasters)
    resources = {name: _process(name) for name in PROCESSES}
    resources |= {raster.id: _coverage(settings, raster) for raster in served}
    if served:
        resources[STAC_COLLECTION] = _stac(links, served)
    return {
        "server": {
            "url": f"{links.root}/ogc",
            "mimetype": JSON,
            "encoding": "utf-8",
            "languages": ["fr"],
            "limits": {"default_items": DEFAULT_PAGE, "max_items": MAX_PAGE, "on_exceed": "throttle"},
        },
        "logging": {"level": "CRITICAL"},
        "metadata": _metadata(settings, links),
        "resources": resources,
    }


def served_rasters(catalog: Catalog, rasters: Sequence[Raster]) -> list[Raster]:
    """The rasters whose source layers everybody may read. One that bears the name of a layer gives way: we serve the layer."""
    public = {collection.id for collection in catalog if collection.is_public}
    return [raster for raster in rasters if raster.id not in catalog.collections and public.issuperset(raster.sources)]


def _metadata(settings: Settings, links: Links) -> Json:
    portal = settings.portal
    return {
        "identification": {
            "title": f"{portal['titre']} : {settings.territory_info.name}",
            "description": f"Les données géographiques publiées par {portal['editeur']}.",
            "keywords": ["géoportail", settings.territory_info.name],
            "keywords_type": "theme",
            "terms_of_service": links.url("mentions-legales"),
            "url": links.root,
        },
        "license": {"name": "Chaque couche porte sa licence", "url": links.ogc("collections")},
        "provider": {"name": portal["editeur"], "url": links.root},
        "contact": {"name": portal["editeur"], "email": portal["courriel"]},
    }


def _process(name: str) -> Json:
    return {"type": "process", "processor": {"name": f"{PACKAGE}.manager.Processor", "process": name}}


def _coverage(settings: Settings, raster: Raster) -> Json:
    one = raster.definition
    provider = {"data": str(raster.file(settings.data_dir)), "raster": raster, "storage_crs": from_srid(one.srid).uri}
    return {
        "type": "collection",
        "title": one.title,
        "description": one.description,
        "keywords": list(one.keywords),
        "links": [],
        "extents": {"spatial": {"bbox": list(one.bbox), "crs": CRS84_URI}},
        "providers": [
            provider
            | {
                "type": "coverage",
                "name": f"{PACKAGE}.providers.CoverageProvider",
                "format": {"name": "GTiff", "mimetype": GEOTIFF},
            },
            provider | {"type": "edr", "name": f"{PACKAGE}.providers.EdrProvider"},
        ],
    }


def _stac(links: Links, rasters: Sequence[Raster]) -> Json:
    return {
        "type": "stac-collection",
        "title": "Rasters calculés par le portail",
        "description": "Les rasters que le portail calcule à partir de ses couches, avec les éditions dont ils sont issus.",
        "keywords": ["raster"],
        "links": [],
        "extents": {},
        "providers": [
            {
                "type": "stac",
                "name": f"{PACKAGE}.providers.StacProvider",
                "data": STAC_COLLECTION,
                "rasters": rasters,
                "links": links,
            }
        ],
    }
