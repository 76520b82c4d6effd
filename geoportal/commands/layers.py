"""``ingest``, ``editions``, ``diff``, ``rollback``: the life of a layer on the command line."""

from pathlib import Path

import click


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
    from config.settings import Settings
    from geoportal.publishing.terminal import ingest_layer

    ingest_layer(Settings(), layer_id, source, note, force=force)


@click.command(short_help="Montre l'historique d'une couche.", epilog="Exemple : ./portail editions communes")
@click.argument("layer_id", metavar="COUCHE")
def editions(layer_id: str) -> None:
    """Liste les éditions de COUCHE, de la plus ancienne à celle qui est en ligne."""
    from config.settings import Settings
    from geoportal.publishing.terminal import tell_editions

    tell_editions(Settings(), layer_id)


@click.command(short_help="Compare deux éditions d'une couche.", epilog="Exemple : ./portail diff communes 1 2")
@click.argument("layer_id", metavar="COUCHE")
@click.argument("first", metavar="N", type=click.IntRange(min=1))
@click.argument("second", metavar="M", type=click.IntRange(min=1))
def diff(layer_id: str, first: int, second: int) -> None:
    """Dit ce qui change en passant de l'édition N à l'édition M de COUCHE.

    Une ligne par objet : + ajouté, ~ modifié, × retiré, puis son identifiant et son nom.
    """
    from config.settings import Settings
    from geoportal.publishing.terminal import tell_changes

    tell_changes(Settings(), layer_id, first, second)


@click.command(
    short_help="Remet en ligne une édition passée.",
    epilog="Exemple : ./portail rollback communes --to 3",
)
@click.argument("layer_id", metavar="COUCHE")
@click.option("--to", "number", metavar="N", type=click.IntRange(min=1), help="Édition à remettre ; sans elle, l'avant-dernière.")
def rollback(layer_id: str, number: int | None) -> None:
    """Publie à nouveau un état passé de COUCHE, comme une nouvelle édition : rien n'est effacé de l'historique."""
    from config.settings import Settings
    from geoportal.publishing.terminal import return_to_edition

    return_to_edition(Settings(), layer_id, number)


COMMANDS: tuple[click.Command, ...] = (ingest, editions, diff, rollback)
