"""The portal as one ASGI application: ``uvicorn --factory geoportal.app:create_app``."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from config.database import read_pool
from config.settings import Settings
from geoportal import downloads, health
from geoportal.context import Portal
from geoportal.edge import Edge
from geoportal.hot import HotCache
from geoportal.links import Links
from geoportal.ogc import api
from geoportal.ogc.tile_endpoint import TileEndpoint, close_tiles
from geoportal.portal.pages import ROUTES as PAGES
from geoportal.templating import make_environment
from layers.catalog import Catalog, follow_catalog

log = logging.getLogger(__name__)

_FIRST_READ_SECONDS = 10


class GeoportalApp(Starlette):
    """Starlette's router under one middleware of ours: compression, headers and errors are decided in one place."""

    def __init__(self, settings: Settings, routes: list[BaseRoute]) -> None:
        super().__init__(routes=routes, lifespan=_lifespan)
        self.state.settings = settings

    def build_middleware_stack(self) -> ASGIApp:
        settings: Settings = self.state.settings
        hot = HotCache(settings.hot_cache_mb * 1_000_000)
        return Edge(self.router, TileEndpoint(self.state), self.state, hot)


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    async with read_pool(settings) as pool:
        portal = Portal(settings, Links(settings.public_url), make_environment(settings), pool)
        app.state.portal = portal

        async def adopt(catalog: Catalog) -> None:
            portal.catalog = catalog
            log.info("catalogue en révision %s : %s couches", catalog.revision, len(catalog.collections))

        first_read = asyncio.Event()

        def mark_read() -> None:
            portal.catalog_read_at = time.monotonic()
            first_read.set()

        follower = asyncio.create_task(follow_catalog(settings.effective_database_url, adopt, mark_read))
        # Asked before it knows its layers, a process would say that they do not exist. Without a database it starts all
        # the same, answers 503, and mends by itself.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(first_read.wait(), _FIRST_READ_SECONDS)
        try:
            yield
        finally:
            follower.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await follower
            await close_tiles(portal)


def create_app(settings: Settings | None = None) -> GeoportalApp:
    """Build the application; ``settings`` come from the environment unless given."""
    settings = settings or Settings()
    return GeoportalApp(settings, [*health.ROUTES, Mount("/ogc", routes=api.ROUTES), *downloads.ROUTES, *PAGES])
