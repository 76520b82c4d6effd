"""What every handler needs, made once per process and found in ``request.app.state.portal``."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment
from starlette.requests import Request

from config.database import Pool
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
    pool: Pool
    catalog: Catalog = field(default=EMPTY)
    catalog_read_at: float = 0.0  # monotonic seconds; says whether the catalogue is still followed
    kept: dict[str, Any] = field(default_factory=dict)  # what a capability makes once and keeps, by its name
    export_slots: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self.export_slots = asyncio.Semaphore(self.settings.max_exports)


def portal_of(request: Request) -> Portal:
    portal: Portal = request.app.state.portal
    return portal
