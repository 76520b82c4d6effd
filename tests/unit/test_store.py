"""The tile store: keeps, forgets what is foreign, survives damage, serves several processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import ROOT
from tiles.grid import Tile
from tiles.store import LayerStore, StoredTile, TileStore

TILE = Tile(2026, 1436, 12)
KEPT = StoredTile(b"abc", 3, 12)


def test_keeps_a_tile(tmp_path: Path) -> None:
    store = LayerStore(tmp_path / "a.sqlite", "s")
    assert store.get(TILE) is None
    assert store.put([(TILE, KEPT)])
    assert store.get(TILE) == KEPT
    store.close()
    assert LayerStore(tmp_path / "a.sqlite", "s").get(TILE) == KEPT


def test_keeps_the_newest_edition_whoever_writes_last(tmp_path: Path) -> None:
    store = LayerStore(tmp_path / "a.sqlite", "s")
    store.put([(TILE, KEPT)])
    store.put([(TILE, StoredTile(b"old", 2, 12))])
    assert store.get(TILE) == KEPT
    store.put([(TILE, StoredTile(b"new", 4, 11))])
    assert store.get(TILE) == StoredTile(b"new", 4, 11)


def test_forgets_the_tiles_of_another_signature(tmp_path: Path) -> None:
    stores = TileStore(tmp_path)
    stores.layer("a", "one").put([(TILE, KEPT)])
    assert stores.layer("a", "one").get(TILE) == KEPT
    assert stores.layer("a", "two").get(TILE) is None
    assert stores.layer("b", "one").get(TILE) is None
    stores.close()


@pytest.mark.parametrize("damage", [b"", b"not a database" * 1000], ids=["emptied", "overwritten"])
def test_damaged_file_is_made_again(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "a.sqlite"
    store = LayerStore(path, "s")
    store.put([(TILE, KEPT)])
    store.close()
    path.write_bytes(damage)
    again = LayerStore(path, "s")
    assert again.get(TILE) is None
    assert again.put([(TILE, KEPT)])
    assert again.get(TILE) == KEPT


def test_damage_under_an_open_store_is_worked_around(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    store = LayerStore(path, "s")
    store.put((Tile(x, 0, 12), StoredTile(bytes(3000), 1, 12)) for x in range(500))
    other = LayerStore(path, "s")
    assert other.get(Tile(3, 0, 12)) is not None
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.write(b"\xff" * size)
    path.with_name("a.sqlite-wal").write_bytes(b"")
    fresh = LayerStore(path, "s")
    fresh.get(Tile(400, 0, 12))  # notices; must not raise
    assert fresh.put([(TILE, KEPT)])
    assert fresh.get(TILE) == KEPT


def test_unwritable_folder_is_only_a_missing_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = LayerStore(tmp_path / "file" / "a.sqlite", "s")
    assert store.get(TILE) is None
    assert not store.put([(TILE, KEPT)])


WRITER = """
import sys
from pathlib import Path
from tiles.grid import Tile
from tiles.store import LayerStore, StoredTile
store = LayerStore(Path(sys.argv[1]), "s")
number = int(sys.argv[2])
for batch in range(20):
    tiles = [(Tile(batch * 50 + i, number, 14), StoredTile(bytes([number]) * 500, 1, 14)) for i in range(50)]
    assert store.put(tiles)
"""


def test_two_processes_write_together(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [subprocess.Popen([*command, str(number)], cwd=ROOT) for number in (1, 2)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    store = LayerStore(path, "s")
    for number in (1, 2):
        found = [store.get(Tile(x, number, 14)) for x in range(1000)]
        assert found == [StoredTile(bytes([number]) * 500, 1, 14)] * 1000
