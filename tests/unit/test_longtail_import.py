"""pygeoapi costs a second to import and rearranges logging: neither happens before it is needed."""

import subprocess
import sys

import pytest

from config.settings import ROOT

BUILD = """
import logging
from config.settings import Settings
from geoportal.links import Links
from layers.catalog import EMPTY
before = list(logging.getLogger().handlers)
from geoportal.ogc.longtail.engine import build_engine
engine = build_engine(Settings(), Links("https://geo.exemple.fr"), EMPTY, [])
assert logging.getLogger().handlers == before, logging.getLogger().handlers
assert engine.rasters == {}
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("module", ["geoportal.ogc.longtail", "geoportal.commands.jobs"])
def test_not_imported_at_start(module: str) -> None:
    result = run(f"import sys, {module}; print([name for name in sys.modules if name.startswith('pygeoapi')])")
    assert (result.stdout.strip(), result.stderr) == ("[]", "")


def test_built_without_warning_nor_log_handler() -> None:
    result = run(BUILD)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
