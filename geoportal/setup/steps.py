"""The steps of ``up`` and of ``down``, each told by one sentence."""

import os
import signal
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from config.database import connect
from config.settings import Settings
from geoportal.setup.cluster import Cluster, check_free_space, private_cluster
from geoportal.setup.console import ProgressLine, Say
from geoportal.setup.database import check_server, create_private_database, describe_server
from geoportal.setup.errors import SetupError
from geoportal.setup.processes import kill_group
from geoportal.setup.serve import open_socket, rotate_log
from geoportal.setup.state import PREPARING, Lock, State, clear_state, is_locked, read_state, write_state
from geoportal.setup.supervisor import Supervisor

_STOP_SECONDS = 60
_OPEN = "ouvert"
# Beside its pool and its exports, a web process keeps one connection for the catalogue and opens some for cancelling.
_OTHER_CONNECTIONS_PER_WEB_PROCESS = 4
_OTHER_CONNECTIONS = 40


@dataclass(frozen=True)
class Address:
    """Where to listen."""

    host: str
    port: int


def with_public_url(settings: Settings, address: Address) -> Settings:
    """The settings whose links point to the address served, unless GEOPORTAL_PUBLIC_URL says otherwise."""
    if "public_url" in settings.model_fields_set:
        return settings
    everywhere_or_here = address.host in ("127.0.0.1", "0.0.0.0", "::", "::1", "localhost")  # noqa: S104 - compared only
    host = "localhost" if everywhere_or_here else address.host
    return settings.model_copy(update={"public_url": f"http://{f'[{host}]' if ':' in host else host}:{address.port}"})


def cluster_of(settings: Settings) -> Cluster | None:
    """The private cluster of these settings; None when a database is named."""
    if not settings.uses_private_cluster:
        return None
    per_process = settings.pool_size + settings.max_exports + _OTHER_CONNECTIONS_PER_WEB_PROCESS
    return private_cluster(settings.data_dir, max(100, settings.web_workers * per_process + _OTHER_CONNECTIONS))


def start_cluster(settings: Settings, say: Say) -> Cluster | None:
    """Start the private cluster and make its database; None when a database is named."""
    cluster = cluster_of(settings)
    if cluster is None:
        say(f"Base de données : {describe_server(settings.database_url)}.")
        return None
    if not cluster.exists:
        say(f"Base de données : création d'une grappe PostgreSQL privée pour {settings.data_dir}.")
    is_new = not cluster.exists
    started = cluster.start()
    if is_new and cluster.data.is_symlink():
        say(f"  Le compte « {cluster.account.name} » n'entre pas dans {settings.data_dir} : elle est dans {cluster.home}.")
    create_private_database(settings)
    major = cluster.version
    say(f"Base de données : PostgreSQL {major} {'démarré' if started else 'déjà démarré'}, sur une socket locale.")
    return cluster


def prepare_database(settings: Settings, say: Say, *, demo: bool) -> None:
    """Migrate, then load the start-up territory unless ``demo`` is false."""
    from layers.migrations import migrate

    with connect(settings) as conn:
        check_server(conn)
        applied = migrate(conn)
    say(f"Structure de la base : {f'{len(applied)} migration(s) appliquée(s)' if applied else 'à jour'}.")
    if demo:
        from ingest.demo import load_territory

        territory = settings.territory_info
        say(f"Territoire de départ : {territory.name} ({territory.code}).")
        progress = ProgressLine()
        try:
            load_territory(settings, say=say, progress=progress)
        finally:
            progress.close()


