"""PostgreSQL on this machine: which versions are installed, and whether PostGIS comes with them."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from geoportal.setup.errors import SetupError

MINIMUM_MAJOR = 14
DEBIAN_ROOT = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Installation:
    """One PostgreSQL: its major version, the folder of its programs and that of its shared files."""

    major: int
    bin: Path
    share: Path

    @property
    def has_postgis(self) -> bool:
        return (self.share / "extension" / "postgis.control").exists()

    def program(self, name: str) -> str:
        return str(self.bin / name)


def find_installations(root: Path = DEBIAN_ROOT) -> list[Installation]:
    """List what is installed, oldest first: Debian's folders, then the programs of the search path."""
    folders = [path.parent for path in root.glob("*/bin/initdb")]
    on_path = shutil.which("initdb") if root == DEBIAN_ROOT else None
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    found = {folder: installation for folder in folders if (installation := _inspect(folder))}
    return sorted(found.values(), key=lambda installation: installation.major)


def _inspect(folder: Path) -> Installation | None:
    try:
        answer = subprocess.run(
            [str(folder / "pg_config"), "--version", "--sharedir"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version, share = answer.stdout.splitlines()[:2]  # « PostgreSQL 15.18 (Debian …) », or 17beta1
    major = re.search(r"\d+", version)
    return Installation(int(major.group()), folder, Path(share)) if major else None


def choose_installation(found: Sequence[Installation], wanted: int | None = None) -> Installation:
    """Take the version that an existing cluster needs (``wanted``), otherwise the newest one that has PostGIS.

    Raises SetupError, with the packages to install, when there is none.
    """
    if wanted is not None:
        found = [installation for installation in found if installation.major == wanted]
        if not found:
            raise SetupError(
                f"La grappe privée est au format de PostgreSQL {wanted}, qui n'est plus installé.",
                f"Installez-le : {install_command(wanted)}",
            )
    if not found:
        raise SetupError("PostgreSQL est introuvable sur cette machine.", f"Installez-le : {install_command(None)}")
    newest = found[-1].major
    recent = [installation for installation in found if installation.major >= MINIMUM_MAJOR]
    if not recent:
        raise SetupError(
            f"PostgreSQL {newest} est trop ancien : il faut la version {MINIMUM_MAJOR} ou une plus récente.",
            "Mettez le système à niveau, ou donnez une autre base dans GEOPORTAL_DATABASE_URL.",
        )
    usable = [installation for installation in recent if installation.has_postgis]
    if not usable:
        raise SetupError(f"PostGIS manque à PostgreSQL {newest}.", f"Installez-le : {install_command(newest)}")
    return usable[-1]


def install_command(major: int | None) -> str:
    """The Debian or Ubuntu command that brings PostgreSQL with PostGIS."""
    if major is None:
        return "sudo apt install postgresql postgis"
    return f"sudo apt install postgresql-{major} postgresql-{major}-postgis-3 postgresql-{major}-postgis-3-scripts"
