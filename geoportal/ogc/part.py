"""A part of the one OGC API: what each capability declares, so that the root documents only concatenate."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.routing import BaseRoute

from geoportal.context import Portal
from layers.catalog import Collection

Json = dict[str, Any]


@dataclass(frozen=True)
class OpenApiFragment:
    """Paths (relative to ``/ogc``), components and tags that a part adds to the OpenAPI document."""

    paths: Json = field(default_factory=dict)
    parameters: Json = field(default_factory=dict)
    schemas: Json = field(default_factory=dict)
    responses: Json = field(default_factory=dict)
    tags: tuple[Json, ...] = ()


def _no_links(_portal: Portal) -> list[Json]:
    return []


def _no_collection_links(_portal: Portal, _collection: Collection) -> list[Json]:
    return []


async def _no_collections(_portal: Portal) -> list[Json]:
    return []


def _no_openapi(_portal: Portal) -> OpenApiFragment:
    return OpenApiFragment()


@dataclass(frozen=True)
class Part:
    """Routes are relative to ``/ogc``; conformance classes are the URIs that the part really passes."""

    conformance: tuple[str, ...]
    routes: Sequence[BaseRoute]
    landing_links: Callable[[Portal], list[Json]] = _no_links
    collection_links: Callable[[Portal, Collection], list[Json]] = _no_collection_links
    # Documents of collections that are not layers (coverages), complete with their links.
    collections: Callable[[Portal], Awaitable[list[Json]]] = _no_collections
    openapi: Callable[[Portal], OpenApiFragment] = _no_openapi
