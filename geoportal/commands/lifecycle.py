"""Set-up and life of the portal: ``up``, ``down``, ``status``, ``doctor``, ``test``, ``migrate``, ``serve``."""

import click

_PORT = click.IntRange(1, 65535)


@click.command(epilog="Exemple : ./portail up --port 8080 --detach")
@click.option("--port", type=_PORT, default=8000, show_default=True, help="Port où répondre.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Adresse où répondre.")
@click.option("--detach", is_flag=True, help="Rend la main une fois le portail ouvert.")
@click.option("--no-demo", is_flag=True, help="Ne charge pas le territoire de départ.")
def up(port: int, host: str, detach: bool, no_demo: bool) -> None:
    """Prépare tout ce qui manque et ouvre le portail.

    Crée et démarre une base PostGIS privée (sauf si GEOPORTAL_DATABASE_URL en nomme une), la met à jour, charge le
    territoire de départ, puis lance le serveur web et le processus des travaux. Ctrl-C, ou « ./portail down »,
    arrête tout. Relancé, il ne refait que ce qui manque.
    """
    from config.settings import Settings
    from geoportal.setup import steps
    from geoportal.setup.console import say

    steps.up(Settings(), steps.Address(host, port), say, detach=detach, demo=not no_demo)


@click.command(epilog="Exemple : ./portail down")
def down() -> None:
    """Arrête le portail et sa base privée."""
    from config.settings import Settings
    from geoportal.setup import steps
    from geoportal.setup.console import say

    steps.down(Settings(), say)


@click.command(epilog="Exemple : ./portail status")
def status() -> int:
    """Dit si le portail est ouvert, où, et avec quelles couches.

    Le code de sortie est 0 s'il est ouvert, 3 sinon.
    """
    from config.settings import Settings
    from geoportal.setup.console import say
    from geoportal.setup.status import tell_status

    return 0 if tell_status(Settings(), say) else 3


@click.command(epilog="Exemple : ./portail doctor")
@click.option("--port", type=_PORT, default=8000, show_default=True, help="Port dont vérifier la liberté.")
def doctor(port: int) -> int:
    """Vérifie chaque pièce de l'installation et dit comment réparer.

    Le code de sortie est 1 si quelque chose est à corriger.
    """
    from geoportal.setup.console import say
    from geoportal.setup.doctor import diagnose, tell_diagnosis

    return 0 if tell_diagnosis(diagnose(port), say) else 1


@click.command(
    "test",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Exemple : ./portail test tests/unit -k cli",
)
@click.option("--ci", is_flag=True, envvar="CI", show_envvar=True, help="Un essai sauté est un échec.")
@click.argument("arguments", metavar="[ARGUMENTS DE PYTEST]", nargs=-1, type=click.UNPROCESSED)
def run_tests(ci: bool, arguments: tuple[str, ...]) -> int:
    """Vérifie le code puis lance tous les essais.

    Dans l'ordre : ruff, mypy, import-linter, pytest avec les arguments donnés. La base privée est démarrée si
    GEOPORTAL_DATABASE_URL n'en nomme pas une.
    """
    from config.settings import Settings
    from geoportal.setup.console import say
    from geoportal.setup.suite import run_suite

    return run_suite(Settings(), arguments, say, no_skips=ci)


@click.command(epilog="Exemple : GEOPORTAL_DATABASE_URL=postgresql://portail@base/portail ./portail migrate")
@click.option("--no-demo", is_flag=True, help="Ne charge pas le territoire de départ.")
def migrate(no_demo: bool) -> None:
    """Met la base à jour, sans ouvrir le portail.

    À lancer une fois par version, avant de redémarrer les processus, quand ils tournent en conteneurs ou sur plusieurs
    machines.
    """
    from config.settings import Settings
    from geoportal.setup import steps
    from geoportal.setup.console import say

    settings = Settings()
    steps.start_cluster(settings, say)
    steps.prepare_database(settings, say, demo=not no_demo)


@click.command(epilog="Exemple : GEOPORTAL_DATABASE_URL=postgresql://portail@base/portail ./portail serve --host 0.0.0.0")
@click.option("--port", type=_PORT, default=8000, show_default=True, help="Port où répondre.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Adresse où répondre.")
@click.option("--fd", type=int, hidden=True, help="Socket déjà ouverte, donnée par « up ».")
def serve(port: int, host: str, fd: int | None) -> None:
    """Lance le serveur web seul, sur une base déjà prête.

    Pour un conteneur ou un service systemd ; « ./portail up » fait le reste sur une seule machine.
    """
    import socket

    from config.settings import Settings
    from geoportal.setup.serve import open_socket, run_web

    if fd is None:
        run_web(open_socket(host, port), Settings().web_workers)
    else:
        run_web(socket.socket(fileno=fd), workers=1)  # « up » starts one of these by web process and watches over them


COMMANDS = (up, down, status, doctor, run_tests, migrate, serve)
