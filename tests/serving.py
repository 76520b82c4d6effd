"""Start the real portal for a test, on a free loopback port, and stop it by its pid."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from config.settings import ROOT, Settings

START_SECONDS = 30


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def serve(settings: Settings, *, workers: int = 2, probe: str = "/readyz", **environment: str) -> Iterator[str]:
    """Serve the portal of ``settings`` and give its base URL once it answers 200 to ``probe``."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = {
        **os.environ,
        "GEOPORTAL_DATABASE_URL": settings.effective_database_url,
        "GEOPORTAL_DATA_DIR": str(settings.data_dir),
        "GEOPORTAL_PUBLIC_URL": url,
        "GEOPORTAL_TERRITORY": settings.territory,
        **environment,
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", "geoportal.app:create_app", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", str(workers), "--loop", "uvloop", "--http", "httptools"]
    command += ["--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen(command, cwd=ROOT, env=env, start_new_session=True)
    try:
        _wait_ready(f"{url}{probe}", process)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)


def _wait_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Ask the probe until it says yes; the server has no event to offer before it listens."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"le serveur s'est arrêté avec le code {process.returncode}")
        try:
            if httpx.get(url, timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError(f"le serveur n'a pas répondu en {START_SECONDS} s")
