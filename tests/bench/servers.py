"""Real uvicorn processes on free loopback ports, the same options for the portal and for the bare "hello"."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.settings import ROOT

START_SECONDS = 30
STOP_SECONDS = 10
SAMPLE_SECONDS = 0.05
PORTAL = ("--factory", "geoportal.app:create_app")
HELLO = ("tests.bench.hello:app",)


class ServerError(RuntimeError):
    """The server did not start."""


@dataclass(frozen=True)
class Server:
    """A server that answers: its base URL and the pid of its first process."""

    url: str
    pid: int

    @property
    def address(self) -> str:
        """host:port"""
        return self.url.removeprefix("http://")

    def memory(self) -> int:
        """Resident bytes of the server and its descendants. Pages that they share are counted once for each."""
        return sum(_resident(pid) for pid in _family(self.pid))


@contextmanager
def uvicorn(application: tuple[str, ...], workers: int, environment: Mapping[str, str], ready: str) -> Iterator[Server]:
    """Serve ``application`` until the end of the block; ready when the path ``ready`` answers 200.

    Raises ServerError when it does not start. Its own session, so that all its processes can be ended, and no others.
    """
    port = _free_port()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        *application,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        str(workers),
    ]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    environment = {**os.environ, **environment, "GEOPORTAL_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, stdout=log, stderr=log)
        server = Server(f"http://127.0.0.1:{port}", process.pid)
        try:
            if not _is_ready(server, ready, process):
                log.seek(0)
                words = log.read().decode(errors="replace").strip().splitlines() or ["aucun message"]
                raise ServerError(f"Le serveur {application[-1]} ne répond pas sur {ready} : {words[-1]}")
            yield server
        finally:
            _stop(process)


@contextmanager
def peak_memory(server: Server) -> Iterator[list[int]]:
    """Sample the memory of ``server`` during the block; the list given holds its growth in bytes, once the block is over."""
    before = server.memory()
    growth = [0]
    over = threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLE_SECONDS):
            growth[0] = max(growth[0], server.memory() - before)

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield growth
    finally:
        over.set()
        thread.join()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _is_ready(server: Server, path: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait for a 200 on ``path``; False when the server ends or when START_SECONDS have passed."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection(server.address, timeout=2)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == http.HTTPStatus.OK:
                return True
        except OSError:
            pass  # not listening yet
        finally:
            connection.close()
        time.sleep(0.05)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and, if it lingers, all the processes of its session."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)


def _family(pid: int) -> list[int]:
    """The process and its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in _family(int(child)))]


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
