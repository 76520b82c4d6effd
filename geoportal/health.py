"""Is the process alive; can it answer."""

import time

import psycopg
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from geoportal.context import portal_of

# The catalogue is read again every quarter of a minute at least.
_STALE_SECONDS = 60


async def healthz(_request: Request) -> Response:
    """The process runs its event loop."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """The catalogue is read and the database answers."""
    portal = portal_of(request)
    if portal.catalog.revision == 0:
        return PlainTextResponse("catalogue non chargé\n", 503)
    if time.monotonic() - portal.catalog_read_at > _STALE_SECONDS:
        return PlainTextResponse("catalogue plus suivi\n", 503)
    try:
        async with portal.pool.connection(timeout=2) as conn:
            await conn.execute("SELECT 1")
    except (psycopg.Error, PoolTimeout):
        return PlainTextResponse("base de données injoignable\n", 503)
    return PlainTextResponse("prêt\n")


ROUTES = [Route("/healthz", healthz), Route("/readyz", readyz)]
