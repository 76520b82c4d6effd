"""One portal at a time in a data folder: a lock held as long as it runs, and a small file that describes it."""

import fcntl
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from geoportal.setup.processes import ProcessId, identify

PREPARING = "préparation"
SERVING = "en service"


@dataclass(frozen=True)
class State:
    """What runs: the process that watches over the others, its children, the address served, the phase."""

    main: ProcessId
    phase: str
    url: str = ""
    children: dict[str, ProcessId] = field(default_factory=dict)


class Lock:
    """The lock of ``<data_dir>/portail.lock``; released by the system when its holder dies, however it dies.

    A child made by fork holds the same lock: it is released when the last of them has closed it.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "portail.lock"
        self._file: IO[bytes] | None = None

    def acquire(self) -> bool:
        """Take the lock; False when a portal already holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


def is_locked(data_dir: Path) -> bool:
    """Tell whether a portal runs, or is being prepared, in this data folder."""
    lock = Lock(data_dir)
    free = lock.acquire()
    lock.close()
    return not free


def write_state(data_dir: Path, phase: str, url: str = "", children: Iterable[tuple[str, int]] = ()) -> None:
    """Describe the present process as the one that watches; replaces the file in one step."""
    main = identify(os.getpid())
    living = {name: process for name, pid in children if (process := identify(pid))}
    if main is None:
        raise RuntimeError("/proc ne montre pas ce processus")
    path = _state_path(data_dir)
    draft = path.with_suffix(".nouveau")
    draft.write_text(json.dumps(asdict(State(main, phase, url, living)), ensure_ascii=False), encoding="utf-8")
    draft.replace(path)


def read_state(data_dir: Path) -> State | None:
    """Read the last description; None when there is none, or when it cannot be read."""
    try:
        document = json.loads(_state_path(data_dir).read_text(encoding="utf-8"))
        children = {name: ProcessId(**process) for name, process in document["children"].items()}
        return State(ProcessId(**document["main"]), document["phase"], document["url"], children)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def clear_state(data_dir: Path) -> None:
    _state_path(data_dir).unlink(missing_ok=True)


def _state_path(data_dir: Path) -> Path:
    return data_dir / "portail.json"
