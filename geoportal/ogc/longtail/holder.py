"""The engine of the moment, made when first asked for and made again when the catalogue changes."""

import asyncio
from typing import TYPE_CHECKING

import anyio.to_thread
from starlette.requests import Request

from geoportal.context import Portal, portal_of
from ingest.derived.rasters import fetch_rasters

if TYPE_CHECKING:
    from geoportal.ogc.longtail.engine import Engine


class EngineHolder:
    """pygeoapi takes a second to import: it is imported in a thread, at the first request that needs it."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._building = asyncio.Lock()

    async def get(self, portal: Portal) -> "Engine":
        """The engine for the portal's present catalogue."""
        if self._engine is None or not self._engine.is_of(portal.catalog):
            async with self._building:
                if self._engine is None or not self._engine.is_of(portal.catalog):
                    self._engine = await _build(portal)
        return self._engine


async def _build(portal: Portal) -> "Engine":
    catalog = portal.catalog
    async with portal.pool.connection() as conn:
        registered = await fetch_rasters(conn)

    def build() -> "Engine":
        from geoportal.ogc.longtail.engine import build_engine

        # On a host that does not share the data directory, a raster is absent rather than broken.
        rasters = [raster for raster in registered if raster.file(portal.settings.data_dir).is_file()]
        return build_engine(portal.settings, portal.links, catalog, rasters)

    return await anyio.to_thread.run_sync(build)


def engine_holder(portal: Portal) -> EngineHolder:
    """The holder of this process."""
    holder: EngineHolder = portal.kept.setdefault("longtail", EngineHolder())
    return holder


async def engine_of(request: Request) -> "Engine":
    """The engine for the application that received the request."""
    portal = portal_of(request)
    return await engine_holder(portal).get(portal)
