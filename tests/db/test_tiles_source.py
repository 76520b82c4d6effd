"""Where tiles come from when processes do not see the same edition yet."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from psycopg import Connection

from config.database import read_pool
from config.settings import Settings
from tests.db.test_tiles import tile_over
from tests.layer_samples import collection_of, publish_squares, square
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
    source.store.close()
    source.store.directory.joinpath("carres-essai.sqlite").unlink(missing_ok=True)
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
