"""Processes told apart by their number and their start, so that a number given again is never taken for the old one."""

import contextlib
import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessId:
    """A process: its number, and its start in clock ticks since the boot (field 22 of ``/proc/<pid>/stat``)."""

    pid: int
    started: int

    @property
    def is_alive(self) -> bool:
        return start_of(self.pid) == self.started

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the process; False when it still lives after that time."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            if not self.is_alive:
                return True
            return bool(select.select([descriptor], [], [], seconds)[0])
        finally:
            os.close(descriptor)

    def send(self, signum: signal.Signals) -> None:
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signum)


def start_of(pid: int) -> int | None:
    """Start of a living process in clock ticks since the boot; None when it is gone or a zombie."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def identify(pid: int) -> ProcessId | None:
    started = start_of(pid)
    return None if started is None else ProcessId(pid, started)


def kill_group(pid: int) -> None:
    """Kill what remains of the process group that this process leads."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
