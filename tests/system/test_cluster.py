"""The private cluster on this machine: made, killed, started again, sheltered, refused."""

import os
import shutil
import signal
import socket
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection

from config.settings import private_cluster_url
from geoportal.setup import cluster as cluster_module
from geoportal.setup.accounts import Account
from geoportal.setup.cluster import Cluster
from geoportal.setup.errors import SetupError
from geoportal.setup.postgres import choose_installation, find_installations
from tests.system.conftest import make_cluster


def open_server(data_dir: Path) -> Connection[tuple[object, ...]]:
    url = psycopg.conninfo.make_conninfo(private_cluster_url(data_dir), dbname="postgres")
    return psycopg.connect(url, autocommit=True)


def test_life_cycle(cluster: Cluster) -> None:
    assert cluster.start()
    assert not cluster.start(), "a second start finds it running"
    with open_server(cluster.data_dir) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 44 AS code")
        listening = conn.execute("SELECT current_setting('listen_addresses')").fetchone()
    assert listening == ("",), "it answers on a Unix socket only"
    assert cluster.stop()
    assert not cluster.stop()
    assert cluster.postmaster() is None


def test_it_starts_again_after_being_killed_and_has_lost_nothing(cluster: Cluster) -> None:
    cluster.start()
    with open_server(cluster.data_dir) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 44 AS code")
    postmaster = cluster.postmaster()
    assert postmaster is not None
    os.kill(postmaster.pid, signal.SIGKILL)
    assert postmaster.wait(10)
    assert cluster.postmaster() is None, "the pid file lies and is not believed"
    assert cluster.start()
    with open_server(cluster.data_dir) as conn:
        assert conn.execute("SELECT code FROM kept").fetchone() == (44,)


def test_a_pid_file_that_names_another_program_does_not_prevent_the_start(cluster: Cluster) -> None:
    cluster.start()
    cluster.stop()
    leftover = cluster.data / "postmaster.pid"
    leftover.write_text(f"{os.getppid()}\n{cluster.data}\n", encoding="utf-8")
    assert cluster.postmaster() is None
    assert cluster.start()


def test_the_socket_is_private(cluster: Cluster) -> None:
    cluster.start()
    assert cluster.socket_folder.stat().st_mode & 0o777 == 0o700
    assert cluster.data.stat().st_mode & 0o077 == 0
    assert cluster.socket_folder.stat().st_uid == cluster.account.uid


def test_a_closed_folder_sends_the_cluster_to_a_shelter(open_folder: Path) -> None:
    """Under /root for example, the account of PostgreSQL cannot come in; without root, the caller is that account."""
    closed = open_folder / "fermé"
    closed.mkdir(mode=0o700)
    shelters = open_folder / "abris"
    shelters.mkdir()
    cluster = make_cluster(closed / "var", shelters)
    try:
        cluster.start()
        assert cluster.data.is_symlink() == cluster.account.switch
        assert any(shelters.iterdir()) == cluster.account.switch
        with open_server(cluster.data_dir) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
        cluster.stop()
        assert cluster.start(), "and it is found again"
    finally:
        cluster.stop()


def test_no_way_in_at_all_is_one_sentence(open_folder: Path) -> None:
    closed = open_folder / "fermé"
    closed.mkdir(mode=0o700)
    (closed / "var").mkdir()
    (closed / "abris").mkdir()
    stranger = Account("nobody", 65534, 65534, switch=os.geteuid() == 0)
    cluster = Cluster(closed / "var", stranger, shelters=closed / "abris", installations=tuple(find_installations()))
    with pytest.raises(SetupError, match=r"ne peut entrer ni dans|appartient à un autre compte"):
        cluster.start()


def test_an_interrupted_making_is_done_again(cluster: Cluster) -> None:
    draft = cluster.data_dir / "pg.nouveau"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("15\n", encoding="ascii")
    assert cluster.start()
    assert not draft.exists()


def test_a_folder_too_deep_for_a_socket(open_folder: Path) -> None:
    deep = open_folder / ("profond-" * 12) / "var"
    cluster = make_cluster(deep, open_folder)
    try:
        cluster.start()
        assert not cluster.socket_folder.is_relative_to(deep)
        with open_server(deep) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
    finally:
        cluster.stop()
        shutil.rmtree(cluster.socket_folder)


def test_somebody_elses_socket_folder_is_refused(open_folder: Path) -> None:
    """In a shared temporary folder, anyone may have made that name first."""
    deep = open_folder / ("profond-" * 12) / "var"
    cluster = make_cluster(deep, open_folder)
    theirs = open_folder / "à eux"
    theirs.mkdir(mode=0o777)
    cluster.socket_folder.symlink_to(theirs)
    try:
        with pytest.raises(SetupError, match="appartient à un autre compte"):
            cluster.start()
    finally:
        cluster.socket_folder.unlink()


def test_full_disk(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "MINIMUM_FREE_BYTES", 10**18)
    with pytest.raises(SetupError, match=r"Il ne reste que \d+ Mo sur le disque"):
        cluster.start()
    assert not cluster.exists


def fake_postgres(root: Path, major: int, *, postgis: bool) -> None:
    """Programs that say they are PostgreSQL of this version."""
    programs, share = root / str(major) / "bin", root / str(major) / "share"
    programs.mkdir(parents=True)
    (share / "extension").mkdir(parents=True)
    if postgis:
        (share / "extension" / "postgis.control").touch()
    for name in ("initdb", "pg_config"):
        path = programs / name
        path.write_text(f'#!/bin/sh\necho "PostgreSQL {major}.4 (Debian)"\necho "{share}"\n', encoding="utf-8")
        path.chmod(0o755)


@pytest.mark.parametrize(
    ("versions", "wanted", "sentence", "hint"),
    [
        ([], None, "PostgreSQL est introuvable", "apt install"),
        ([(13, True)], None, "PostgreSQL 13 est trop ancien", "GEOPORTAL_DATABASE_URL"),
        ([(15, False)], None, "PostGIS manque à PostgreSQL 15", "postgresql-15-postgis-3"),
        ([(16, True)], 15, "au format de PostgreSQL 15, qui n'est plus installé", "postgresql-15 "),
    ],
)
def test_what_is_missing_is_one_sentence_and_a_command(
    tmp_path: Path, versions: list[tuple[int, bool]], wanted: int | None, sentence: str, hint: str
) -> None:
    for major, postgis in versions:
        fake_postgres(tmp_path, major, postgis=postgis)
    with pytest.raises(SetupError, match=sentence) as caught:
        choose_installation(find_installations(tmp_path), wanted)
    assert hint in caught.value.hint


def test_the_newest_version_with_postgis_is_chosen(tmp_path: Path) -> None:
    for major, postgis in ((9, True), (15, True), (16, True), (17, False)):
        fake_postgres(tmp_path, major, postgis=postgis)
    found = find_installations(tmp_path)
    assert [installation.major for installation in found] == [9, 15, 16, 17]
    assert choose_installation(found).major == 16
    assert choose_installation(found, 15).major == 15


def test_a_unix_socket_left_by_a_crash_is_replaced(cluster: Cluster) -> None:
    cluster.start()
    cluster.stop()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(cluster.socket_folder / ".s.PGSQL.5432"))
    assert cluster.start()
