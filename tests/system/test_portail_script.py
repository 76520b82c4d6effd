"""The shell script at the root: found from anywhere, quick when all is ready, clear when it cannot install."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from config.settings import ROOT

TOOLS = (
    "dash",
    "sh",
    "cat",
    "cksum",
    "dirname",
    "basename",
    "readlink",
    "id",
    "grep",
    "sed",
    "ls",
    "sort",
    "head",
    "tail",
    "mkdir",
    "tee",
)


def checksum(*paths: Path) -> str:
    content = b"".join(path.read_bytes() for path in paths)
    return subprocess.run(["cksum"], input=content, capture_output=True, check=True).stdout.decode().strip()


@pytest.fixture
def checkout(open_folder: Path) -> Path:
    """A checkout in a folder with spaces, whose Python only tells what it is asked."""
    root = open_folder / "géo portail"
    programs = root / ".venv" / "bin"
    programs.mkdir(parents=True)
    shutil.copy(ROOT / "portail", root)
    for name in ("requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, root)
    python = programs / "python"
    python.write_text(
        '#!/bin/sh\n[ "$1" = -V ] && { echo "Python 3.11.0"; exit; }\nprintf "<%s>" "$PYTHONPATH" "$PWD" "$@"\n', encoding="utf-8"
    )
    python.chmod(0o755)
    for lock, stamp in (("requirements.txt", ".portail"), ("requirements-dev.txt", ".portail-essais")):
        (root / ".venv" / stamp).write_text(f"Python 3.11.0 {checksum(root / lock)}\n", encoding="utf-8")
    return root


def restricted_path(folder: Path) -> str:
    """A search path with the ordinary tools only: no sudo, no node, no apt-get."""
    programs = folder / "programmes"
    programs.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        if found:
            (programs / name).symlink_to(found)
    return str(programs)


def test_called_from_another_folder_through_a_link(checkout: Path, open_folder: Path) -> None:
    link = open_folder / "lien"
    link.symlink_to(checkout / "portail")
    done = subprocess.run(
        [str(link), "publish", "un fichier.gpkg"], cwd=open_folder, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == f"<{checkout}><{open_folder}><-P><-m><geoportal><publish><un fichier.gpkg>"
    assert done.stderr == ""


def test_it_adds_little_when_all_is_ready(checkout: Path) -> None:
    def duration() -> float:
        started = time.monotonic()
        subprocess.run([str(checkout / "portail"), "test"], capture_output=True, timeout=30, check=True)
        return time.monotonic() - started

    assert min(duration() for _ in range(3)) < 0.2


def test_a_changed_lock_file_is_installed_again(checkout: Path) -> None:
    (checkout / "requirements.txt").write_text("click==1.0 --hash=sha256:00\n", encoding="utf-8")
    done = subprocess.run([str(checkout / "portail"), "editions"], capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr.startswith("Environnement Python : installation des bibliothèques du portail.\n")
    log = (checkout / "var" / "installation.log").read_text(encoding="utf-8")
    assert "<pip><install>" in log
    assert "<--require-hashes>" in log
    again = subprocess.run([str(checkout / "portail"), "editions"], capture_output=True, text=True, timeout=30, check=True)
    assert again.stderr == ""


def test_without_rights_it_names_the_packages_and_stops(checkout: Path, open_folder: Path) -> None:
    (checkout / "package.json").write_text("{}", encoding="utf-8")
    apt = open_folder / "programmes" / "apt-get"
    path = restricted_path(open_folder)
    apt.symlink_to("/bin/false")
    identity = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    (checkout / "var").mkdir()
    (checkout / "var").chmod(0o777)
    done = subprocess.run(
        [str(checkout / "portail"), "up"],
        env={"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        **identity,  # type: ignore[call-overload, unused-ignore]
    )
    assert done.returncode == 1
    assert "Erreur : il manque des paquets du système, et ce compte ne peut pas les installer." in done.stderr
    assert "apt-get install nodejs npm" in done.stderr
    assert done.stdout == "", "Python was not reached"


@pytest.mark.parametrize(("verb", "status"), [("doctor", 1), ("status", 1), ("down", 0)])
def test_verbs_that_look_install_nothing(checkout: Path, verb: str, status: int) -> None:
    shutil.rmtree(checkout / ".venv")
    done = subprocess.run([str(checkout / "portail"), verb], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == status
    assert "Le portail n'est pas installé" in done.stderr
    assert not (checkout / ".venv").exists()


def test_the_integration_server_runs_the_same_command() -> None:
    assert "./portail test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for script in (ROOT / "portail", ROOT / ".ci" / "run"):
        assert os.access(script, os.X_OK)
        assert "://" not in script.read_text(encoding="utf-8")
