"""Who may read what, decided once per request from the layer's rule, before any cache."""

from starlette.requests import Request

from geoportal.context import Portal, portal_of
from layers.catalog import Collection, UnknownLayerError


def visible_collection(request: Request, layer_id: str) -> Collection:
    """The collection, or UnknownLayerError: a layer that one may not read does not show that it exists."""
    collection = portal_of(request).catalog.get(layer_id)
    if not collection.is_public:
        raise UnknownLayerError(layer_id)
    return collection


def visible_collections(portal: Portal) -> list[Collection]:
    """The collections that everybody may read, in catalogue order."""
    return [collection for collection in portal.catalog if collection.is_public]