def up(settings: Settings, address: Address, say: Say, *, detach: bool, demo: bool) -> None:
    """Set everything up and serve. Returns when the portal is stopped or, with ``detach``, when it answers.

    Raises SetupError with one sentence for whatever prevents it.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    lock = Lock(settings.data_dir)
    if not lock.acquire():
        _tell_running(settings, say)
        return
    stop_leftovers(settings)
    settings = with_public_url(settings, address)
    check_free_space(settings.data_dir)
    with open_socket(address.host, address.port) as listener:
        write_state(settings.data_dir, PREPARING)
        for signum in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, _interrupt)
        cluster: Cluster | None = None
        handed_over = False
        try:
            cluster = start_cluster(settings, say)
            prepare_database(settings, say, demo=demo)
            supervisor = Supervisor(settings, listener, cluster, say)
            if detach:
                _fork_and_wait(settings, supervisor, cluster)
                handed_over = True
            else:
                supervisor.run(lambda: _announce(settings, say))
        finally:
            if not handed_over:
                _close(settings, cluster, say)
            lock.close()
    if handed_over:
        say(f"Le portail est ouvert : {settings.public_url}")
        say("Pour l'arrêter : ./portail down")
    else:
        say("Le portail est arrêté.")


def _close(settings: Settings, cluster: Cluster | None, say: Say) -> None:
    if cluster is not None and cluster.stop():
        say("PostgreSQL est arrêté.")
    clear_state(settings.data_dir)


def _announce(settings: Settings, say: Say) -> None:
    say(f"Le portail est ouvert : {settings.public_url}")
    say("Ctrl-C pour l'arrêter.")


def _tell_running(settings: Settings, say: Say) -> None:
    state = read_state(settings.data_dir)
    if state is None or state.phase == PREPARING:
        raise SetupError("Un autre « ./portail up » est en train de tout préparer.", "Attendez qu'il donne l'adresse.")
    say(f"Le portail est déjà ouvert : {state.url}")


def _interrupt(_signum: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _fork_and_wait(settings: Settings, supervisor: Supervisor, cluster: Cluster | None) -> None:
    """Leave the supervisor running behind, with the lock and the socket; returns once it answers.

    Raises SetupError with its sentence when it fails. An interruption while waiting stops it.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _serve_behind(settings, supervisor, cluster, writer)
    os.close(writer)
    try:
        with os.fdopen(reader, encoding="utf-8") as pipe:
            word, _, message = pipe.read().partition("\n")
    except KeyboardInterrupt:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        raise
    if word != _OPEN:
        os.waitpid(child, 0)
        sentence, _, hint = message.partition("\n")
        raise SetupError(
            sentence or "Le portail s'est arrêté avant de répondre.",
            hint or f"Voyez son journal : {settings.data_dir / 'log' / 'portail.log'}",
        )


def _serve_behind(settings: Settings, supervisor: Supervisor, cluster: Cluster | None, writer: int) -> NoReturn:
    """Body of the process that stays: its sentences go to ``log/portail.log``, its readiness to the pipe."""
    status = 1

    def announce() -> None:
        os.write(writer, f"{_OPEN}\n".encode())
        os.close(writer)

    try:
        os.setsid()
        os.chdir("/")
        _redirect_output(settings)
        try:
            supervisor.run(announce)
            status = 0
        finally:
            if cluster is not None:
                cluster.stop()
    except SetupError as error:
        print(f"{error}\n{error.hint}", flush=True)
        with suppress(OSError):  # closed since the portal answered once
            os.write(writer, f"échec\n{error}\n{error.hint}".encode())
    except BaseException:  # nobody above: a forked process must not go on as if it were its parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def _redirect_output(settings: Settings) -> None:
    path = settings.data_dir / "log" / "portail.log"
    rotate_log(path)
    with path.open("ab") as log, open(os.devnull, "rb") as nothing:  # noqa: PTH123 - os.devnull is a string
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)


def down(settings: Settings, say: Say) -> None:
    """Stop the portal and its private cluster, whatever state they are in. Does nothing when nothing runs."""
    state = read_state(settings.data_dir)
    stopped = False
    if settings.data_dir.exists() and is_locked(settings.data_dir) and state is not None:
        say("Arrêt du portail.")
        _stop_main(state)
        stopped = True
    stopped = stop_leftovers(settings) or stopped
    cluster = cluster_of(settings)
    if cluster is not None and cluster.stop():
        say("PostgreSQL est arrêté.")
        stopped = True
    say("Le portail est arrêté." if stopped else "Le portail ne tourne pas.")


def _stop_main(state: State) -> None:
    state.main.send(signal.SIGTERM)
    if not state.main.wait(_STOP_SECONDS):
        state.main.send(signal.SIGKILL)
        state.main.wait(5)


def stop_leftovers(settings: Settings) -> bool:
    """Kill the children of a portal that was itself killed; True when there were some."""
    state = read_state(settings.data_dir)
    if state is None or state.main.is_alive:
        return False
    living = [child for child in state.children.values() if child.is_alive]
    for child in living:
        kill_group(child.pid)
        child.wait(5)
    clear_state(settings.data_dir)
    return bool(living)
