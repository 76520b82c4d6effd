"""The pieces of the set-up that need no server."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import ROOT, Settings, private_cluster_url, socket_directory
from geoportal.commands import load_commands
from geoportal.setup import console, serve, state, suite, tuning
from geoportal.setup.errors import SetupError
from geoportal.setup.processes import ProcessId, identify, start_of
from geoportal.setup.settingsdoc import with_settings_table
from geoportal.setup.steps import Address, with_public_url

GUIDE = ROOT / "docs" / "exploitation.md"

# --- tuning ------------------------------------------------------------------------------------------------------------


@given(st.integers(min_value=256, max_value=4_000_000))
def test_buffers_and_work_memory_fit_in_the_machine(memory_mb: int) -> None:
    parameters = tuning.tuned_settings(memory_mb, 100)
    shared = int(parameters["shared_buffers"].removesuffix("MB"))
    maintenance = int(parameters["maintenance_work_mem"].removesuffix("MB"))
    assert 64 <= shared <= max(64, memory_mb // 4)
    assert shared + maintenance <= max(96, memory_mb // 2)


def test_a_container_counts_its_own_limit(tmp_path: Path) -> None:
    meminfo, limit = tmp_path / "meminfo", tmp_path / "memory.max"
    meminfo.write_text("MemTotal:       16384000 kB\nMemFree: 1 kB\n", encoding="ascii")
    assert tuning.total_memory_mb(meminfo, limit) == 16_000
    limit.write_text("max\n", encoding="ascii")
    assert tuning.total_memory_mb(meminfo, limit) == 16_000
    limit.write_text(f"{2048 * 1024 * 1024}\n", encoding="ascii")
    assert tuning.total_memory_mb(meminfo, limit) == 2048


def test_the_configuration_listens_on_nothing_but_the_socket() -> None:
    text = tuning.configuration(Path("/var/l'été, ici"), {"jit": "off"}, small_shm=True)
    assert "listen_addresses = ''" in text
    assert "unix_socket_directories = '\"/var/l''été, ici\"'" in text
    assert "dynamic_shared_memory_type = mmap" in text
    assert "dynamic_shared_memory_type" not in tuning.configuration(Path("/x"), {}, small_shm=False)


# --- progress ----------------------------------------------------------------------------------------------------------


def test_bar() -> None:
    assert console.bar(0, 10) == f"[{' ' * 30}] 0 %"
    assert console.bar(5, 10) == f"[{'#' * 15}{' ' * 15}] 50 %"
    assert console.bar(10, 10) == f"[{'#' * 30}] 100 %"
    assert console.bar(0, 0).endswith("100 %")


def test_a_terminal_sees_one_line_redrawn(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter(float(n) for n in range(10))
    progress = console.ProgressLine(terminal=True, clock=lambda: next(times))
    for done in (0, 50, 100):
        progress("communes", done, 100)
    out = capsys.readouterr().out
    assert out.count("\r") == 3
    assert out.count("\n") == 1
    assert out.endswith("100 %\n")


def test_elsewhere_plain_lines_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 1.0, 2.0, 6.0, 7.0])
    progress = console.ProgressLine(terminal=False, clock=lambda: next(times))
    for done in (0, 20, 40, 60, 100):
        progress("communes", done, 100)
    lines = capsys.readouterr().out.splitlines()
    assert [line.rsplit("] ")[1] for line in lines] == ["0 %", "60 %", "100 %"]


def test_an_unknown_total_tells_the_count(capsys: pytest.CaptureFixture[str]) -> None:
    console.ProgressLine(terminal=False)("lignes", 12, None)
    assert capsys.readouterr().out == "  lignes : 12\n"


# --- address -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://localhost:8123"),
        ("0.0.0.0", "http://localhost:8123"),  # noqa: S104
        ("192.168.1.7", "http://192.168.1.7:8123"),
        ("fe80::1", "http://[fe80::1]:8123"),
    ],
)
def test_links_point_to_the_address_served(host: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEOPORTAL_PUBLIC_URL", raising=False)
    assert with_public_url(Settings(), Address(host, 8123)).public_url == expected


def test_a_public_address_given_is_kept() -> None:
    settings = Settings(public_url="https://geo.exemple.fr")
    assert with_public_url(settings, Address("127.0.0.1", 8123)).public_url == "https://geo.exemple.fr"


def test_a_port_taken_is_one_sentence_and_another_port() -> None:
    with serve.open_socket("127.0.0.1", 0) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(SetupError, match=f"Le port {port} est déjà pris") as caught:
            serve.open_socket("127.0.0.1", port)
    assert "--port" in caught.value.hint


def test_an_address_of_another_machine_is_one_sentence() -> None:
    with pytest.raises(SetupError, match="n'est pas celle de cette machine"):
        serve.open_socket("192.0.2.1", 8123)


@given(st.text(st.characters(exclude_characters="/\0,", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_the_address_of_the_private_cluster_survives_any_folder_name(name: str) -> None:
    from psycopg.conninfo import conninfo_to_dict

    folder = Path("/srv") / name
    assert conninfo_to_dict(private_cluster_url(folder))["host"] == str(socket_directory(folder))


# --- lock and state ----------------------------------------------------------------------------------------------------


def test_one_portal_at_a_time(tmp_path: Path) -> None:
    first, second = state.Lock(tmp_path), state.Lock(tmp_path)
    assert not state.is_locked(tmp_path)
    assert first.acquire()
    assert not second.acquire()
    assert state.is_locked(tmp_path)
    first.close()
    assert second.acquire()
    second.close()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    code = (
        "import sys, signal; from pathlib import Path; from geoportal.setup.state import Lock\n"
        "lock = Lock(Path(sys.argv[1])); print(lock.acquire(), flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert state.is_locked(tmp_path)
        holder.kill()
        holder.wait(10)
    assert not state.is_locked(tmp_path)


def test_state_round_trip(tmp_path: Path) -> None:
    assert state.read_state(tmp_path) is None
    state.write_state(tmp_path, state.SERVING, "http://localhost:8123", [("parent", os.getppid()), ("mort", 2**22 + 1)])
    read = state.read_state(tmp_path)
    assert read is not None
    assert read.main.pid == os.getpid()
    assert read.main.is_alive
    assert (read.phase, read.url, list(read.children)) == (state.SERVING, "http://localhost:8123", ["parent"])
    state.clear_state(tmp_path)
    assert state.read_state(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"main": 3}', '{"main": {"pid": 1}, "children": {}}'])
def test_a_torn_state_is_no_state(tmp_path: Path, text: str) -> None:
    (tmp_path / "portail.json").write_text(text, encoding="utf-8")
    assert state.read_state(tmp_path) is None


def test_a_number_given_again_is_not_the_old_process() -> None:
    mine = identify(os.getpid())
    assert mine is not None
    assert mine.is_alive
    impostor = ProcessId(os.getpid(), mine.started + 1)
    assert not impostor.is_alive
    impostor.send(signal.SIGKILL)  # would end this very test
    assert impostor.wait(0)


def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen(["true"])
    process = ProcessId(child.pid, start_of(child.pid) or 0)
    assert process.wait(10)
    assert not process.is_alive
    child.wait()


# --- test --------------------------------------------------------------------------------------------------------------


def test_pytest_receives_arguments_settings_and_the_refusal_of_skips(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, shared_data=tmp_path / "vrai")
    command = suite.pytest_command(settings, ["tests/unit", "-k", "cli"], no_skips=True)
    assert command[-5:] == ["-p", "tests.no_skips", "tests/unit", "-k", "cli"]
    assert f"GEOPORTAL_SHARED_DATA={tmp_path / 'vrai'}" in command
    assert "tests.no_skips" not in suite.pytest_command(settings, [], no_skips=False)


def test_real_files_beside_the_checkout_are_found(tmp_path: Path) -> None:
    root = tmp_path / "main"
    assert suite.default_shared_data(root) is None
    (tmp_path / "shared" / "data").mkdir(parents=True)
    assert suite.default_shared_data(root) == tmp_path / "shared" / "data"


@pytest.mark.parametrize(("plugin", "status"), [([], 0), (["-p", "tests.no_skips"], 1)])
def test_a_skipped_test_fails_the_integration_server(tmp_path: Path, plugin: list[str], status: int) -> None:
    (tmp_path / "test_sample.py").write_text(
        "import pytest\n\ndef test_passes():\n    pass\n\n@pytest.mark.skip(reason='x')\ndef test_skipped():\n    pass\n"
        "\n@pytest.mark.xfail\ndef test_expected():\n    assert False\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status
    assert ("essais sautés" in done.stdout) == bool(plugin)
    assert "1 passed, 1 skipped, 1 xfailed" in done.stdout.splitlines()[-1], "pytest's own summary stays last"


# --- documentation -----------------------------------------------------------------------------------------------------


def test_every_setting_is_documented_as_it_is() -> None:
    """After a change of config/settings.py, write ``with_settings_table(text)`` back into the guide."""
    text = GUIDE.read_text(encoding="utf-8")
    assert with_settings_table(text) == text
    for name, field in Settings.model_fields.items():
        assert field.description, name


def test_the_guide_names_only_verbs_that_exist() -> None:
    words = set(re.findall(r"\./portail ([a-z]+)", GUIDE.read_text(encoding="utf-8")))
    assert {"up", "down", "doctor", "migrate"} <= words
    assert words <= set(load_commands())


def test_every_guide_is_in_the_index() -> None:
    index = (GUIDE.parent / "README.md").read_text(encoding="utf-8")
    guides = {path.name for path in GUIDE.parent.glob("*.md")} - {"README.md"}
    assert {name for name in guides if f"({name})" not in index} == set()
    assert set(re.findall(r"\(([a-z-]+\.md)\)", index)) <= guides
