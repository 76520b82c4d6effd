"""The outside programs that the bench needs; as root it installs those that are missing."""

import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import psycopg

PACKAGES = {"wrk": "wrk", "ogr2ogr": "gdal-bin"}
INSTALL_SECONDS = 300


class MissingToolError(RuntimeError):
    """A program is missing and cannot be installed from here."""


def ensure_tools(say: Callable[[str], None]) -> None:
    """Make sure that wrk and ogr2ogr are there; raises MissingToolError with what to install."""
    missing = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if not missing:
        return
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"Installation de {', '.join(missing)}…")
        subprocess.run(command, capture_output=True, timeout=INSTALL_SECONDS, check=False)
    if absent := [package for program, package in PACKAGES.items() if shutil.which(program) is None]:
        raise MissingToolError(
            f"Il manque des programmes : installez-les par « apt-get install {' '.join(absent)} », puis recommencez."
        )


def describe_machine(database_url: str) -> dict[str, Any]:
    """What the figures depend on: processor, cores, memory, versions."""
    with psycopg.connect(database_url) as conn:
        row = conn.execute(
            "SELECT current_setting('server_version'), postgis_lib_version(), current_setting('shared_buffers')"
        ).fetchone()
    postgresql, postgis, buffers = row or ("?", "?", "?")
    return {
        "coeurs": len(os.sched_getaffinity(0)),
        "memoire_go": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "charge_au_depart": round(os.getloadavg()[0], 2),
        "systeme": platform.platform(),
        "python": platform.python_version(),
        "postgresql": postgresql,
        "postgis": postgis,
        "shared_buffers": buffers,
    }
