"""The diagnosis: every piece of the installation, what is wrong with it, and the command that mends it."""

import locale
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from pydantic import ValidationError

from config.database import connect
from config.settings import ROOT, Settings, UnknownTerritoryError
from geoportal.setup.cluster import MINIMUM_FREE_BYTES
from geoportal.setup.console import Say
from geoportal.setup.database import check_server, describe_server, postgis_version
from geoportal.setup.errors import SetupError
from geoportal.setup.serve import open_socket
from geoportal.setup.state import SERVING
from geoportal.setup.status import running_state
from geoportal.setup.steps import cluster_of
from geoportal.setup.tuning import total_memory_mb

MINIMUM_PYTHON = (3, 11)
MINIMUM_MEMORY_MB = 1500
UP = "./portail up"
_RUNNING = "démarrée"


@dataclass(frozen=True)
class Check:
    """One piece: what was found, and the remedy when it is not good (empty: it is)."""

    name: str
    found: str
    remedy: str = ""

    @property
    def is_good(self) -> bool:
        return not self.remedy


def diagnose(port: int) -> Iterator[Check]:
    """Examine each piece in turn. ``port`` is the one that ``up`` would take. Changes nothing."""
    yield _python()
    yield _libraries()
    yield _locale()
    yield _memory()
    try:
        settings = Settings()
        territory = settings.territory_info
    except ValidationError as error:
        names = ", ".join("GEOPORTAL_" + str(problem["loc"][0]).upper() for problem in error.errors())
        yield Check("Réglages", f"valeur refusée pour {names}", "voyez docs/exploitation.md, « Réglages »")
        return
    except UnknownTerritoryError as error:
        yield Check("Réglages", str(error), "donnez un code de département dans GEOPORTAL_TERRITORY")
        return
    yield Check("Réglages", f"{territory.name} ({territory.code}), données dans {settings.data_dir}")
    yield _disk(settings)
    yield _node()
    yield _interface()
    if settings.uses_private_cluster:
        yield _guarded("PostgreSQL et PostGIS", lambda: _installation(settings))
        yield (cluster := _guarded("Grappe privée", lambda: _cluster(settings)))
    if not settings.uses_private_cluster or _RUNNING in cluster.found:
        yield from _database(settings)
    yield _port(settings, port)


def tell_diagnosis(checks: Iterator[Check], say: Say) -> bool:
    """Print one line by check, and the remedy under what is wrong; True when all is good."""
    wrong = 0
    for check in checks:
        say(f"{'bon       ' if check.is_good else 'à corriger'}  {check.name} : {check.found}")
        if not check.is_good:
            say(f"            → {check.remedy}")
            wrong += 1
    say("Tout est bon." if not wrong else f"{wrong} point{'s' if wrong > 1 else ''} à corriger.")
    return not wrong


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except SetupError as error:
        return Check(name, str(error), error.hint or UP)


def _python() -> Check:
    wanted = ".".join(map(str, MINIMUM_PYTHON))
    good = sys.version_info >= MINIMUM_PYTHON
    return Check("Python", platform.python_version(), "" if good else f"installez Python {wanted}, supprimez .venv, puis {UP}")


def _libraries() -> Check:
    """The environment against the lock file, as pip sees it."""
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode == 0:
        return Check("Bibliothèques Python", f"complètes dans {Path(sys.prefix)}")
    lines = (done.stdout or done.stderr).strip().splitlines()
    return Check("Bibliothèques Python", lines[0] if lines else "incomplètes", f"rm -rf {sys.prefix} && {UP}")


def _locale() -> Check:
    encoding = locale.getpreferredencoding(do_setlocale=False)
    good = encoding.upper().replace("-", "") == "UTF8"
    return Check("Langue du système", encoding, "" if good else "export LC_ALL=C.UTF-8")


def _memory() -> Check:
    memory = total_memory_mb()
    remedy = "" if memory >= MINIMUM_MEMORY_MB else "donnez au moins 2 Go de mémoire à cette machine"
    return Check("Mémoire", f"{memory} Mo", remedy)


