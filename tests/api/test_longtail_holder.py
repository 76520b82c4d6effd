"""The engine follows the catalogue itself, not only its number."""

import asyncio
from dataclasses import replace
from typing import Any

from psycopg import Connection

from config.database import read_pool
from config.settings import Settings
from geoportal.context import Portal
from geoportal.links import Links
from geoportal.ogc.longtail.holder import engine_holder
from geoportal.templating import make_environment
from layers.catalog import Catalog, read_catalog
from tests.layer_samples import publish_squares


def test_a_transaction_that_commits_late_is_seen(conn: Connection[tuple[Any, ...]], settings: Settings) -> None:
    publish_squares(conn, {"a": (1, 0)})
    before = read_catalog(conn)
    publish_squares(conn, {"a": (2, 0)})
    # It took its number before the first reading and committed after: the number says nothing, the content does.
    after = replace(read_catalog(conn), revision=before.revision)
    asyncio.run(_follow(settings, before, after))


async def _follow(settings: Settings, before: Catalog, after: Catalog) -> None:
    async with read_pool(settings) as pool:
        portal = Portal(settings, Links(settings.public_url), make_environment(settings), pool)
        holder = engine_holder(portal)
        portal.catalog = before
        first = await holder.get(portal)
        assert await holder.get(portal) is first
        portal.catalog = after
        second = await holder.get(portal)
        assert second is not first
        assert second.api.manager.catalog is after
