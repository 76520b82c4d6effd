"""A folder of one's own for a private cluster, that the account of PostgreSQL may enter, and that leaves nothing behind."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from geoportal.setup.accounts import cluster_account
from geoportal.setup.cluster import Cluster
from geoportal.setup.postgres import find_installations


def make_cluster(data_dir: Path, shelters: Path) -> Cluster:
    return Cluster(data_dir, cluster_account(), shelters=shelters, installations=tuple(find_installations()))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder, with a space and an accent in its name, that every account may enter."""
    folder = Path(tempfile.mkdtemp(prefix="essai é "))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def cluster(open_folder: Path) -> Iterator[Cluster]:
    """A private cluster not yet made; stopped at the end."""
    made = make_cluster(open_folder / "var", open_folder / "abris")
    yield made
    made.stop()
