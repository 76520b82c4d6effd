"""Vector tiles from PostGIS: one statement per tile, and a lighter drawing when the tile would be too heavy.

From zoom 13 up, the features themselves; below, the overviews made at publication. A tile heavier than the limit is drawn
again from coarser overviews and, in the last resort, as counts on a grid: nothing is cut off in silence.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection, sql

from layers import storage
from layers.catalog import Collection
from layers.overviews import FINEST_LEVEL, drawn, overview_table
from layers.statements import statement
from tiles import affine
from tiles.grid import Tile

EXTENT = 4096
BUFFER = 64
# The number of features that one object of an overview stands for; absent when it is the feature itself.
COUNT_NAME = "nombre"
_SQL = Path(__file__).resolve().parent / "sql"
# The lightest feature that PostGIS writes: with more rows than this allows, the tile is too heavy for certain.
_LEAST_FEATURE_BYTES = 20
# How much coarser to draw a tile that is too heavy: each step has about a quarter, then a sixtieth of the objects.
_COARSER = (0, 1, 3)
# How one cell of the coarsest drawing looks, by the dimension of the layer; (x, y) is its top left corner.
_CELL_SHAPES = (
    "ST_MakePoint(x + 32, y + 32)",
    "ST_MakeLine(ST_MakePoint(x + 8, y + 32), ST_MakePoint(x + 56, y + 32))",
    "ST_MakePolygon(ST_MakeLine(ARRAY[ST_MakePoint(x, y), ST_MakePoint(x + 64, y), ST_MakePoint(x + 64, y + 64),"
    " ST_MakePoint(x, y + 64), ST_MakePoint(x, y)]))",
)
_QUERIES: WeakKeyDictionary[Collection, dict[tuple[Any, ...], sql.Composed]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class MadeTile:
    """The bytes of a tile (empty when nothing is there), the edition it shows, and the level of detail it was made at.

    ``level`` is a zoom: coarser than the tile's own, the content depends on what happens further around the tile.
    """

    data: bytes
    edition: int
    level: int


@dataclass(frozen=True, slots=True)
class _Try:
    """One way of drawing the tile."""

    query: sql.Composed
    values: dict[str, Any]
    level: int


async def fetch_tile(
    conn: AsyncConnection[Any], collection: Collection, tile: Tile, max_bytes: int, edition: int | None = None
) -> MadeTile:
    """Make one tile of the current edition, or of the past one numbered ``edition``.

    ``conn`` is in autocommit; the bytes and their edition come from one snapshot. ``max_bytes`` is before compression.
    """
    tries = _present(collection, tile, max_bytes) if edition is None else _past(collection, tile, max_bytes, edition)
    made = MadeTile(b"", 0, tile.z)
    async with conn.cursor(binary=True) as cur:
        for attempt in tries:
            await cur.execute(attempt.query, attempt.values, prepare=True)
            row = await cur.fetchone()
            if row is None:
                break
            data, count, number = row
            made = MadeTile(data or b"", number, attempt.level)
            if len(made.data) <= max_bytes and count < _row_limit(max_bytes):
                break
    return made


def _row_limit(max_bytes: int) -> int:
    return max_bytes // _LEAST_FEATURE_BYTES


def _present(collection: Collection, tile: Tile, max_bytes: int) -> Iterator[_Try]:
    if tile.z >= affine.MIN_ZOOM:
        values = asdict(affine.tile_map(collection.srid, tile.z, tile.x, tile.y, BUFFER))
        yield _Try(_full_query(collection, max_bytes), values, tile.z)
    elif tile.z > FINEST_LEVEL:
        yield _Try(_exact_query(collection, max_bytes, None), _with_box(collection, tile), tile.z)
    finest = min(tile.z, FINEST_LEVEL)
    for coarser in _COARSER:
        if coarser <= finest:
            level = finest - coarser
            yield _Try(_overview_query(collection, level, level == tile.z, max_bytes), _in_level(tile, level), level)
    yield _Try(_density_query(collection, None), _with_box(collection, tile), tile.z)


def _past(collection: Collection, tile: Tile, max_bytes: int, edition: int) -> Iterator[_Try]:
    values = _with_box(collection, tile)
    yield _Try(_exact_query(collection, max_bytes, edition), values, tile.z)
    yield _Try(_density_query(collection, edition), values, tile.z)


def _with_box(collection: Collection, tile: Tile) -> dict[str, Any]:
    """The tile, and the box of the storage CRS where its features are."""
    box = affine.storage_box(collection.srid, tile.z, tile.x, tile.y, BUFFER)
    return tile._asdict() | dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))


def _in_level(tile: Tile, level: int) -> dict[str, float]:
    """Where the tile lies in the units of a level, whose origin is the middle of the map and whose y goes up."""
    scale = 2.0 ** (tile.z - level)
    side = EXTENT / scale
    half = EXTENT * 2.0**level / 2
    return {"x0": tile.x * side - half, "y1": half - tile.y * side, "side": side, "scale": scale, "margin": BUFFER / scale}


def _remembered(collection: Collection, key: tuple[Any, ...], build: Callable[[], sql.Composed]) -> sql.Composed:
    """The statement under this key, composed once per collection; forgotten with it."""
    queries = _QUERIES.setdefault(collection, {})
    query = queries.get(key)
    if query is None:
        query = queries[key] = build()
    return query


def _full_query(collection: Collection, max_bytes: int) -> sql.Composed:
    limit = sql.Literal(_row_limit(max_bytes))
    return _remembered(collection, ("full", max_bytes), lambda: statement("full", _SQL, limit=limit, **_parts(collection, None)))


def _exact_query(collection: Collection, max_bytes: int, edition: int | None) -> sql.Composed:
    limit = sql.Literal(_row_limit(max_bytes))
    return _remembered(
        collection,
        ("exact", max_bytes, edition),
        lambda: statement("exact", _SQL, limit=limit, **_parts(collection, edition)),
    )


def _overview_query(collection: Collection, level: int, is_own_zoom: bool, max_bytes: int) -> sql.Composed:
    def build() -> sql.Composed:
        number = sql.SQL("CASE WHEN key IS NULL THEN _nombre END AS {}").format(_count_name(collection))
        return statement(
            "overview",
            _SQL,
            level=sql.Literal(level),
            overview=overview_table(collection.layer),
            drawn=drawn(collection.layer),
            keep_blocks=sql.Literal(is_own_zoom),
            limit=sql.Literal(_row_limit(max_bytes)),
            **{**_parts(collection, None), "number": number},
        )

    return _remembered(collection, ("overview", level, is_own_zoom, max_bytes), build)


def _density_query(collection: Collection, edition: int | None) -> sql.Composed:
    shape = sql.SQL(_CELL_SHAPES[collection.layer.geometry.dimension])
    return _remembered(
        collection, ("density", edition), lambda: statement("density", _SQL, shape=shape, **_parts(collection, edition))
    )


def _parts(collection: Collection, edition: int | None) -> dict[str, sql.Composable]:
    """What every statement names: the layer, where its features are, and the edition that they show."""
    layer = collection.layer
    features: sql.Composable
    number = sql.SQL("(SELECT current_edition FROM portail.layer WHERE id = {})").format(sql.Literal(layer.id))
    if edition is None:
        features = storage.current_table(layer)
    else:
        # As a past one, even when it is the current one: another may be published before the statement runs. A
        # replica may be late, and shows then its own last edition.
        features = storage.relation(layer, edition, edition + 1)
        number = sql.SQL("least({}, {})").format(sql.Literal(edition), number)
    return {
        "layer": sql.Literal(layer.id),
        "fields": sql.SQL("").join(sql.SQL(", {}").format(sql.Identifier(field.name)) for field in layer.tile_fields),
        "features": features,
        "edition": number,
        "srid": sql.Literal(collection.srid),
        "buffer": sql.Literal(BUFFER),
        "number": _count_name(collection),
    }


def _count_name(collection: Collection) -> sql.Identifier:
    return sql.Identifier(count_name(collection))


def count_name(collection: Collection) -> str:
    """Name of the count in the tiles of a layer, out of the way of its own fields."""
    return f"_{COUNT_NAME}" if any(field.name == COUNT_NAME for field in collection.layer.tile_fields) else COUNT_NAME
