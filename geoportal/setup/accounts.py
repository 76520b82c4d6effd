"""The unprivileged account under which PostgreSQL runs when the portal is started by root."""

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from geoportal.setup.errors import SetupError

_NAMES = ("postgres", "geoportail")
# Commands of PostgreSQL get a short, known environment: a PGDATA or a PGPORT of the caller must not lead them astray.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True)
class Account:
    """Who runs PostgreSQL: user and group identifiers; ``switch`` when that is not who runs the portal."""

    name: str
    uid: int
    gid: int
    switch: bool

    def run(
        self, command: Sequence[str], *, timeout: float, extra: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this account, from the root folder, and return its output without judging its status."""
        return subprocess.run(
            command,
            cwd="/",
            env=_ENVIRONMENT | dict(extra or {}),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            umask=0o077,
            user=self.uid if self.switch else None,
            group=self.gid if self.switch else None,
            extra_groups=[] if self.switch else None,
        )

    def can_enter(self, folder: Path) -> bool:
        """Tell whether this account reaches the folder: every parent must let it through."""
        return self.run(["test", "-x", str(folder)], timeout=10).returncode == 0

    def working_in(self, folder: Path) -> list[int]:
        """Numbers of this account's processes whose current folder is this one, as a postmaster and its children are.

        The account itself looks: in a container, root may not see the current folder of somebody else's process.
        """
        listing = self.run(
            ["find", "/proc", "-mindepth", "2", "-maxdepth", "2", "-name", "cwd", "-printf", "%h\t%l\n"], timeout=30
        ).stdout
        rows = (line.partition("\t") for line in listing.splitlines())
        target = str(folder.resolve())
        return [int(name) for where, _, cwd in rows if cwd == target and (name := where.rpartition("/")[2]).isdigit()]


def cluster_account() -> Account:
    """The caller, or an unprivileged account when the caller is root, whom PostgreSQL refuses.

    Raises SetupError when no such account exists and none can be made.
    """
    if os.geteuid() != 0:
        entry = pwd.getpwuid(os.geteuid())
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=False)
    for name in _NAMES:
        if account := _find(name):
            return account
    made = subprocess.run(
        ["useradd", "--system", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", _NAMES[-1]],
        capture_output=True,
        text=True,
        check=False,
    )
    account = _find(_NAMES[-1])
    if account is None:
        raise SetupError(
            f"Le compte système « {_NAMES[-1]} », sous lequel tourne PostgreSQL, n'a pas pu être créé.",
            made.stderr.strip() or "Créez-le avec useradd --system geoportail.",
        )
    return account


def _find(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True)
