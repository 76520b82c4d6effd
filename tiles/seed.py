"""Make the tiles of a layer ahead of the visits."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from config.database import read_pool
from config.settings import Settings
from layers.catalog import Collection, fetch_catalog
from tiles.grid import Tile, bbox_limits
from tiles.source import TileSource, is_offered

# As many as PostgreSQL can work on at once on a small machine, without starving the visitors.
_AT_ONCE = 2

Progress = Callable[[int, int], None]


@dataclass
class Seeded:
    """What was done: tiles looked at, those that hold something, and their compressed weight in bytes."""

    tiles: int = 0
    filled: int = 0
    size: int = 0


def seed_layer(settings: Settings, layer_id: str, zooms: range, progress: Progress) -> Seeded:
    """Fill the tile store with the current edition of a layer; tiles that are still right are not made again.

    ``progress`` receives (done, total). Raises UnknownLayerError.
    """
    return asyncio.run(_seed(settings, layer_id, zooms, progress))


async def _seed(settings: Settings, layer_id: str, zooms: range, progress: Progress) -> Seeded:
    async with read_pool(settings) as pool:
        async with pool.connection() as conn:
            collection = (await fetch_catalog(conn)).get(layer_id)
        source = TileSource(pool, settings.data_dir / "tiles", settings.tile_max_bytes)
        total = sum(count for _, count in _levels(collection, zooms))
        tiles = _tiles(collection, zooms)
        seeded = Seeded()

        async def work() -> None:
            for tile in tiles:
                stored = await source.current(collection, tile)
                seeded.tiles += 1
                seeded.filled += bool(stored.data)
                seeded.size += len(stored.data)
                progress(seeded.tiles, total)

        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(work())
        await source.close()
        return seeded


def _levels(collection: Collection, zooms: range) -> Iterator[tuple[int, int]]:
    """The zooms that the layer offers among those asked for, and their numbers of tiles."""
    if collection.edition.bbox:
        for z in zooms:
            if is_offered(collection, Tile(0, 0, z)):
                yield z, bbox_limits(collection.edition.bbox, z).count


def _tiles(collection: Collection, zooms: range) -> Iterator[Tile]:
    for z, _ in _levels(collection, zooms):
        if collection.edition.bbox:
            yield from bbox_limits(collection.edition.bbox, z).tiles()
