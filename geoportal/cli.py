"""The command line: finds the verbs, and turns every error into one French sentence with a hint."""

import difflib
import errno
import sys
import traceback
from collections.abc import Sequence
from functools import cache
from typing import NoReturn

import click

from geoportal.setup import frenchclick
from geoportal.setup.errors import SetupError

frenchclick.install()

OUR_PACKAGES = ("config", "layers", "tiles", "ingest", "geoportal")
INTERRUPTED = 130
_FREE_ARGUMENTS = ("test",)  # verbs that hand the rest of the line over to another program


@cache
def _verbs() -> dict[str, click.Command]:
    from geoportal.commands import load_commands

    return load_commands()


class Verbs(click.Group):
    """The group of all verbs, read from ``geoportal/commands`` when first needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click's
        return sorted(_verbs())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        return _verbs().get(cmd_name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in _verbs():
            raise click.UsageError(f"Le verbe « {args[0]} » n'existe pas.{_suggestion(args[0])}", ctx)
        return super().resolve_command(ctx, args)


def _suggestion(word: str) -> str:
    close = difflib.get_close_matches(word, _verbs(), n=1, cutoff=0.5)
    return f" Vouliez-vous dire « {close[0]} » ?" if close else ""


@click.group(
    cls=Verbs,
    subcommand_metavar="VERBE [ARGUMENTS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exemple : ./portail up — installe, charge le territoire de départ et ouvre le portail.",
)
# Only declared here, for the help: main reads it before click does, since it also concerns the errors of click.
@click.option("--debug", is_flag=True, help="Montre la trace complète d'une erreur.")
def cli(**_: bool) -> None:
    """Géoportail et atlas du département : mise en route, couches, éditions et exploitation.

    « ./portail VERBE --help » explique chaque verbe.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 refused or failed, 2 misused, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that is not in UTF-8 shows « ? » rather than a traceback
    words, debug = _take_debug(list(sys.argv[1:] if arguments is None else arguments))
    try:
        status = cli.main(words, prog_name="./portail", standalone_mode=False)
    except Exception as error:
        if debug:
            traceback.print_exc()
        sys.exit(report(error))
    except KeyboardInterrupt:
        _tell("Interrompu.")
        sys.exit(INTERRUPTED)
    sys.exit(status if isinstance(status, int) else 0)


def _take_debug(words: list[str]) -> tuple[list[str], bool]:
    """Accept ``--debug`` anywhere, except after a verb that hands its arguments over."""
    free = [words.index(verb) for verb in _FREE_ARGUMENTS if verb in words]
    end = min([*free, words.index("--") if "--" in words else len(words)])
    kept = [word for word in words[:end] if word != "--debug"] + words[end:]
    return kept, len(kept) < len(words)


def report(error: Exception) -> int:
    """Tell an error in one sentence, with a hint when there is one, and return the exit status."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort):
        _tell("Interrompu.")
        return INTERRUPTED
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        _tell(error.format_message())
        return error.exit_code
    if isinstance(error, click.UsageError):
        _tell(f"Erreur : {error.format_message()}")
        _tell(f"Aide : {error.ctx.command_path if error.ctx else './portail'} --help")
        return error.exit_code
    sentence, hint = explain(error)
    _tell(f"Erreur : {sentence}")
    if hint:
        _tell(hint)
    return 1


def explain(error: Exception) -> tuple[str, str]:
    """The sentence and the hint for an exception of any kind."""
    if isinstance(error, SetupError):
        return str(error), error.hint
    if isinstance(error, click.ClickException):
        return error.format_message(), ""
    module = type(error).__module__.partition(".")[0]
    if module in OUR_PACKAGES:
        return str(error), str(getattr(error, "hint", ""))
    if module in ("psycopg", "psycopg_pool"):
        return _explain_database(error)
    if module in ("pydantic_core", "pydantic_settings"):
        return _explain_settings(error)
    if isinstance(error, OSError):
        return _explain_system(error)
    return (
        f"Erreur imprévue ({type(error).__name__}) : {_first_line(error)}",
        "Relancez avec --debug, avant le verbe, pour la trace complète.",
    )


def _explain_database(error: Exception) -> tuple[str, str]:
    import psycopg
    from psycopg_pool import PoolTimeout

    if isinstance(error, psycopg.errors.UndefinedTable):
        return "La base n'est pas encore préparée.", "Lancez ./portail migrate (ou ./portail up)."
    if isinstance(error, psycopg.errors.DiskFull):
        return "Le disque de la base de données est plein.", "Libérez de la place, puis relancez."
    if isinstance(error, (psycopg.OperationalError, PoolTimeout)):
        return (
            f"La base de données ne répond pas : {_first_line(error)}",
            "Lancez ./portail up, ou vérifiez GEOPORTAL_DATABASE_URL ; ./portail doctor dit ce qui manque.",
        )
    return f"La base de données a refusé la demande : {_first_line(error)}", "Relancez avec --debug pour la trace complète."


def _explain_settings(error: Exception) -> tuple[str, str]:
    problems = error.errors() if hasattr(error, "errors") else []
    names = sorted({"GEOPORTAL_" + str(problem["loc"][0]).upper() for problem in problems if problem.get("loc")})
    if not names:
        return f"Un réglage est illisible : {_first_line(error)}", "Voyez docs/exploitation.md, « Réglages »."
    return f"Valeur refusée pour {', '.join(names)}.", "Voyez docs/exploitation.md, « Réglages »."


def _explain_system(error: OSError) -> tuple[str, str]:
    where = f" : {error.filename}" if error.filename else ""
    match error.errno:
        case errno.ENOSPC:
            return f"Le disque est plein{where}.", "Libérez de la place, puis relancez."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"Accès refusé{where}.", "Relancez avec le compte qui possède ce fichier."
        case errno.ENOENT:
            return f"Introuvable{where}.", "Vérifiez le chemin."
        case _:
            return f"Le système a refusé l'opération{where} ({error.strerror or error}).", ""


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _tell(line: str) -> None:
    click.echo(line, err=True)
