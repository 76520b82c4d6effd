"""Watch over the processes of the portal: start them, start again the one that dies, stop all of them together.

A process that dies is started again. One that dies three times within ten seconds of its start ends everything, with
a sentence that names its journal: a portal that half works is worse than one that says why it does not.
"""

import http.client
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from config.settings import ROOT, Settings
from geoportal.setup.cluster import Cluster
from geoportal.setup.console import Say
from geoportal.setup.errors import SetupError
from geoportal.setup.processes import kill_group
from geoportal.setup.serve import rotate_log
from geoportal.setup.state import SERVING, clear_state, write_state

READY_SECONDS = 60.0
_STOP_SECONDS = 25.0  # the worker gives the job at hand 20 s to end
_QUICK_DEATH_SECONDS = 10.0
_QUICK_DEATHS = 3
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Child:
    """One process of the portal and the arguments of ``python -m geoportal`` that start it."""

    name: str
    arguments: tuple[str, ...]
    log: Path
    descriptors: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    started: float = 0.0
    quick_deaths: int = 0

    def start(self, environment: dict[str, str]) -> None:
        """Start in a session of its own, so that Ctrl-C reaches only the supervisor, which stops things in order."""
        rotate_log(self.log)
        assignments = [f"{name}={value}" for name, value in environment.items()]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["/usr/bin/env", *assignments, sys.executable, "-m", "geoportal", "--debug", *self.arguments],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self.descriptors,
                start_new_session=True,
            )
        self.started = time.monotonic()

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def note_death(self) -> None:
        """Count the deaths that follow a start closely. Raises SetupError at the third in a row."""
        quick = time.monotonic() - self.started < _QUICK_DEATH_SECONDS
        self.quick_deaths = self.quick_deaths + 1 if quick else 1
        if self.process:
            kill_group(self.process.pid)
        if quick and self.quick_deaths >= _QUICK_DEATHS:
            raise SetupError(f"Le {self.name} s'arrête dès qu'il démarre.", f"Voyez son journal : {self.log}")

    def stop(self) -> None:
        if self.process is None:
            return
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_STOP_SECONDS)
        kill_group(self.process.pid)
        self.process.wait()


class Supervisor:
    """The portal in service: its children, its private cluster if it has one, its address."""

    def __init__(self, settings: Settings, listener: socket.socket, cluster: Cluster | None, say: Say) -> None:
        self._settings = settings
        self._listener = listener
        self._cluster = cluster
        self._say = say
        logs = settings.data_dir / "log"
        number = listener.fileno()
        self._children = [
            # All web processes take their connections from the one socket.
            *(
                Child(f"serveur web {rank}", ("serve", "--fd", str(number)), logs / "web.log", descriptors=(number,))
                for rank in range(1, settings.web_workers + 1)
            ),
            Child("processus des travaux", ("worker",), logs / "travaux.log"),
        ]
        # The settings as this process read them: a relative folder or an address drawn from the port stay the same.
        self._environment = {
            "GEOPORTAL_DATA_DIR": str(settings.data_dir),
            "GEOPORTAL_PUBLIC_URL": settings.public_url,
            "PYTHONPATH": str(ROOT),
        }

    def run(self, announce: Callable[[], None]) -> None:
        """Serve until a signal asks to stop; ``announce`` is called once, when the portal answers.

        Raises SetupError when a process cannot be kept alive or the portal does not answer in time. In every case the
        children are stopped before it returns.
        """
        with _signal_pipe() as (pipe, stopped), selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            try:
                for child in self._children:
                    child.start(self._environment)
                self._write_state()
                if self._wait_ready(selector, pipe, stopped):
                    announce()
                    self._watch(selector, pipe, stopped)
            finally:
                self._stop_children()
                clear_state(self._settings.data_dir)

    def _wait_ready(self, selector: selectors.BaseSelector, pipe: int, stopped: list[int]) -> bool:
        """Ask ``/readyz`` until it says yes; False when a signal came first."""
        deadline = time.monotonic() + READY_SECONDS
        while not stopped:
            self._restart_dead()
            if is_ready(self._listener):
                return True
            if time.monotonic() > deadline:
                raise SetupError(
                    f"Le portail ne répond pas après {READY_SECONDS:.0f} secondes.",
                    f"Voyez son journal : {self._children[0].log}",
                )
            self._wait_event(selector, pipe, 0.1)
        return False

    def _watch(self, selector: selectors.BaseSelector, pipe: int, stopped: list[int]) -> None:
        watched = self._watch_cluster(selector)
        while not stopped:
            woken = self._wait_event(selector, pipe, None)
            if stopped:
                break
            if watched in woken and self._cluster:
                selector.unregister(watched)
                os.close(watched)
                self._say("PostgreSQL s'est arrêté : il redémarre.")
                self._cluster.start()
                watched = self._watch_cluster(selector)
            self._restart_dead()

    def _watch_cluster(self, selector: selectors.BaseSelector) -> int:
        """Be woken when the private server dies; it is not our child, so no signal would tell. -1 without one."""
        postmaster = self._cluster.postmaster() if self._cluster else None
        if postmaster is None:
            return -1
        descriptor = os.pidfd_open(postmaster.pid)
        selector.register(descriptor, selectors.EVENT_READ)
        return descriptor

    @staticmethod
    def _wait_event(selector: selectors.BaseSelector, pipe: int, seconds: float | None) -> set[int]:
        woken = {key.fd for key, _ in selector.select(seconds)}
        if pipe in woken:
            with suppress(BlockingIOError):
                os.read(pipe, 512)
        return woken

    def _restart_dead(self) -> None:
        for child in self._children:
            if not child.is_alive:
                child.note_death()
                self._say(f"Le {child.name} s'est arrêté : il redémarre (journal : {child.log}).")
                child.start(self._environment)
                self._write_state()

    def _stop_children(self) -> None:
        for child in self._children:
            if child.process and child.is_alive:
                child.process.terminate()
        for child in self._children:
            child.stop()

    def _write_state(self) -> None:
        pids = [(child.name, child.process.pid) for child in self._children if child.process]
        write_state(self._settings.data_dir, SERVING, self._settings.public_url, pids)


def is_ready(listener: socket.socket, seconds: float = 2.0) -> bool:
    """Ask ``/readyz`` on the address where this socket listens."""
    host, port = listener.getsockname()[:2]
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on
    connection = http.client.HTTPConnection(local, port, timeout=seconds)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def _signal_pipe() -> Iterator[tuple[int, list[int]]]:
    """Turn signals into something to wait for: a pipe that becomes readable, and the list of those that ask to stop."""
    stopped: list[int] = []

    def note(signum: int, _frame: FrameType | None) -> None:
        if signum != signal.SIGCHLD:
            stopped.append(signum)

    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    previous = {signum: signal.signal(signum, note) for signum in (*_STOP_SIGNALS, signal.SIGCHLD)}
    previous_writer = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader, stopped
    finally:
        signal.set_wakeup_fd(previous_writer)
        for signum, handler in previous.items():
            signal.signal(signum, handler)
        os.close(reader)
        os.close(writer)
