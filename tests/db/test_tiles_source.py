"""Where tiles come from when processes do not see the same edition yet."""

import gzip
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from psycopg import Connection

from config.database import read_pool
from config.settings import Settings
from tests.db.test_tiles import tile_over
from tests.layer_samples import SQUARES, collection_of, publish_squares, square
from tiles.grid import Tile
from tiles.source import TileSource

Conn = Connection[tuple[Any, ...]]
pytestmark = pytest.mark.anyio
HERE, FAR = tile_over(square(1), 14), tile_over(square(200), 14)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def source(settings: Settings) -> AsyncIterator[TileSource]:
    async with read_pool(settings) as pool:
        made = TileSource(pool, settings.data_dir / "tiles", settings.tile_max_bytes)
        yield made
        await made.close()


async def test_tile_made_once_comes_from_the_store(source: TileSource, conn: Conn) -> None:
    publish_squares(conn, {"a": (1, 1)})
    collection = collection_of(conn)
    first = await source.current(collection, HERE)
    await source.writer.drain()
    conn.execute("DROP TABLE data.carres_essai")
    assert await source.current(collection, HERE) == first


async def test_untouched_tile_is_kept_through_editions(source: TileSource, conn: Conn) -> None:
    publish_squares(conn, {"a": (1, 1), "b": (1, 200)})
    here, far = [await source.current(collection_of(conn), tile) for tile in (HERE, FAR)]
    await source.writer.drain()
    publish_squares(conn, {"a": (2, 1), "b": (1, 200)})
    collection = collection_of(conn)
    assert (await source.current(collection, HERE)).data != here.data
    conn.execute("DROP TABLE data.carres_essai")
    kept = await source.current(collection, FAR)
    assert (kept.data, kept.edition) == (far.data, 2)
    assert (await source.of_edition(collection, FAR, 1)).data == far.data


async def test_process_behind_the_database_does_not_take_one_edition_for_another(source: TileSource, conn: Conn) -> None:
    publish_squares(conn, {"a": (1, 1)})
    before = collection_of(conn)
    right = await source.of_edition(before, HERE, 1)
    await source.close()
    source = TileSource(source.pool, source.store.directory.with_name("others"), source.max_bytes)
    publish_squares(conn, {"a": (2, 1)})
    shown = await source.current(before, HERE)
    assert shown.edition == 2  # not that of the catalogue: it is shown, not kept in memory
    assert shown.data != right.data
    again = await source.of_edition(before, HERE, 1)
    assert (again.edition, len(again.data) > 0) == (1, True)
    await source.writer.drain()
    # What was stored meanwhile bears its true edition.
    kept = await source.current(collection_of(conn), HERE)
    assert (kept.data, kept.edition) == (shown.data, 2)
    await source.close()


async def test_stores_of_two_databases_do_not_mix(source: TileSource, settings: Settings, conn: Conn) -> None:
    publish_squares(conn, {"a": (1, 1)})
    first = await source.current(collection_of(conn), HERE)
    await source.writer.drain()
    conn.execute("UPDATE portail.layer SET created_at = created_at + interval '1 second'")  # as a base made anew
    conn.execute("UPDATE data.carres_essai SET nombre = 9")
    async with read_pool(settings) as pool:
        other = TileSource(pool, settings.data_dir / "tiles", settings.tile_max_bytes)
        assert (await other.current(collection_of(conn), HERE)).data != first.data
        await other.close()


async def test_process_at_an_old_definition_never_feeds_one_at_the_new(
    source: TileSource, settings: Settings, conn: Conn
) -> None:
    publish_squares(conn, {"a": (1, 1), "b": (1, 200)})
    before = collection_of(conn)
    await source.current(before, HERE)
    await source.writer.drain()
    fields = [field.model_copy(update={"hidden": field.name == "nom"}) for field in SQUARES.fields]
    after = replace(before, layer=SQUARES.model_copy(update={"fields": tuple(fields)}))
    async with read_pool(settings) as pool:
        ahead = TileSource(pool, settings.data_dir / "tiles", settings.tile_max_bytes)
        await ahead.current(after, HERE)
        await ahead.writer.drain()
        named = await source.current(before, FAR)  # the late process still writes what it knows
        await source.writer.drain()
        shown = await ahead.current(after, FAR)
        assert ("Carré".encode() in gzip.decompress(named.data), "Carré".encode() in gzip.decompress(shown.data)) == (True, False)
        await ahead.close()


async def test_tiles_outside_the_extent_are_never_stored(source: TileSource, conn: Conn) -> None:
    publish_squares(conn, {"a": (1, 1), "b": (1, 200)})
    publish_squares(conn, {"a": (1, 1)})
    collection = collection_of(conn)
    past = await source.of_edition(collection, FAR, 1)
    assert (len(past.data) > 0, past.edition) == (True, 1)  # outside the extent of today, inside that of then
    for x in range(20):
        assert not (await source.of_edition(collection, Tile(x, 0, 14), 1)).data
        assert not (await source.of_edition(collection, Tile(x, 0, 5), 1)).data
    await source.writer.drain()
    path = (await source._store_of(collection)).path
    if path.exists():
        with sqlite3.connect(path) as store:
            assert store.execute("SELECT (SELECT count(*) FROM tile) + (SELECT count(*) FROM past)").fetchone() == (0,)


async def test_past_tile_of_a_low_zoom_is_made_once(source: TileSource, conn: Conn) -> None:
    publish_squares(conn, {"a": (1, 1), "b": (1, 200)})
    publish_squares(conn, {"a": (2, 1), "b": (1, 200)})
    publish_squares(conn, {"a": (3, 1), "b": (1, 200)})
    collection = collection_of(conn)
    tile = tile_over(square(1), 8)
    first = [await source.of_edition(collection, tile, number) for number in (1, 2)]
    await source.writer.drain()
    conn.execute("DROP TABLE data.carres_essai_history")
    assert [await source.of_edition(collection, tile, number) for number in (1, 2)] == first
    assert first[0].data != first[1].data
    assert [one.edition for one in first] == [1, 2]
