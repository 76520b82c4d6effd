"""``bench``: how fast the portal is, against raw PostgreSQL, in one run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from config.settings import Settings


@click.command(epilog="Exemple : ./portail bench --only tuile --seconds 5 --json mesures.json")
@click.option("--features", type=click.IntRange(200), default=1_000_000, show_default=True, help="Nombre de parcelles inventées.")
@click.option(
    "--only", multiple=True, metavar="NOM", help="Ne prend que cette mesure, ou celles dont le nom commence ainsi ; répétable."
)
@click.option("--list", "listing", is_flag=True, help="Liste les mesures sans rien mesurer.")
@click.option(
    "--seconds", type=click.FloatRange(1, 60), default=3, show_default=True, help="Durée de chaque charge, en secondes."
)
@click.option(
    "--rounds", type=click.IntRange(1, 20), default=3, show_default=True, help="Nombre de tours portail puis référence."
)
@click.option(
    "--json", "target", type=click.Path(dir_okay=False, path_type=Path), help="Écrit aussi les mesures dans ce fichier."
)
@click.option("--reset", is_flag=True, help="Refait la base du banc d'essai (geoportail_bench) au lieu de la reprendre.")
@click.option("--strict", is_flag=True, help="Sort avec le code 1 si un objectif est manqué.")
def bench(
    features: int,
    only: tuple[str, ...],
    listing: bool,
    seconds: float,
    rounds: int,
    target: Path | None,
    reset: bool,
    strict: bool,
) -> int:
    """Mesure la vitesse du portail et la compare à PostgreSQL seul.

    Publie un million de parcelles inventées dans une base à part, lance un vrai serveur, le charge, et compare chaque
    figure à une référence prise dans le même passage : la même requête par pgbench ou psycopg, une application vide,
    ogr2ogr. Les rapports se lisent d'une machine à l'autre ; les vitesses, non. Voir docs/mesures.md.
    """
    import json
    import signal

    from config.settings import Settings
    from geoportal.setup.console import say

    try:
        from tests.bench.measures import MEASURES
        from tests.bench.run import Options, run_bench
        from tests.bench.verdict import render
    except ModuleNotFoundError as error:
        raise click.ClickException(
            "Le banc d'essai est dans le dossier tests, absent ici : lancez-le depuis une copie complète du code."
        ) from error

    if listing:
        for measure in MEASURES:
            say(f"{measure.name} : {measure.title}")
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended from outside, it still ends its servers
    settings = Settings()
    with _cluster(settings, say):
        outcome = run_bench(settings, Options(features, only, seconds, rounds, reset), say)
    say("")
    say(render(outcome.rows))
    if target:
        target.write_text(json.dumps(outcome.as_json(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return 1 if strict and not outcome.all_met else 0


@contextmanager
def _cluster(settings: "Settings", say: Callable[[str], None]) -> Iterator[None]:
    """Have the database at hand, and leave the private cluster as it was found, running or not."""
    from geoportal.setup.steps import cluster_of, start_cluster

    found = cluster_of(settings)
    was_running = found is not None and found.postmaster() is not None
    cluster = start_cluster(settings, say)
    try:
        yield
    except (RuntimeError, ValueError) as error:  # the errors of the bench are sentences for the reader
        raise click.ClickException(str(error)) from error
    finally:
        if cluster is not None and not was_running:
            cluster.stop()


COMMANDS = (bench,)
