"""The register of derived rasters: what each one is, its file, and the editions it was computed from."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection, Connection
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict, ValidationError

from layers.model import Identifier
from layers.statements import statement

log = logging.getLogger(__name__)

SQL = Path(__file__).resolve().parent.parent / "sql"
FOLDER = "rasters"


class RasterDefinition(BaseModel):
    """A one-band raster.

    ``bounds`` is (left, bottom, right, top) in the CRS ``srid``, ``bbox`` (west, south, east, north) in degrees;
    ``resolution`` is the side of a cell in the unit of the CRS.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Identifier
    title: str
    description: str
    keywords: tuple[str, ...] = ()
    srid: int
    bounds: tuple[float, float, float, float]
    bbox: tuple[float, float, float, float]
    width: int
    height: int
    resolution: float
    field: str
    field_title: str
    unit: str
    attribution: str
    licence: str
    licence_url: str


@dataclass(frozen=True)
class Raster:
    """A registered raster. ``path`` is relative to the data directory; ``sources`` gives the edition of each layer used."""

    definition: RasterDefinition
    path: str
    sources: Mapping[str, int]
    updated_at: datetime

    @property
    def id(self) -> str:
        return self.definition.id

    @property
    def version(self) -> str:
        """Changes each time the raster is computed."""
        return f"{self.id}-{self.updated_at.timestamp():.6f}"

    def file(self, data_dir: Path) -> Path:
        return data_dir / self.path


def _from_rows(rows: list[tuple[Any, ...]]) -> list[Raster]:
    """The rasters of the register. One that an older portal described otherwise is left out until it is computed again."""
    rasters = []
    for definition, *rest in rows:
        try:
            rasters.append(Raster(RasterDefinition.model_validate(definition), *rest))
        except ValidationError as error:
            log.warning("raster %s mis de côté jusqu'à son prochain calcul : %s", definition.get("id"), error)
    return rasters


def read_rasters(conn: Connection[Any]) -> list[Raster]:
    """Every registered raster, by identifier (commands and workers)."""
    return _from_rows(conn.execute(statement("raster_list", SQL)).fetchall())


async def fetch_rasters(conn: AsyncConnection[Any]) -> list[Raster]:
    """Every registered raster, by identifier (web processes)."""
    return _from_rows(await (await conn.execute(statement("raster_list", SQL))).fetchall())


def register(conn: Connection[Any], definition: RasterDefinition, path: str, sources: Mapping[str, int]) -> None:
    """Publish a raster under its identifier; the catalogue's revision moves, so that every process follows."""
    values = {
        "id": definition.id,
        "definition": Jsonb(definition.model_dump(mode="json")),
        "path": path,
        "sources": Jsonb(dict(sources)),
    }
    conn.execute(statement("raster_upsert", SQL), values)
