"""The private PostGIS cluster: made, started, stopped, and mended after a crash.

The data are in ``<data_dir>/pg``, the socket in ``config.settings.socket_directory``. When root starts the portal,
PostgreSQL runs as an unprivileged account, which may be unable to enter the folder of the portal (under ``/root`` for
example): then both live in a shelter, ``/var/lib/geoportail-<hash>``, and ``pg`` and ``run`` are symbolic links to it,
so that every client still finds the socket at its place.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from config.settings import socket_directory
from geoportal.setup import tuning
from geoportal.setup.accounts import Account, cluster_account
from geoportal.setup.errors import SetupError
from geoportal.setup.postgres import Installation, choose_installation, find_installations
from geoportal.setup.processes import ProcessId, identify

ROLE = "geoportail"
SHELTERS = Path("/var/lib")
MINIMUM_FREE_BYTES = 1_000_000_000
_INCLUDED = "geoportail.conf"
_START_SECONDS = 120
_STOP_SECONDS = 60
_ORPHANS_SECONDS = 20.0
_SMALL_SHM_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Cluster:
    """The cluster of one data folder; ``account`` runs it, ``shelters`` receives it when that account must live elsewhere."""

    data_dir: Path
    account: Account
    shelters: Path = SHELTERS
    installations: tuple[Installation, ...] = field(default=(), repr=False)
    connections: int = 100

    @property
    def data(self) -> Path:
        return self.data_dir / "pg"

    @property
    def home(self) -> Path:
        """The folder that really holds the data: the data folder, or a shelter."""
        return self.data.resolve().parent

    @property
    def socket_folder(self) -> Path:
        return socket_directory(self.data_dir)

    @property
    def exists(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    @property
    def version(self) -> int | None:
        """Major version of the format of the data, None before the cluster is made."""
        return int((self.data / "PG_VERSION").read_text(encoding="ascii")) if self.exists else None

    def installation(self) -> Installation:
        """The PostgreSQL that runs these data. Raises SetupError when none is fit."""
        return choose_installation(self.installations, self.version)

    def postmaster(self) -> ProcessId | None:
        """The living server of these data; None when it is stopped, or when the pid file lies after a crash."""
        try:
            pid = int((self.data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        return identify(pid) if pid in self.account.working_in(self.data) else None

    def start(self) -> bool:
        """Make the cluster if need be and start it; False when it was running already.

        Raises SetupError: disk full, no PostgreSQL or PostGIS, folder out of reach, server that does not start.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        check_free_space(self.data_dir)
        with self._alone():
            if self.postmaster():
                return False
            if not self.exists:
                self._create()
            self._check_owner()
            self._prepare_socket_folder()
            self._write_configuration()
            self._clear_crash_leftovers()
            self._launch()
            return True

    def stop(self) -> bool:
        """Stop the server, closing its connections; False when it was not running."""
        postmaster = self.postmaster()
        if postmaster is None:
            return False
        done = self._pg_ctl("stop", "-m", "fast", seconds=_STOP_SECONDS)
        if done.returncode != 0 and postmaster.is_alive:
            raise SetupError("PostgreSQL ne s'arrête pas.", f"Voyez son journal : {self.data / 'log'}")
        return True

    # --- making ---------------------------------------------------------------------------------------------------

    def _create(self) -> None:
        """Run initdb beside the final place and rename: an interrupted making leaves nothing half done."""
        home = self._choose_home()
        final, draft = home / "pg", home / "pg.nouveau"
        if not (final / "PG_VERSION").exists():
            shutil.rmtree(draft, ignore_errors=True)
            self._make_private(draft)
            command = [self.installation().program("initdb"), "-D", str(draft), "-U", ROLE, "--auth=trust", "--data-checksums"]
            done = self.account.run([*command, "--encoding=UTF8", "--locale=C.UTF-8"], timeout=300)
            if done.returncode != 0:
                shutil.rmtree(draft, ignore_errors=True)
                raise SetupError(
                    "La grappe PostgreSQL n'a pas pu être créée.", _last_line(done.stderr) or f"Vérifiez le dossier {home}."
                )
            with (draft / "postgresql.conf").open("a", encoding="utf-8") as file:
                file.write(f"\ninclude_if_exists = '{_INCLUDED}'\n# Vos réglages, ci-dessous, l'emportent.\n")
            draft.rename(final)
        if home != self.data_dir:
            _link(self.data, final)

    def _choose_home(self) -> Path:
        """The data folder, or the shelter when the account of PostgreSQL cannot enter the data folder."""
        if not self.account.switch or self.account.can_enter(self.data_dir):
            return self.data_dir
        shelter = self._shelter()
        shelter.mkdir(mode=0o755, exist_ok=True)
        if not self.account.can_enter(shelter):
            raise SetupError(
                f"Le compte « {self.account.name} », qui fait tourner PostgreSQL, ne peut entrer ni dans {self.data_dir}"
                f" ni dans {shelter}.",
                "Donnez un dossier de données qu'il puisse traverser : GEOPORTAL_DATA_DIR=/srv/geoportail ./portail up",
            )
        return shelter

    def _shelter(self) -> Path:
        return self.shelters / f"geoportail-{hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:12]}"

    def _make_private(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        if self.account.switch:
            os.chown(folder, self.account.uid, self.account.gid)

    # --- starting -------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Two commands that start the cluster together do it one after the other."""
        with (self.data_dir / "grappe.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _check_owner(self) -> None:
        owner = self.data.stat().st_uid
        if owner != self.account.uid:
            raise SetupError(
                f"La grappe de {self.data} appartient à un autre compte (n° {owner}) que « {self.account.name} ».",
                "Relancez avec le compte qui l'a créée (sudo ./portail up si c'était root).",
            )
        if self.account.switch and not self.account.can_enter(self.data.resolve()):
            raise SetupError(
                f"Le compte « {self.account.name} », qui fait tourner PostgreSQL, ne peut plus entrer dans {self.data}.",
                f"Rendez les dossiers parents traversables : chmod o+x {self.data_dir}",
            )

    def _prepare_socket_folder(self) -> None:
        """Make the socket's folder, private to the account; in a shared folder such as /tmp, refuse anyone else's."""
        place = self.socket_folder
        if self.data.is_symlink() and place.parent == self.data_dir:
            target = self.home / "run"
            if not target.exists():
                self._make_private(target)
            _link(place, target)
        elif not place.exists() and not place.is_symlink():
            self._make_private(place)
        status = place.stat()
        if status.st_uid != self.account.uid or (place.is_symlink() and place.parent != self.data_dir):
            raise SetupError(
                f"Le dossier {place}, où PostgreSQL répond, appartient à un autre compte.", "Supprimez-le puis relancez."
            )
        place.chmod(stat.S_IRWXU)

    def _write_configuration(self) -> None:
        shm = Path("/dev/shm")  # noqa: S108 - read for its size only
        small = not shm.is_dir() or shutil.disk_usage(shm).total < _SMALL_SHM_BYTES
        parameters = tuning.tuned_settings(tuning.total_memory_mb(), self.connections)
        text = tuning.configuration(self.socket_folder.resolve(), parameters, small_shm=small)
        path = self.data / _INCLUDED
        path.write_text(text, encoding="utf-8")
        if self.account.switch:
            os.chown(path, self.account.uid, self.account.gid)

    def _clear_crash_leftovers(self) -> None:
        """After a killed server: wait for its last children, then drop the lock files that it left.

        PostgreSQL refuses to start when the number in them is borne by another program, or by a zombie that nobody
        reaps, as in a container. As long as one process of the old server lives they stay: they are what keeps two
        servers off the same data.
        """
        deadline = time.monotonic() + _ORPHANS_SECONDS
        while orphans := [process for pid in self.account.working_in(self.data) if (process := identify(pid))]:
            left = deadline - time.monotonic()
            if left <= 0:
                raise SetupError(
                    f"Des processus d'un ancien PostgreSQL occupent encore {self.data} (n° {orphans[0].pid}).",
                    f"Arrêtez-les : kill {' '.join(str(process.pid) for process in orphans)}",
                )
            orphans[0].wait(left)
        for leftover in (self.data / "postmaster.pid", *self.socket_folder.glob(".s.PGSQL.*")):
            leftover.unlink(missing_ok=True)

    def _launch(self) -> None:
        log = self.data.resolve() / "demarrage.log"
        # Its output must go to a file: a pipe would stay open in the server and never end.
        done = self._pg_ctl("start", "-l", str(log), seconds=_START_SECONDS)
        if done.returncode != 0:
            reason = _last_line(log.read_text(encoding="utf-8", errors="replace")) if log.exists() else done.stderr.strip()
            raise SetupError("PostgreSQL n'a pas démarré.", f"{reason} (journal : {self.data / 'log'})")

    def _pg_ctl(self, action: str, *options: str, seconds: int) -> subprocess.CompletedProcess[str]:
        command = [self.installation().program("pg_ctl"), action, "-D", str(self.data.resolve()), "-s", "-w", "-t", str(seconds)]
        return self.account.run([*command, *options], timeout=seconds + 30)


def private_cluster(data_dir: Path, connections: int = 100) -> Cluster:
    """The cluster of a data folder as this machine can run it. Raises SetupError when root finds no account for it."""
    return Cluster(data_dir, cluster_account(), installations=tuple(find_installations()), connections=connections)


def check_free_space(folder: Path) -> None:
    """Refuse to begin on a disk that is nearly full, since PostgreSQL would stop in the middle."""
    free = shutil.disk_usage(folder).free
    if free < MINIMUM_FREE_BYTES:
        raise SetupError(
            f"Il ne reste que {free // 1_000_000} Mo sur le disque de {folder} :"
            f" il en faut au moins {MINIMUM_FREE_BYTES // 1_000_000}.",
            "Libérez de la place, ou donnez un autre dossier dans GEOPORTAL_DATA_DIR.",
        )


def _link(place: Path, target: Path) -> None:
    if place.is_symlink() and place.resolve() == target.resolve():
        return
    if place.is_symlink() or place.is_dir():
        place.unlink() if place.is_symlink() else place.rmdir()
    place.symlink_to(target, target_is_directory=True)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
