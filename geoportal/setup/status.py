"""What runs, where, and with which layers."""

import psycopg

from config.database import connect
from config.settings import Settings
from geoportal.setup.console import Say
from geoportal.setup.database import describe_server
from geoportal.setup.state import SERVING, State, is_locked, read_state
from layers.catalog import read_catalog


def running_state(settings: Settings) -> State | None:
    """The portal that runs or is being prepared in this data folder; None otherwise."""
    if not settings.data_dir.exists() or not is_locked(settings.data_dir):
        return None
    return read_state(settings.data_dir)


def tell_status(settings: Settings, say: Say) -> bool:
    """Describe the portal; True when it serves."""
    state = running_state(settings)
    serving = state is not None and state.phase == SERVING
    if state is None:
        say("Portail : arrêté. Pour l'ouvrir : ./portail up")
    elif not serving:
        say(f"Portail : en préparation (processus {state.main.pid}).")
    else:
        say(f"Portail : ouvert, {state.url} (processus {state.main.pid}).")
        for name, process in state.children.items():
            say(f"  {name} : {'vivant' if process.is_alive else 'arrêté'} (processus {process.pid})")
    _tell_database(settings, say)
    return serving


def _tell_database(settings: Settings, say: Say) -> None:
    where = describe_server(settings.effective_database_url)
    try:
        with connect(settings) as conn:
            size = conn.execute("SELECT pg_size_pretty(pg_database_size(current_database()))").fetchone()
            collections = read_catalog(conn).collections
    except psycopg.OperationalError:
        say(f"Base de données : ne répond pas ({where}).")
        return
    except psycopg.errors.UndefinedTable:
        say(f"Base de données : répond, pas encore préparée ({where}).")
        return
    say(f"Base de données : répond ({where}, {size[0] if size else '?'}).")
    for collection in collections.values():
        say(f"  {collection.id} : édition {collection.edition.number}, {collection.edition.total} objets")
