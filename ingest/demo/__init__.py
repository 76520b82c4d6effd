"""The start-up territory: real layers that need nothing but packages from the ordinary registries."""

from config.database import connect
from config.settings import Settings
from ingest.load import EmptySourceError, check_territory, is_up_to_date, is_withdrawn, load_layer
from ingest.readers import Progress, Say
from layers.library import find_definition

LAYERS = ("communes", "epci", "cantons", "mairies")
AUTHOR = "portail"
NOTE = "Territoire de démarrage"


def load_territory(settings: Settings, say: Say, progress: Progress) -> None:
    """Load the layers of the start-up territory that are missing or whose source or definition changed.

    When nothing is to be done, only a few short queries are made. A layer that someone withdrew stays withdrawn.
    Raises IngestError (no network, another département in the database), RefusedError, psycopg.OperationalError.
    """
    for layer_id in _layers_to_load(settings):
        try:
            outcome = load_layer(settings, layer_id, author=AUTHOR, note=NOTE, say=say, progress=progress)
        except EmptySourceError as error:
            say(str(error))  # Paris has no canton: that is no reason to refuse the rest
            continue
        title = find_definition(layer_id).layer.title
        if outcome.edition:
            say(f"{title} : édition {outcome.edition.number}, {outcome.edition.total} objets.")
        else:
            say(f"{title} : rien n'a changé.")


def _layers_to_load(settings: Settings) -> list[str]:
    with connect(settings, autocommit=True) as conn:
        check_territory(conn, settings)
        return [
            layer_id
            for layer_id in LAYERS
            if not is_withdrawn(conn, layer_id) and not is_up_to_date(conn, settings, find_definition(layer_id))
        ]
