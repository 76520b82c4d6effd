"""STAC 1.0.0 documents of the rasters, as values."""

from collections.abc import Sequence
from datetime import UTC

from geoportal.links import GEOJSON, HTML, JSON, Links, link
from geoportal.ogc.longtail.config import GEOTIFF, STAC_COLLECTION
from geoportal.ogc.part import Json
from ingest.derived.rasters import Raster, RasterDefinition

VERSION = "1.0.0"
_PROJECTION = "https://stac-extensions.github.io/projection/v1.1.0/schema.json"


def stac_root(links: Links, title: str, description: str, *, has_rasters: bool) -> Json:
    """The catalogue at the top."""
    href = links.ogc("stac")
    children = [link(links.ogc("stac", STAC_COLLECTION), "child", JSON, "Rasters calculés par le portail")] if has_rasters else []
    return {
        "type": "Catalog",
        "stac_version": VERSION,
        "id": "geoportail",
        "title": title,
        "description": description,
        "links": [link(href, "self", JSON, "Ce catalogue"), link(href, "root", JSON, "Ce catalogue"), *children],
    }


def stac_collection(links: Links, rasters: Sequence[Raster]) -> Json:
    """Every raster in one collection; the instants are those of their computation."""
    href = links.ogc("stac", STAC_COLLECTION)
    boxes = [raster.definition.bbox for raster in rasters]
    outer = [min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)]
    instants = sorted(_instant(raster) for raster in rasters)
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "id": STAC_COLLECTION,
        "title": "Rasters calculés par le portail",
        "description": "Les rasters que le portail calcule à partir de ses couches, avec les éditions dont ils sont issus.",
        "license": rasters[0].definition.licence if len({one.definition.licence for one in rasters}) == 1 else "various",
        "extent": {
            "spatial": {"bbox": [outer, *([list(box) for box in boxes] if len(boxes) > 1 else [])]},
            "temporal": {"interval": [[instants[0], instants[-1]]]},
        },
        "links": [
            link(href, "self", JSON, "Cette collection"),
            link(links.ogc("stac"), "root", JSON, "Le catalogue"),
            link(links.ogc("stac"), "parent", JSON, "Le catalogue"),
            link(rasters[0].definition.licence_url, "license", HTML, "Licence"),
            *(
                link(links.ogc("stac", STAC_COLLECTION, raster.id), "item", GEOJSON, raster.definition.title)
                for raster in rasters
            ),
        ],
    }


def stac_item(links: Links, raster: Raster) -> Json:
    """One raster; its asset is the whole coverage as a GeoTIFF."""
    one = raster.definition
    href = links.ogc("stac", STAC_COLLECTION, raster.id)
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": [_PROJECTION],
        "id": raster.id,
        "collection": STAC_COLLECTION,
        "bbox": list(one.bbox),
        "geometry": _rectangle(one),
        "properties": {
            "datetime": _instant(raster),
            "title": one.title,
            "description": one.description,
            "gsd": one.resolution,
            "proj:epsg": one.srid,
            "proj:bbox": list(one.bounds),
            "proj:shape": [one.height, one.width],
            "editions": dict(raster.sources),
        },
        "links": [
            link(href, "self", GEOJSON, "Cet objet"),
            link(links.ogc("stac"), "root", JSON, "Le catalogue"),
            link(links.ogc("stac", STAC_COLLECTION), "parent", JSON, "La collection"),
            link(links.ogc("stac", STAC_COLLECTION), "collection", JSON, "La collection"),
            link(links.collection(raster.id), "related", JSON, "La même donnée comme couverture"),
        ],
        "assets": {
            "data": {
                "href": links.collection(raster.id, "coverage", query={"f": "GTiff"}),
                "type": GEOTIFF,
                "title": one.field_title,
                "roles": ["data"],
            }
        },
    }


def _instant(raster: Raster) -> str:
    return raster.updated_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _rectangle(one: RasterDefinition) -> Json:
    west, south, east, north = one.bbox
    return {"type": "Polygon", "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]]}
