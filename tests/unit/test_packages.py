"""Archives fetched by the real pip from a folder of ours: no network, no package code run."""

import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from ingest.errors import IngestError
from ingest.packages import (
    Package,
    PackageAlteredError,
    PackageUnavailableError,
    fetch_package,
    file_sha256,
    open_member,
    verify_package,
)

MARK = "le code du paquet a été exécuté"
METADATA = "Metadata-Version: 2.1\nName: donnees-essai\nVersion: 1.0\nRequires-Dist: un-paquet-qui-n-existe-pas\n"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip searches instead of any registry, with one archive whose code would leave a mark."""
    folder = tmp_path / "etagere"
    folder.mkdir()
    with zipfile.ZipFile(folder / "donnees_essai-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("donnees_essai/__init__.py", f"raise SystemExit({MARK!r})")
        wheel.writestr("donnees_essai/table.csv", "a,b\n1,2\n")
        wheel.writestr("donnees_essai-1.0.dist-info/METADATA", METADATA)
        wheel.writestr("donnees_essai-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("donnees_essai-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def package(shelf: Path, tmp_path: Path) -> Package:
    digest = file_sha256(next(shelf.glob("*.whl")))
    requirement = tmp_path / "donnees-essai.txt"
    requirement.write_text(f"# des données\ndonnees-essai==1.0 --hash=sha256:{digest}\n", encoding="utf-8")
    return Package.from_requirement(requirement)


def silent(_: str) -> None:
    pass


def test_an_archive_is_fetched_once_and_read_without_being_installed(package: Package, tmp_path: Path) -> None:
    said: list[str] = []
    path = fetch_package(package, tmp_path / "cache", said.append)
    assert said == ["Téléchargement des données du paquet donnees-essai 1.0."]
    with open_member(path, "donnees_essai/table.csv") as member:
        assert member.read() == b"a,b\n1,2\n"
    assert "donnees_essai" not in sys.modules
    before = path.stat()
    assert fetch_package(package, tmp_path / "cache", said.append) == path
    assert len(said) == 1
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_an_archive_damaged_on_disk_is_fetched_again(package: Package, tmp_path: Path) -> None:
    path = fetch_package(package, tmp_path / "cache", silent)
    path.write_bytes(path.read_bytes()[:-1])
    assert file_sha256(fetch_package(package, tmp_path / "cache", silent)) == package.sha256


def test_what_an_interrupted_fetch_left_is_swept_and_never_taken_for_the_archive(package: Package, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    left_over = cache / ".en-cours-abcd"
    left_over.mkdir(parents=True)
    (left_over / "donnees_essai-1.0-py3-none-any.whl").write_bytes(b"PK")
    path = fetch_package(package, cache, silent)
    assert file_sha256(path) == package.sha256
    assert {entry.name for entry in cache.iterdir()} == {path.name, ".verrou"}


@pytest.mark.parametrize("obstacle", ["empty shelf", "other content", "no server"])
def test_a_fetch_that_fails_says_one_sentence_and_leaves_nothing(
    package: Package, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, obstacle: str
) -> None:
    archive = next(shelf.glob("*.whl"))
    if obstacle == "other content":
        with zipfile.ZipFile(archive, "a") as wheel:
            wheel.writestr("donnees_essai/autre.txt", "substitution")
    else:
        archive.unlink()
    if obstacle == "no server":
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
        monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(PackageUnavailableError) as raised:
        fetch_package(package, tmp_path / "cache", silent)
    assert "vérifiez l'accès au réseau" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert [entry.name for entry in (tmp_path / "cache").iterdir()] == [".verrou"]


def test_an_archive_that_someone_brings_must_be_the_pinned_one(package: Package, shelf: Path, tmp_path: Path) -> None:
    brought = Path(shutil.copy(next(shelf.glob("*.whl")), tmp_path / "apporte.whl"))
    assert verify_package(package, brought) == brought
    brought.write_bytes(b"autre")
    with pytest.raises(PackageAlteredError, match=r"apporte\.whl"):
        verify_package(package, brought)
    with pytest.raises(IngestError, match="n'existe pas"):
        verify_package(package, tmp_path / "absent.whl")


def test_a_member_that_is_not_there_is_said(package: Package, tmp_path: Path) -> None:
    path = fetch_package(package, tmp_path / "cache", silent)
    with (
        pytest.raises(IngestError, match=r"ne contient pas donnees_essai/autre\.csv"),
        open_member(path, "donnees_essai/autre.csv"),
    ):
        pass


@pytest.mark.parametrize(
    "text", ["", "donnees-essai==1.0\n", "a==1 --hash=sha256:" + "0" * 64 + "\nb==1 --hash=sha256:" + "0" * 64]
)
def test_a_requirement_pins_exactly_one_digest(tmp_path: Path, text: str) -> None:
    path = tmp_path / "paquet.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="une seule ligne"):
        Package.from_requirement(path)
