"""What every handler needs, made once per process and found in ``request.app.state.portal``."""

from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request

from config.settings import Settings
from geoportal.links import Links
from layers.catalog import EMPTY, Catalog


@dataclass
class Portal:
    """Settings, links, templates, connections and the catalogue of the moment.

    ``catalog`` is replaced as a whole when its revision changes: a handler reads it once and keeps that value.
    """

    settings: Settings
    links: Links
    templates: Environment
    pool: AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]]
    catalog: Catalog = field(default=EMPTY)


def portal_of(request: Request) -> Portal:
    portal: Portal = request.app.state.portal
    return portal
