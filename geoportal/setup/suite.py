"""``test``: the checks of the code, then pytest, on a real PostGIS and a real browser."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from config.settings import ROOT, Settings
from geoportal.setup.cluster import Cluster
from geoportal.setup.console import Say
from geoportal.setup.errors import SetupError
from geoportal.setup.state import is_locked
from geoportal.setup.steps import start_cluster

_LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"
_CODE_CHECKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Style du code : ruff.", ("-m", "ruff", "check", ".")),
    ("Types : mypy.", ("-m", "mypy")),
    ("Flèches entre les dossiers : import-linter.", ("-c", _LINT_IMPORTS)),
)
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def run_suite(settings: Settings, arguments: Sequence[str], say: Say, *, no_skips: bool) -> int:
    """Run everything and return the exit status: that of pytest, or 1 when a check of the code failed.

    All parts run even after a failure; pytest is the last one, so that its summary ends the output. With
    ``no_skips``, a skipped test is a failure.
    """
    already_running = settings.data_dir.exists() and is_locked(settings.data_dir)
    cluster = start_cluster(settings, say)
    try:
        ensure_browser(say)
        failed = [sentence for sentence, command in _CODE_CHECKS if not _passes(sentence, command, say)]
        say("Essais : pytest.")
        status = _run(pytest_command(settings, arguments, no_skips=no_skips))
    finally:
        _stop_cluster(settings, cluster, keep=already_running)
    if failed:
        print(f"À corriger avant tout : {' '.join(failed)}", file=sys.stderr)
    return status or (1 if failed else 0)


def pytest_command(settings: Settings, arguments: Sequence[str], *, no_skips: bool) -> list[str]:
    """The command line of pytest, with the settings that the tests read."""
    assignments = [f"GEOPORTAL_DATA_DIR={settings.data_dir}", f"PYTHONPATH={ROOT}"]
    shared = settings.shared_data or default_shared_data()
    if shared:
        assignments.append(f"GEOPORTAL_SHARED_DATA={shared}")
    plugin = ["-p", "tests.no_skips"] if no_skips else []
    return ["/usr/bin/env", *assignments, sys.executable, "-m", "pytest", *plugin, *arguments]


def default_shared_data(root: Path = ROOT) -> Path | None:
    """The folder of real files beside the checkout, if there is one."""
    folder = root.parent / "shared" / "data"
    return folder if folder.is_dir() else None


def ensure_browser(say: Say) -> None:
    """Fetch the browser of Playwright where the system has no Chromium of its own (Ubuntu ships it as a snap)."""
    if any(shutil.which(name) for name in _BROWSERS):
        return
    say("Navigateur d'essai : récupération de celui de Playwright.")
    if _run([sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"]) != 0:
        raise SetupError("Aucun navigateur Chromium pour les essais.", "Installez-le : sudo apt install chromium")


def _passes(sentence: str, command: Sequence[str], say: Say) -> bool:
    say(sentence)
    return _run([sys.executable, *command]) == 0


def _run(command: Sequence[str]) -> int:
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _stop_cluster(settings: Settings, cluster: Cluster | None, *, keep: bool) -> None:
    """Leave the database running when a portal serves from it, or was opened meanwhile."""
    if cluster is not None and not keep and not is_locked(settings.data_dir):
        cluster.stop()
