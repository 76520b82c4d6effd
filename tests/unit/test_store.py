"""The tile store: keeps, never mixes two definitions, survives damage, serves several processes."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from config.settings import ROOT
from tiles.grid import Tile
from tiles.store import LayerStore, StoredTile, TileStore

TILE = Tile(2026, 1436, 12)
KEPT = StoredTile(b"abc", 3, 12)
SIGNATURE, OTHER = sha256(b"one").hexdigest(), sha256(b"two").hexdigest()

OpenStore = Callable[[str, str], LayerStore]


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[OpenStore]:
    """Opens stores of layers under signatures, in one folder, as processes do; they are closed at the end."""
    made = []

    def open_(layer_id: str, signature: str) -> LayerStore:
        made.append(LayerStore(tmp_path, layer_id, signature))
        return made[-1]

    yield open_
    for store in made:
        store.close()


def test_keeps_a_tile(open_store: OpenStore) -> None:
    store = open_store("a", SIGNATURE)
    assert store.get(TILE) is None
    assert store.put([(TILE, KEPT)])
    assert store.get(TILE) == KEPT
    store.close()
    assert open_store("a", SIGNATURE).get(TILE) == KEPT


def test_keeps_the_newest_edition_whoever_writes_last(open_store: OpenStore) -> None:
    store = open_store("a", SIGNATURE)
    store.put([(TILE, KEPT)])
    store.put([(TILE, StoredTile(b"old", 2, 12))])
    assert store.get(TILE) == KEPT
    store.put([(TILE, StoredTile(b"new", 4, 11))])
    assert store.get(TILE) == StoredTile(b"new", 4, 11)


def test_past_tiles_are_kept_under_their_edition(open_store: OpenStore) -> None:
    store = open_store("a", SIGNATURE)
    store.put([(TILE, KEPT)])
    for number in (1, 2):
        assert store.put([(TILE, StoredTile(bytes([number]), number, 12))], past=True)
    assert [store.get_past(TILE, number) for number in (1, 2, 3)] == [
        StoredTile(b"\x01", 1, 12),
        StoredTile(b"\x02", 2, 12),
        None,
    ]
    assert store.get(TILE) == KEPT


def test_forgets_the_tiles_of_another_signature(tmp_path: Path) -> None:
    stores = TileStore(tmp_path)
    stores.layer("a", SIGNATURE).put([(TILE, KEPT)])
    assert stores.layer("a", SIGNATURE).get(TILE) == KEPT
    assert stores.layer("a", OTHER).get(TILE) is None
    assert stores.layer("b", SIGNATURE).get(TILE) is None
    stores.close()


def test_two_definitions_open_at_once_never_mix(open_store: OpenStore) -> None:
    late, ahead = open_store("a", SIGNATURE), open_store("a", OTHER)
    assert late.put([(TILE, KEPT)])
    assert ahead.get(TILE) is None
    assert late.put([(Tile(1, 1, 12), KEPT)])
    assert ahead.get(Tile(1, 1, 12)) is None
    new = StoredTile(b"new", 3, 12)
    assert ahead.put([(TILE, new)])
    assert (late.get(TILE), ahead.get(TILE)) == (KEPT, new)


def test_closed_store_keeps_nothing_and_leaves_the_others_alone(tmp_path: Path) -> None:
    stores = TileStore(tmp_path)
    old = stores.layer("a", SIGNATURE)
    old.put([(TILE, KEPT)])
    new = stores.layer("a", OTHER)
    new.put([(TILE, StoredTile(b"new", 3, 12))])
    assert not old.put([(TILE, KEPT)])
    assert old.get(TILE) is None
    assert new.get(TILE) == StoredTile(b"new", 3, 12)
    assert not old.path.exists()
    stores.close()


def test_file_of_an_old_definition_goes_when_nobody_uses_it(tmp_path: Path, open_store: OpenStore) -> None:
    late, ahead, neighbour = (open_store(*names) for names in (("a", SIGNATURE), ("a", OTHER), ("a-b", SIGNATURE)))
    late.put([(TILE, KEPT)])
    neighbour.put([(TILE, KEPT)])
    neighbour.close()
    ahead.put([(TILE, KEPT)])
    assert late.path.exists()
    assert late.get(TILE) == KEPT
    late.close()
    ahead.close()
    again = open_store("a", OTHER)
    assert again.put([(Tile(1, 1, 12), KEPT)])
    assert again.get(TILE) == KEPT
    again.close()
    left = {path.name for path in tmp_path.iterdir() if path.suffix != ".lock"}
    assert {name.split(".")[0] for name in left} == {again.path.stem, neighbour.path.stem}


@pytest.mark.parametrize("damage", [b"", b"not a database" * 1000], ids=["emptied", "overwritten"])
def test_damaged_file_is_made_again(open_store: OpenStore, damage: bytes) -> None:
    store = open_store("a", SIGNATURE)
    store.put([(TILE, KEPT)])
    store.close()
    store.path.write_bytes(damage)
    again = open_store("a", SIGNATURE)
    assert again.get(TILE) is None
    assert again.put([(TILE, KEPT)])
    assert again.get(TILE) == KEPT


def test_damage_under_an_open_store_is_worked_around(open_store: OpenStore) -> None:
    store = open_store("a", SIGNATURE)
    store.put((Tile(x, 0, 12), StoredTile(bytes(3000), 1, 12)) for x in range(500))
    other = open_store("a", SIGNATURE)
    assert other.get(Tile(3, 0, 12)) is not None
    size = store.path.stat().st_size
    with store.path.open("r+b") as file:
        file.write(b"\xff" * size)
    store.path.with_name(f"{store.path.name}-wal").write_bytes(b"")
    fresh = open_store("a", SIGNATURE)
    fresh.get(Tile(400, 0, 12))  # notices; must not raise
    assert fresh.put([(TILE, KEPT)])
    assert fresh.get(TILE) == KEPT


def test_unwritable_folder_is_only_a_missing_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = LayerStore(tmp_path / "file", "a", SIGNATURE)
    assert store.get(TILE) is None
    assert not store.put([(TILE, KEPT)])


WRITER = """
import sys
from pathlib import Path
from tiles.grid import Tile
from tiles.store import LayerStore, StoredTile
store = LayerStore(Path(sys.argv[1]), "a", "0" * 64)
number = int(sys.argv[2])
for batch in range(20):
    tiles = [(Tile(batch * 50 + i, number, 14), StoredTile(bytes([number]) * 500, 1, 14)) for i in range(50)]
    assert store.put(tiles)
"""


def test_two_processes_write_together(tmp_path: Path, open_store: OpenStore) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, str(number)], cwd=ROOT) for number in (1, 2)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    store = open_store("a", "0" * 64)
    for number in (1, 2):
        found = [store.get(Tile(x, number, 14)) for x in range(1000)]
        assert found == [StoredTile(bytes([number]) * 500, 1, 14)] * 1000
