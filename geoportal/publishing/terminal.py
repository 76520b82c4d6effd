"""What the verbs ``ingest``, ``editions``, ``diff`` and ``rollback`` do and say."""

import os
import pwd
from pathlib import Path
from typing import Any

from psycopg import Connection

from config.database import connect
from config.settings import Settings
from geoportal.setup.console import ProgressLine, say
from ingest.load import load_layer
from layers.catalog import Edition, UnknownEditionError, UnknownLayerError, read_editions
from layers.editions import find_layer, read_changes, rollback
from layers.model import Layer

_SIGNS = {"added": "+", "changed": "~", "removed": "×"}
_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)


class NotInCatalogueError(LookupError):
    """No layer of this id was ever published; the sentence lists those that were."""

    def __init__(self, layer_id: str, known: list[str]) -> None:
        super().__init__(f"La couche « {layer_id} » n'a jamais été publiée ici.")
        self.hint = f"Choisissez parmi {', '.join(known)}." if known else "La base n'en contient aucune : lancez ./portail up."


class NoEarlierStateError(LookupError):
    """A layer with one edition has nothing to go back to."""

    def __init__(self, layer_id: str) -> None:
        super().__init__(f"« {layer_id} » n'a qu'une édition : il n'y a pas d'état antérieur à remettre.")


def ingest_layer(settings: Settings, layer_id: str, source: Path | None, note: str, *, force: bool) -> None:
    """Load a layer from its official source, or the copy of it at ``source``, and say what changed."""
    progress = ProgressLine()
    try:
        outcome = load_layer(
            settings, layer_id, source=source, author=_account(), note=note, force=force, say=say, progress=progress
        )
    finally:
        progress.close()
    for finding in outcome.report.findings:
        say(f"À regarder : {finding.message}.")
    edition = outcome.edition
    if edition is None:
        say(f"« {layer_id} » : rien n'a changé, l'édition en ligne reste la même.")
    else:
        changes = _changes(edition.added, edition.changed, edition.removed)
        say(f"« {layer_id} » : édition {edition.number} en ligne, {changes}.")


def tell_editions(settings: Settings, layer_id: str) -> None:
    """Say the history of a layer, oldest edition first."""
    with connect(settings, autocommit=True) as conn:
        _, history = _published_layer(conn, layer_id)
    for edition in history:
        mark = " (en ligne)" if edition is history[-1] else ""
        total = _count(edition.total, "objet", "objets")
        changes = _changes(edition.added, edition.changed, edition.removed)
        say(f"Édition {edition.number}{mark}, {_when(edition)}, par {edition.author} : {total} ; {changes}.")
        for label, text in (("Note", edition.note), ("Source", edition.source)):
            if text:
                say(f"  {label} : {text}")


def tell_changes(settings: Settings, layer_id: str, first: int, second: int) -> None:
    """Say what differs between two editions, one line per feature. Raises UnknownEditionError."""
    counts = dict.fromkeys(_SIGNS, 0)
    with connect(settings) as conn:
        layer, history = _published_layer(conn, layer_id)
        for number in (first, second):
            if number > len(history):
                raise UnknownEditionError(layer_id, str(number))
        # A cursor on the server: two editions of a large layer may differ everywhere.
        with conn.cursor(name="differences") as cursor:
            cursor.execute(read_changes(layer, first, second, fields=[layer.label]))
            for key, change, label, _geometry in cursor:
                counts[change] += 1
                say(f"{_SIGNS[change]} {key} {label or ''}".rstrip())
    if any(counts.values()):
        say(f"De l'édition {first} à l'édition {second} : {_changes(**counts)}.")
    else:
        say(f"Les éditions {first} et {second} de « {layer_id} » sont les mêmes.")


def return_to_edition(settings: Settings, layer_id: str, number: int | None) -> None:
    """Publish a past state again, the one before the last by default. Raises NoEarlierStateError, UnknownEditionError."""
    with connect(settings, autocommit=True) as conn:
        layer, history = _published_layer(conn, layer_id)
        if number is None and len(history) < 2:
            raise NoEarlierStateError(layer_id)
        edition = rollback(conn, layer, author=_account(), to=number)
    if edition is None:
        say(f"« {layer_id} » : cet état est déjà en ligne, rien n'a changé.")
    else:
        say(f"« {layer_id} » : édition {edition.number} en ligne, qui reprend l'édition {edition.restores}.")


def _published_layer(conn: Connection[Any], layer_id: str) -> tuple[Layer, list[Edition]]:
    try:
        return find_layer(conn, layer_id), read_editions(conn, layer_id)
    except UnknownLayerError as error:
        rows = conn.execute("SELECT id FROM portail.layer ORDER BY position, id").fetchall()
        raise NotInCatalogueError(layer_id, [row[0] for row in rows]) from error


def _account() -> str:
    """Name of the system account, kept as the author of an edition."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _count(number: int, one: str, many: str) -> str:
    grouped = f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{grouped} {one if number < 2 else many}"


def _changes(added: int, changed: int, removed: int) -> str:
    parts = (
        _count(added, "objet ajouté", "objets ajoutés"),
        _count(changed, "modifié", "modifiés"),
        _count(removed, "retiré", "retirés"),
    )
    return ", ".join(parts)


def _when(edition: Edition) -> str:
    local = edition.published_at.astimezone()
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {local.hour} h {local.minute:02}"