def _disk(settings: Settings) -> Check:
    folder = next(path for path in (settings.data_dir, *settings.data_dir.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    remedy = "" if free >= MINIMUM_FREE_BYTES else "libérez de la place, ou donnez un autre dossier dans GEOPORTAL_DATA_DIR"
    return Check("Disque", f"{free // 1_000_000_000} Go libres pour {settings.data_dir}", remedy)


def _node() -> Check:
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing:
        return Check("Node et npm", f"il manque {' et '.join(missing)}", "sudo apt install nodejs npm")
    return Check("Node et npm", "présents")


def _interface() -> Check:
    lock, installed = ROOT / "package-lock.json", ROOT / "node_modules" / ".package-lock.json"
    if not installed.exists():
        return Check("Fichiers de l'interface", "absents", UP)
    if installed.stat().st_mtime < lock.stat().st_mtime and not (ROOT / "node_modules" / ".portail").exists():
        return Check("Fichiers de l'interface", "plus anciens que package-lock.json", UP)
    return Check("Fichiers de l'interface", "présents dans node_modules")


def _installation(settings: Settings) -> Check:
    cluster = cluster_of(settings)
    if cluster is None:
        raise SetupError("Aucune grappe privée.")
    installation = cluster.installation()
    return Check("PostgreSQL et PostGIS", f"PostgreSQL {installation.major} avec PostGIS dans {installation.bin}")


def _cluster(settings: Settings) -> Check:
    cluster = cluster_of(settings)
    if cluster is None or not cluster.exists:
        return Check("Grappe privée", "pas encore créée", UP)
    postmaster = cluster.postmaster()
    if postmaster is None:
        # Stopped together with the portal, all is well; the contents are looked at when it runs.
        stopped = running_state(settings) is None
        found = f"arrêtée, comme le portail ({cluster.data}) ; son contenu n'est pas vérifié"
        return Check("Grappe privée", found if stopped else f"arrêtée ({cluster.data})", "" if stopped else UP)
    return Check("Grappe privée", f"{_RUNNING} ({cluster.data.resolve()}, processus {postmaster.pid})")


def _database(settings: Settings) -> Iterator[Check]:
    where = describe_server(settings.effective_database_url)
    remedy = UP if settings.uses_private_cluster else "vérifiez GEOPORTAL_DATABASE_URL et le serveur"
    try:
        with connect(settings) as conn:
            yield _guarded("Extensions de la base", lambda: _extensions(conn))
            yield _migrations(conn)
    except psycopg.OperationalError as error:
        lines = str(error).strip().splitlines()
        yield Check("Base de données", f"{where} ne répond pas ({lines[0] if lines else '?'})", remedy)


def _extensions(conn: psycopg.Connection[tuple[object, ...]]) -> Check:
    check_server(conn)
    version = postgis_version(conn)
    server = conn.info.parameter_status("server_version") or "?"
    found = f"PostgreSQL {server.split()[0]}, PostGIS {version or 'pas encore créé dans la base'}"
    return Check("Extensions de la base", found, "" if version else "./portail migrate")


def _migrations(conn: psycopg.Connection[tuple[object, ...]]) -> Check:
    from layers.migrations import DIRECTORY

    wanted = {path.name for path in DIRECTORY.glob("[0-9]*.sql")}
    try:
        with conn.transaction():
            done = {row[0] for row in conn.execute("SELECT name FROM public.portail_migration")}
    except psycopg.errors.UndefinedTable:
        return Check("Structure de la base", "pas encore créée", "./portail migrate")
    missing = sorted(wanted - done)
    if missing:
        return Check("Structure de la base", f"il manque {', '.join(map(str, missing))}", "./portail migrate")
    return Check("Structure de la base", f"à jour ({len(done)} migrations)")


def _port(settings: Settings, port: int) -> Check:
    state = running_state(settings)
    if state is not None and state.phase == SERVING:
        return Check("Portail", f"ouvert, {state.url}")
    return _guarded(f"Port {port}", lambda: _free_port(port))


def _free_port(port: int) -> Check:
    listener: socket.socket = open_socket("127.0.0.1", port)
    listener.close()
    return Check(f"Port {port}", "libre")
