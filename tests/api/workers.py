"""A worker process of the portal for tests, as « ./portail worker » starts it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from config.settings import ROOT, Settings


@contextmanager
def portal_worker(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker on the database of ``settings``; it is asked to stop at the end, and must stop well."""
    env = {
        **os.environ,
        "GEOPORTAL_DATABASE_URL": settings.effective_database_url,
        "GEOPORTAL_DATA_DIR": str(settings.data_dir),
        "GEOPORTAL_TERRITORY": settings.territory,
    }
    process = subprocess.Popen([sys.executable, "-m", "geoportal", "worker"], cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    try:
        yield process
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait(10)
