"""``up``, ``down`` and ``status`` on this machine: a real portal, on a private cluster of its own."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import ROOT
from geoportal.setup.serve import open_socket
from geoportal.setup.state import State, is_locked, read_state
from tests.serving import free_port

SECONDS = 60


class Portal:
    """Commands against one data folder and one port."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GEOPORTAL_")}
        self.environment = {**kept, "GEOPORTAL_DATA_DIR": str(data_dir), "GEOPORTAL_WEB_WORKERS": "2"}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "geoportal", *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("up", "--no-demo", "--port", str(self.port), *arguments)

    @contextlib.contextmanager
    def foreground(self) -> Iterator[subprocess.Popen[str]]:
        """``up`` as on a terminal, from the moment it gives its address."""
        process = subprocess.Popen(
            self.command("up", "--no-demo", "--port", str(self.port)),
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            read_until(process, "Le portail est ouvert")
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=SECONDS)

    @property
    def state(self) -> State:
        state = read_state(self.data_dir)
        assert state is not None
        return state

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def answers_again(self) -> bool:
        """Ask until it answers: the connections to a database that was killed come back one by one."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.answers():
                return True
            time.sleep(0.1)
        return False

    def processes(self) -> list[str]:
        """Command lines of everything that runs for this folder, PostgreSQL included."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and entry.name != str(os.getpid()):
                with contextlib.suppress(OSError):
                    words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                    if str(self.data_dir).encode() in words:
                        found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        return found


def read_until(process: subprocess.Popen[str], sentence: str) -> list[str]:
    """Read the output up to the line that holds the sentence."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if sentence in line:
            return lines
    raise AssertionError(f"« {sentence} » n'a pas été dit : {''.join(lines)}")


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    """One data folder for the module: its cluster is made once. Each test leaves it stopped."""
    folder = Path(tempfile.mkdtemp(prefix="portail d'essai "))
    folder.chmod(0o755)
    portal = Portal(folder / "var")
    yield portal
    portal.run("down")
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def _stopped(portal: Portal) -> Iterator[None]:
    yield
    portal.run("down")


def test_up_twice_status_and_down(portal: Portal) -> None:
    first = portal.up("--detach")
    assert first.returncode == 0, first.stderr
    assert f"Le portail est ouvert : http://localhost:{portal.port}" in first.stdout
    assert portal.answers()

    started = time.monotonic()
    second = portal.up()
    assert second.returncode == 0
    assert second.stdout == f"Le portail est déjà ouvert : http://localhost:{portal.port}\n"
    assert time.monotonic() - started < 10

    status = portal.run("status")
    assert status.returncode == 0
    assert f"Portail : ouvert, http://localhost:{portal.port}" in status.stdout
    assert "arrêté" not in status.stdout

    down = portal.run("down")
    assert down.returncode == 0
    assert down.stdout.endswith("Le portail est arrêté.\n")
    assert portal.processes() == []
    assert not portal.answers()

    again = portal.run("down")
    assert (again.returncode, again.stdout) == (0, "Le portail ne tourne pas.\n")
    assert portal.run("status").returncode == 3


def test_ctrl_c_stops_everything(portal: Portal) -> None:
    with portal.foreground() as process:
        assert portal.answers()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert output.endswith("Le portail est arrêté.\n")
    assert "Traceback" not in output
    assert portal.processes() == []


def test_what_dies_is_started_again(portal: Portal) -> None:
    with portal.foreground() as process:
        children = portal.state.children
        assert len(children) == 3, "two web processes and one for the jobs"
        children["serveur web 1"].send(signal.SIGKILL)
        read_until(process, "Le serveur web 1 s'est arrêté : il redémarre")
        assert portal.answers_again()

        postmaster = int((portal.data_dir / "pg" / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        os.kill(postmaster, signal.SIGKILL)
        read_until(process, "PostgreSQL s'est arrêté : il redémarre.")
        assert portal.answers_again()


def test_a_killed_portal_leaves_nothing_in_the_way(portal: Portal) -> None:
    assert portal.up("--detach").returncode == 0
    state = portal.state
    state.main.send(signal.SIGKILL)
    assert state.main.wait(10)
    assert any(child.is_alive for child in state.children.values()), "its children survive it"

    assert portal.up("--detach").returncode == 0
    assert not any(child.is_alive for child in state.children.values())
    assert portal.answers()
    portal.state.main.send(signal.SIGKILL)
    assert portal.run("down").returncode == 0
    assert portal.processes() == []


def test_a_port_taken_is_said_before_anything_is_started(portal: Portal) -> None:
    with open_socket("127.0.0.1", portal.port):
        refused = portal.up("--detach")
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr == (
        f"Erreur : Le port {portal.port} est déjà pris par un autre programme.\n"
        f"Choisissez-en un autre : ./portail up --port {portal.port + 1}\n"
    )
    assert not is_locked(portal.data_dir)


def test_doctor_finds_what_is_wrong(portal: Portal) -> None:
    assert portal.up("--detach").returncode == 0
    healthy = portal.run("doctor")
    assert healthy.returncode == 0, healthy.stdout
    assert healthy.stdout.endswith("Tout est bon.\n")
    assert "PostGIS" in healthy.stdout

    portal.environment["GEOPORTAL_DATABASE_URL"] = "postgresql://personne@127.0.0.1:1/rien"
    try:
        ill = portal.run("doctor")
    finally:
        del portal.environment["GEOPORTAL_DATABASE_URL"]
    assert ill.returncode == 1
    assert "à corriger  Base de données : rien sur 127.0.0.1 ne répond pas" in ill.stdout
    assert "→ vérifiez GEOPORTAL_DATABASE_URL" in ill.stdout
