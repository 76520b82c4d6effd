"""A collection as the API describes it."""

from collections.abc import Sequence

from geoportal.context import Portal
from geoportal.links import HTML as HTML_TYPE
from geoportal.links import JSON as JSON_TYPE
from geoportal.links import link
from geoportal.ogc.part import Json, Part
from layers.catalog import Collection
from layers.crs import CRS84_URI, from_srid, offered


def collection_document(portal: Portal, collection: Collection, parts: Sequence[Part]) -> Json:
    """Identity, extent, licence, CRS, edition, and the links that each part of the API adds."""
    layer, edition = collection.layer, collection.edition
    href = portal.links.collection(layer.id)
    document: Json = {
        "id": layer.id,
        "title": layer.title,
        "description": layer.description,
        "attribution": layer.credit,
        "keywords": list(layer.keywords),
        "theme": layer.theme,
        "itemType": "feature",
        "extent": _extent(collection),
        "crs": [crs.uri for crs in offered(portal.settings.territory_info.srids)],
        "storageCrs": from_srid(collection.srid).uri,
        "edition": edition.number,
        "updated": edition.published_at.isoformat(timespec="seconds"),
        "numberOfItems": edition.total,
    }
    if layer.fictif:
        document["FICTIF"] = True
    document["links"] = [
        link(href, "self", JSON_TYPE, "Cette couche"),
        link(f"{href}?f=html", "alternate", HTML_TYPE, "Cette couche à lire"),
        *([link(layer.licence.href, "license", HTML_TYPE, layer.licence.label)] if layer.licence.href else []),
        *(one for part in parts for one in part.collection_links(portal, collection)),
    ]
    return document


def _extent(collection: Collection) -> Json:
    """Spatial extent in CRS84; the temporal one runs from the edition's instant, since the data say nothing else."""
    edition = collection.edition
    since = edition.published_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    extent: Json = {"temporal": {"interval": [[since, None]], "trs": "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"}}
    if edition.bbox:
        extent["spatial"] = {"bbox": [list(edition.bbox)], "crs": CRS84_URI}
    return extent
