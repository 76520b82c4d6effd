"""``ingest``, ``editions``, ``diff``, ``rollback``: the life of a layer on the command line."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import psycopg
from psycopg import Connection

from config.database import connect
from config.settings import Settings, UnknownTerritoryError
from geoportal.setup.console import ProgressLine, say
from ingest.errors import IngestError
from ingest.load import load_layer
from layers.catalog import Edition, UnknownEditionError, UnknownLayerError, read_editions
from layers.editions import RefusedError, find_layer, read_changes
from layers.editions import rollback as publish_past_state
from layers.library import DefinitionError, UnknownDefinitionError
from layers.model import Layer
from layers.staging import ImportInProgressError

_SIGNS = {"added": "+", "changed": "~", "removed": "×"}
_MONTHS = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
]

# What these say is already a French sentence made for whoever typed the command.
_SAID = (
    DefinitionError,
    ImportInProgressError,
    IngestError,
    RefusedError,
    UnknownDefinitionError,
    UnknownEditionError,
    UnknownLayerError,
    UnknownTerritoryError,
)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn what may go wrong into one sentence and a non-zero status."""
    try:
        yield
    except _SAID as error:
        raise click.ClickException(str(error)) from error
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        raise click.ClickException("La base n'est pas préparée : lancez d'abord « ./portail up ».") from error
    except psycopg.OperationalError as error:
        raise click.ClickException(
            "La base de données ne répond pas : lancez « ./portail up » ou vérifiez GEOPORTAL_DATABASE_URL."
        ) from error


def _account() -> str:
    """Name of the system account, kept as the author of an edition."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _published_layer(conn: Connection[Any], layer_id: str) -> tuple[Layer, list[Edition]]:
    """A layer and its editions; the error lists the layers that exist."""
    try:
        layer = find_layer(conn, layer_id)
    except UnknownLayerError as error:
        ids = [row[0] for row in conn.execute("SELECT id FROM portail.layer ORDER BY position, id").fetchall()]
        known = f"choisissez parmi {', '.join(ids)}." if ids else "la base n'en contient aucune, lancez « ./portail up »."
        raise click.ClickException(f"La couche « {layer_id} » n'existe pas : {known}") from error
    return layer, read_editions(conn, layer_id)


def _count(number: int, one: str, many: str) -> str:
    grouped = f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{grouped} {one if number < 2 else many}"


def _counts(added: int, changed: int, removed: int) -> str:
    parts = (
        _count(added, "objet ajouté", "objets ajoutés"),
        _count(changed, "modifié", "modifiés"),
        _count(removed, "retiré", "retirés"),
    )
    return ", ".join(parts)


def _when(edition: Edition) -> str:
    local = edition.published_at.astimezone()
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {local.hour} h {local.minute:02}"


@click.command(
    short_help="Charge une couche depuis sa source officielle.",
    epilog='Exemple : ./portail ingest communes --note "Mise à jour annuelle"',
)
@click.argument("layer_id", metavar="COUCHE")
@click.option(
    "--from",
    "source",
    metavar="FICHIER",
    type=click.Path(path_type=Path),
    help="Copie de la source déjà présente sur cette machine, par exemple sans réseau.",
)
@click.option("--note", default="", metavar="TEXTE", help="Pourquoi cette édition : gardé dans l'historique.")
@click.option("--force", is_flag=True, help="Accepte ce que les contrôles jugent improbable, comme une perte soudaine.")
def ingest(layer_id: str, source: Path | None, note: str, force: bool) -> None:
    """Lit la source officielle de COUCHE, la contrôle et publie une édition si quelque chose a changé."""
    progress = ProgressLine()
    with _plain_errors():
        try:
            outcome = load_layer(
                Settings(), layer_id, source=source, author=_account(), note=note, force=force, say=say, progress=progress
            )
        finally:
            progress.close()
    for finding in outcome.report.findings:
        say(f"À regarder : {finding.message}.")
    edition = outcome.edition
    if edition is None:
        say(f"« {layer_id} » : rien n'a changé, l'édition en ligne reste la même.")
    else:
        changes = _counts(edition.added, edition.changed, edition.removed)
        say(f"« {layer_id} » : édition {edition.number} en ligne, {changes}.")


@click.command(short_help="Montre l'historique d'une couche.", epilog="Exemple : ./portail editions communes")
@click.argument("layer_id", metavar="COUCHE")
def editions(layer_id: str) -> None:
    """Liste les éditions de COUCHE, de la plus ancienne à celle qui est en ligne."""
    with _plain_errors(), connect(Settings(), autocommit=True) as conn:
        _, history = _published_layer(conn, layer_id)
    for edition in history:
        mark = " (en ligne)" if edition is history[-1] else ""
        total = _count(edition.total, "objet", "objets")
        changes = _counts(edition.added, edition.changed, edition.removed)
        say(f"Édition {edition.number}{mark}, {_when(edition)}, par {edition.author} : {total} ; {changes}.")
        for label, text in (("Note", edition.note), ("Source", edition.source)):
            if text:
                say(f"  {label} : {text}")


@click.command(short_help="Compare deux éditions d'une couche.", epilog="Exemple : ./portail diff communes 1 2")
@click.argument("layer_id", metavar="COUCHE")
@click.argument("first", metavar="N", type=click.IntRange(min=1))
@click.argument("second", metavar="M", type=click.IntRange(min=1))
def diff(layer_id: str, first: int, second: int) -> None:
    """Dit ce qui change en passant de l'édition N à l'édition M de COUCHE.

    Une ligne par objet : + ajouté, ~ modifié, × retiré, puis son identifiant et son nom.
    """
    with _plain_errors(), connect(Settings()) as conn:
        layer, history = _published_layer(conn, layer_id)
        for number in (first, second):
            if number > len(history):
                raise UnknownEditionError(layer_id, str(number))
        counts = dict.fromkeys(_SIGNS, 0)
        # A cursor on the server: two editions of a large layer may differ everywhere.
        with conn.cursor(name="differences") as cursor:
            cursor.execute(read_changes(layer, first, second, fields=[layer.label]))
            for key, change, label, _geometry in cursor:
                counts[change] += 1
                say(f"{_SIGNS[change]} {key} {label or ''}".rstrip())
    if any(counts.values()):
        say(f"De l'édition {first} à l'édition {second} : {_counts(**counts)}.")
    else:
        say(f"Les éditions {first} et {second} de « {layer_id} » sont les mêmes.")


@click.command(
    short_help="Remet en ligne une édition passée.",
    epilog="Exemples : ./portail rollback communes ; ./portail rollback communes --to 3",
)
@click.argument("layer_id", metavar="COUCHE")
@click.option("--to", "number", metavar="N", type=click.IntRange(min=1), help="Édition à remettre ; sans elle, l'avant-dernière.")
def rollback(layer_id: str, number: int | None) -> None:
    """Publie à nouveau un état passé de COUCHE, comme une nouvelle édition : rien n'est effacé de l'historique."""
    with _plain_errors(), connect(Settings(), autocommit=True) as conn:
        layer, history = _published_layer(conn, layer_id)
        if number is None and len(history) < 2:
            raise click.ClickException(f"« {layer_id} » n'a qu'une édition : il n'y a pas d'état antérieur à remettre.")
        edition = publish_past_state(conn, layer, author=_account(), to=number)
    if edition is None:
        say(f"« {layer_id} » : cet état est déjà en ligne, rien n'a changé.")
    else:
        say(f"« {layer_id} » : édition {edition.number} en ligne, qui reprend l'édition {edition.restores}.")


COMMANDS: tuple[click.Command, ...] = (ingest, editions, diff, rollback)
