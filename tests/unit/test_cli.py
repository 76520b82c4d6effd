"""The command line speaks French, answers at once, and never shows a traceback."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import click
import psycopg
import pytest

from config.settings import ROOT, UnknownTerritoryError
from geoportal import cli
from geoportal.commands import load_commands
from geoportal.setup import frenchclick
from geoportal.setup.errors import SetupError
from layers.catalog import UnknownLayerError

VERBS = sorted(load_commands())
# What would make the help slow: everything that talks to a database, draws a map or serves HTTP.
HEAVY = ("psycopg", "pydantic", "shapely", "numpy", "rasterio", "pygeoapi", "starlette", "uvicorn", "pyproj", "jinja2")
ENGLISH = r"Usage:|Options:|Commands:|Show this message|default:|\[required\]|\bINTEGER\b|\bTEXT\b|\bError\b"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "geoportal", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def exit_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    out, err = capsys.readouterr()
    assert isinstance(caught.value.code, int)
    return caught.value.code, out, err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_french_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = exit_of(capsys, verb, "--help")
    assert status == 0
    assert "Exemple" in out
    assert f"portail {verb}" in " ".join(out.partition("Exemple")[2].split())
    assert out.startswith("Usage :")
    assert re.findall(ENGLISH, out) == []


def test_the_general_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = exit_of(capsys, "--help")
    assert status == 0
    assert {"up", "down", "status", "doctor", "test"} <= set(VERBS)
    assert [verb for verb in VERBS if f"  {verb} " not in out] == []


def test_every_option_is_explained() -> None:
    for name, command in load_commands().items():
        commands = command.commands.values() if isinstance(command, click.Group) else [command]
        for parameter in (parameter for one in commands for parameter in one.params):
            if isinstance(parameter, click.Option):
                assert parameter.help or parameter.hidden, f"{name} {parameter.opts}"


def test_help_loads_nothing_heavy() -> None:
    """Half a second for ``--help`` is a matter of what it imports."""
    code = (
        "import sys; from geoportal.cli import main\n"
        "try: main(['--help'])\n"
        f"finally: print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.strip() == "[]"


def test_an_unknown_verb_suggests_the_closest(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = exit_of(capsys, "statut")
    assert status == 2
    assert err == "Erreur : Le verbe « statut » n'existe pas. Vouliez-vous dire « status » ?\nAide : ./portail --help\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("up", "--prot", "1"), "L'option '--prot' n'existe pas."),
        (("up", "--port"), "L'option '--port' demande une valeur."),
        (("up", "--port", "99999"), "Valeur refusée pour '--port' : 99999 est hors de l'intervalle"),
        (("up", "ici"), "Argument en trop : ici"),
    ],
)
def test_misuse_is_told_in_french(arguments: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = exit_of(capsys, *arguments)
    assert status == 2
    assert expected in err
    assert "Aide : ./portail" in err


def texts_of_click() -> set[str]:
    """Every constant that click passes to gettext."""
    found: set[str] = set()
    for path in Path(click.__file__).parent.glob("*.py"):
        if path.name == "_winconsole.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext"):
                found.update(
                    argument.value
                    for argument in node.args
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
                )
    return found


def test_every_text_of_click_has_its_translation() -> None:
    assert texts_of_click() - set(frenchclick.TEXTS) == set()


def test_translations_keep_only_fields_that_click_gives() -> None:
    import string

    for english, french in frenchclick.TEXTS.items():
        given = {name for _, name, _, _ in string.Formatter().parse(english) if name}
        used = {name for _, name, _, _ in string.Formatter().parse(french) if name}
        assert used <= given, english


@pytest.mark.parametrize(
    ("error", "sentence", "hint"),
    [
        (SetupError("Rien ne va.", "Faites ceci."), "Rien ne va.", "Faites ceci."),
        (UnknownLayerError("routes"), "La couche « routes » n'existe pas.", ""),
        (UnknownTerritoryError("99"), "« 99 » n'est pas un code de département", ""),
        (
            psycopg.OperationalError("connection refused\nmore"),
            "La base de données ne répond pas : connection refused",
            "./portail up",
        ),
        (psycopg.errors.UndefinedTable("x"), "La base n'est pas encore préparée.", "./portail migrate"),
        (FileNotFoundError(2, "No such file", "a.csv"), "Introuvable : a.csv.", "Vérifiez le chemin."),
        (OSError(28, "No space left on device"), "Le disque est plein.", "Libérez de la place"),
        (PermissionError(13, "Permission denied", "/var/x"), "Accès refusé : /var/x.", "compte"),
        (ZeroDivisionError("division by zero"), "Erreur imprévue (ZeroDivisionError) : division by zero", "--debug"),
    ],
)
def test_every_error_is_a_sentence_and_a_hint(error: Exception, sentence: str, hint: str) -> None:
    found_sentence, found_hint = cli.explain(error)
    assert found_sentence.startswith(sentence)
    assert "\n" not in found_sentence
    assert hint in found_hint


def failing_verb(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    @click.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "_verbs", lambda: {"fail": fail})


def test_an_unexpected_error_shows_its_trace_only_with_debug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing_verb(monkeypatch, ValueError("cassé"))
    status, _, err = exit_of(capsys, "fail")
    assert status == 1
    assert "Erreur imprévue (ValueError) : cassé" in err
    assert "Traceback" not in err
    for arguments in (("--debug", "fail"), ("fail", "--debug")):
        status, _, err = exit_of(capsys, *arguments)
        assert status == 1
        assert "Traceback" in err


def test_an_interruption_is_not_an_error_trace(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    failing_verb(monkeypatch, KeyboardInterrupt())
    status, _, err = exit_of(capsys, "fail")
    assert status == 130
    assert "Interrompu." in err
    assert "Traceback" not in err


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GEOPORTAL_WEB_WORKERS", "beaucoup")
    status, _, err = exit_of(capsys, "status")
    assert status == 1
    assert "Valeur refusée pour GEOPORTAL_WEB_WORKERS." in err


def test_the_module_is_a_program() -> None:
    done = run("upp")
    assert done.returncode == 2
    assert "Vouliez-vous dire « up » ?" in done.stderr
