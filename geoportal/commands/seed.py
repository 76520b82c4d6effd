"""``seed``: make the tiles of a layer ahead of the visits."""

import re

import click

_MAX_ZOOM = 22


def read_zooms(_ctx: click.Context, _param: click.Parameter, text: str) -> range:
    """``0-12`` or ``12``; click's refusal otherwise."""
    if matched := re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?", text):
        low, high = int(matched[1]), int(matched[2] or matched[1])
        if low <= high <= _MAX_ZOOM:
            return range(low, high + 1)
    raise click.BadParameter(f"« {text} » n'est pas une suite de niveaux : écrivez par exemple 0-12 (de 0 à {_MAX_ZOOM}).")


@click.command(
    short_help="Calcule d'avance les tuiles d'une couche.",
    epilog="Exemple : ./portail seed communes --zoom 0-12",
)
@click.argument("layer_id", metavar="COUCHE")
@click.option(
    "--zoom", "zooms", callback=read_zooms, default="0-12", show_default=True, metavar="A-B", help="Niveaux de zoom à calculer."
)
def seed(layer_id: str, zooms: range) -> None:
    """Calcule et range les tuiles de COUCHE, pour que la première visite soit aussi rapide que les suivantes.

    Les tuiles déjà à jour ne sont pas recalculées : relancer la commande après une interruption reprend où elle en était.
    """
    from config.settings import Settings
    from geoportal.setup.console import ProgressLine, say
    from tiles.seed import seed_layer

    line = ProgressLine()
    try:
        done = seed_layer(Settings(), layer_id, zooms, lambda count, total: line("Tuiles", count, total))
    finally:
        line.close()
    size = f"{done.size / 1e6:.1f}".replace(".", ",")
    say(f"« {layer_id} » : {done.tiles} tuiles à jour, dont {done.filled} non vides ({size} Mo compressés).")


COMMANDS: tuple[click.Command, ...] = (seed,)
