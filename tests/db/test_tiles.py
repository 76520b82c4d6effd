"""Vector tiles from real tables: right geometry, right attributes, right edition, never too heavy, by the index."""

import json
import random
from collections.abc import Mapping
from typing import Any

import mapbox_vector_tile
import psycopg
import pytest
import shapely
from psycopg import AsyncConnection, Connection, sql
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from layers import overviews
from layers.catalog import Collection
from layers.editions import publish_edition
from layers.footprint import decode_zorder, delta_footprint
from layers.model import Layer
from layers.staging import Record
from tests.db.test_overviews import make_layer, random_shape
from tests.layer_samples import SQUARES, collection_of, publish_squares, square
from tests.projections import TO_DEGREES, TO_MERCATOR, move
from tiles import vector
from tiles.affine import MIN_ZOOM, tile_map
from tiles.grid import Tile, tile_at, tile_bounds
from tiles.vector import MadeTile, fetch_tile

Conn = Connection[tuple[Any, ...]]
MAX_BYTES = 500_000
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def tile_over(shape: BaseGeometry, z: int) -> Tile:
    centre = shape.centroid
    return tile_at(*TO_DEGREES.transform(centre.x, centre.y), z)


def publish(conn: Conn, layer: Layer, shapes: Mapping[str, BaseGeometry], **values: Any) -> Collection:
    records = (Record({"code": key, **values}, shapely.to_wkb(shape)) for key, shape in shapes.items())
    publish_edition(conn, layer, records, srid=2154, storage_srid=2154, author="essai", force=True)
    return collection_of(conn, layer.id)


async def make(conn: Conn, collection: Collection, tile: Tile, edition: int | None = None, limit: int = MAX_BYTES) -> MadeTile:
    async with await AsyncConnection.connect(conn.info.dsn, autocommit=True) as other:
        return await fetch_tile(other, collection, tile, limit, edition)


def decode(made: MadeTile, collection: Collection) -> list[dict[str, Any]]:
    """Features of the tile, with y downwards as it is written."""
    if not made.data:
        return []
    layers = mapbox_vector_tile.decode(made.data, default_options={"y_coord_down": True})
    assert list(layers) == [collection.id]
    features: list[dict[str, Any]] = layers[collection.id]["features"]
    return features


def in_tile_units(shape: BaseGeometry, tile: Tile) -> BaseGeometry:
    """An independent way to the tile: pyproj, then the definition of the grid."""
    west, _, east, north = tile_bounds(tile.z, tile.x, tile.y)
    scale = 4096 / (east - west)

    def place(x: Any, y: Any) -> tuple[Any, Any]:
        mx, my = TO_MERCATOR.transform(x, y)
        return (mx - west) * scale, (north - my) * scale

    return move(shape, place)


@pytest.mark.parametrize("z", [13, 14, 15, 16])
async def test_shapes_are_within_one_unit_of_their_exact_place(conn: Conn, z: int) -> None:
    rng = random.Random(z)
    layer = make_layer("MultiPolygon")
    shapes = {f"k{i}": random_shape(rng, "MultiPolygon") for i in range(200)}
    collection = publish(conn, layer, shapes)
    clip = shapely.box(-64, -64, 4160, 4160)
    compared = 0
    for target in list(shapes.values())[:6]:
        tile = tile_over(target, z)
        for feature in decode(await make(conn, collection, tile), collection):
            drawn = shapely.make_valid(shapely.geometry.shape(feature["geometry"]))
            whole = in_tile_units(shapes[feature["properties"]["key"]], tile)
            # Where the edge of the tile cuts a side, the cut is rounded once more.
            limit = 2**0.5 if whole.within(clip) else 2
            assert drawn.hausdorff_distance(shapely.intersection(whole, clip)) <= limit, (tile, feature["properties"])
            compared += 1
    assert compared >= 6


@pytest.mark.parametrize("srid", [2154, 3947, 2972, 2975, 5490, 4471, 4326, 3857])
@pytest.mark.parametrize("z", [MIN_ZOOM, 16])
def test_affine_map_is_within_a_third_of_a_unit(srid: int, z: int) -> None:
    """In every CRS that a French département stores, wherever it is."""
    lon, lat = {2972: (-53, 4), 2975: (55.5, -21), 5490: (-61.5, 16.2), 4471: (45.1, -12.8)}.get(srid, (-1.6, 47.3))
    tile = tile_at(lon, lat, z)
    west, _, east, north = tile_bounds(z, tile.x, tile.y)
    unit = (east - west) / 4096
    found = tile_map(srid, z, tile.x, tile.y, 64)
    back = Transformer.from_crs(3857, srid, always_xy=True)
    for i in range(-64, 4161, 128):
        for j in range(-64, 4161, 128):
            x, y = back.transform(west + i * unit, north - j * unit)
            assert found.a * x + found.b * y + found.x == pytest.approx(i, abs=1 / 3)
            assert -(found.d * x + found.e * y + found.y) == pytest.approx(j, abs=1 / 3)
            assert found.xmin - 1e-6 <= x <= found.xmax + 1e-6
            assert found.ymin - 1e-6 <= y <= found.ymax + 1e-6


@pytest.mark.parametrize("z", [0, 5, 9, 12])
async def test_overview_tiles_show_every_feature_of_a_small_layer(conn: Conn, z: int) -> None:
    rng = random.Random(z)
    layer = make_layer("MultiPolygon")
    shapes = {f"k{i}": random_shape(rng, "MultiPolygon") for i in range(60)}
    collection = publish(conn, layer, shapes)
    tile = tile_over(shapes["k0"], z)
    found = {one["properties"]["key"]: one for one in decode(await make(conn, collection, tile), collection)}
    inside = shapely.box(0, 0, 4096, 4096)
    for key, shape in shapes.items():
        exact = in_tile_units(shape, tile)
        if exact.centroid.within(inside):
            drawn = shapely.make_valid(shapely.geometry.shape(found[key]["geometry"]))
            # A pixel of rounding at this level, and halves of it from the finer ones.
            assert drawn.distance(exact.centroid if exact.area < 64 else exact) <= 2.5 * overviews.GRID


async def test_attributes_are_the_tile_fields_and_the_key(conn: Conn) -> None:
    publish_squares(conn, {"a": (7, 1)})
    collection = collection_of(conn)
    (feature,) = decode(await make(conn, collection, tile_over(square(1), 15)), collection)
    assert feature["properties"] == {"key": "a", "nom": "Carré a", "nombre": 7}


async def test_count_steps_aside_for_a_field_of_the_same_name(conn: Conn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overviews, "KEEP_ALL_UP_TO", 1)
    publish_squares(conn, {"a": (7, 1), "b": (7, 2)})
    collection = collection_of(conn)
    features = decode(await make(conn, collection, tile_over(square(1), 8)), collection)
    assert [one["properties"] for one in features] == [{"_nombre": 2}]


async def test_counts_of_a_crowded_layer_add_up(conn: Conn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overviews, "KEEP_ALL_UP_TO", 10)
    rng = random.Random(1)
    for kind in ("Point", "MultiLineString", "MultiPolygon"):
        layer = make_layer(kind)
        collection = publish(conn, layer, {f"k{i}": random_shape(rng, kind) for i in range(300)})
        features = decode(await make(conn, collection, Tile(0, 0, 0)), collection)
        assert sum(one["properties"].get("nombre", 1) for one in features) == 300


async def test_past_edition_is_what_it_was(conn: Conn) -> None:
    publish_squares(conn, {"a": (1, 1), "b": (2, 2)})
    publish_squares(conn, {"a": (5, 1), "c": (3, 3)})
    collection = collection_of(conn)
    for z in (8, 14):
        tile = tile_over(square(1), z)
        past = decode(await make(conn, collection, tile, edition=1), collection)
        now = decode(await make(conn, collection, tile), collection)
        assert {(one["properties"]["key"], one["properties"]["nombre"]) for one in past} == {("a", 1), ("b", 2)}
        assert {(one["properties"]["key"], one["properties"]["nombre"]) for one in now} == {("a", 5), ("c", 3)}


async def test_tile_tells_the_edition_that_it_shows(conn: Conn) -> None:
    publish_squares(conn, {"a": (1, 1)})
    before = collection_of(conn)
    publish_squares(conn, {"a": (2, 1)})
    # A process whose catalogue is late still labels what it read for what it is.
    made = await make(conn, before, tile_over(square(1), 14))
    assert made.edition == 2
    made = await make(conn, before, tile_over(square(1), 14), edition=1)
    assert (made.edition, decode(made, before)[0]["properties"]["nombre"]) == (1, 1)


async def test_empty_tile_has_no_bytes(conn: Conn) -> None:
    publish_squares(conn, {"a": (1, 1), "b": (2, 2000)})
    for z in (10, 14):
        assert (await make(conn, collection_of(conn), tile_over(square(900), z))).data == b""


@pytest.mark.parametrize("kind", ["Point", "MultiLineString", "MultiPolygon"])
async def test_no_tile_is_too_heavy_at_any_zoom(conn: Conn, kind: str) -> None:
    """Nine thousand shapes in the same square kilometre, with long attributes, against a limit of 60 kB."""
    rng = random.Random(2)
    layer = make_layer(kind)
    shapes: dict[str, BaseGeometry] = {}
    for i in range(9_000):
        x, y = 340_000 + rng.uniform(0, 1000), 6_690_000 + rng.uniform(0, 1000)
        blob = shapely.Point(x, y).buffer(rng.uniform(2, 60), quad_segs=6)
        shapes[f"k{i}"] = {"Point": shapely.Point(x, y), "MultiLineString": blob.exterior}.get(kind, blob)
    collection = publish(conn, layer, shapes, level=1, anchor="un attribut plutôt long " * 4)
    centre = shapely.Point(340_500, 6_690_500)
    for z in range(17):
        for edition in (None, 1):
            made = await make(conn, collection, tile_over(centre, z), edition, limit=60_000)
            assert 0 < len(made.data) <= 60_000, (z, edition, made.level)
            assert decode(made, collection)


async def test_heavy_tile_is_drawn_coarser_and_says_so(conn: Conn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overviews, "KEEP_ALL_UP_TO", 10)
    rng = random.Random(3)
    layer = make_layer("MultiPolygon")
    shapes = {
        f"k{i}": shapely.Point(340_000 + rng.uniform(0, 8000), 6_690_000 + rng.uniform(0, 8000)).buffer(60, quad_segs=8)
        for i in range(3_000)
    }
    collection = publish(conn, layer, {key: shapely.MultiPolygon([shape]) for key, shape in shapes.items()})
    tile = tile_over(shapely.Point(344_000, 6_694_000), 12)
    whole = await make(conn, collection, tile)
    assert whole.level == 12
    lighter = await make(conn, collection, tile, limit=len(whole.data) - 1)
    assert lighter.level < 12
    assert len(lighter.data) < len(whole.data)


def explain(conn: Conn, collection: Collection, tile: Tile) -> str:
    attempt = next(iter(vector._present(collection, tile, MAX_BYTES)))
    with conn.cursor() as cur:
        plan = cur.execute(sql.SQL("EXPLAIN (FORMAT JSON) ") + attempt.query, attempt.values).fetchone()
    return json.dumps(plan)


def test_index_is_used_on_a_large_table(conn: Conn, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = make_layer("Point")
    rng = random.Random(4)
    shapes = {f"k{i}": shapely.Point(300_000 + rng.uniform(0, 80_000), 6_650_000 + rng.uniform(0, 80_000)) for i in range(20_000)}
    collection = publish(conn, layer, shapes)
    for z, table in ((11, "vue_point_overview"), (13, "vue_point"), (14, "vue_point"), (16, "vue_point")):
        plan = explain(conn, collection, tile_over(shapely.Point(340_000, 6_690_000), z))
        assert f'"Relation Name": "{table}"' in plan
        assert "Seq Scan" not in plan
        assert "Index Scan" in plan


class TestFootprint:
    """The z14 tiles that an edition touched."""

    def footprint(self, conn: Conn, layer_id: str, number: int) -> frozenset[int] | None:
        return collection_of(conn, layer_id).footprints[number]

    def test_holds_the_tiles_of_the_old_and_new_places(self, conn: Conn) -> None:
        publish_squares(conn, {"a": (1, 1), "b": (1, 50), "c": (1, 100), "d": (1, 200)})
        publish_squares(conn, {"a": (1, 1), "b": (2, 50), "c": (1, 150), "e": (1, 250)})
        found = self.footprint(conn, SQUARES.id, 2)
        assert found is not None
        touched = {decode_zorder(code) for code in found}
        for position in (50, 100, 150, 200, 250):
            x, y, _ = tile_over(square(position), 14)
            assert (x, y) in touched
        x, y, _ = tile_over(square(1), 14)
        assert (x, y) not in touched

    def test_is_every_tile_of_the_extents(self, conn: Conn) -> None:
        with conn.transaction(), conn.cursor() as cur:
            cur.execute('CREATE TEMP TABLE delta (key text, op "char", old_geom geometry, new_geom geometry) ON COMMIT DROP')
            box = shapely.box(340_000, 6_690_000, 347_000, 6_694_000)
            cur.execute("INSERT INTO delta VALUES ('a', 'a', NULL, ST_SetSRID(ST_GeomFromWKB(%s), 2154))", (shapely.to_wkb(box),))
            found = delta_footprint(cur, 2154)
        merc = move(box, TO_MERCATOR.transform)
        assert found is not None
        assert found == sorted(found)
        for code in found:
            x, y = decode_zorder(code)
            assert shapely.box(*tile_bounds(14, x, y)).intersects(shapely.box(*merc.bounds))
        assert len(found) >= 20

    def test_is_anything_when_too_much_changed(self, conn: Conn) -> None:
        with conn.transaction(), conn.cursor() as cur:
            cur.execute(
                "CREATE TEMP TABLE delta ON COMMIT DROP AS SELECT 'k' || i AS key, 'a'::\"char\" AS op,"
                " NULL::geometry AS old_geom,"
                " ST_SetSRID(ST_MakePoint(340000 + i, 6690000), 2154) AS new_geom FROM generate_series(1, 100001) i"
            )
            assert delta_footprint(cur, 2154) is None

    def test_is_anything_when_a_giant_changed(self, conn: Conn) -> None:
        with conn.transaction(), conn.cursor() as cur:
            cur.execute(
                "CREATE TEMP TABLE delta ON COMMIT DROP AS SELECT 'k' AS key, 'a'::\"char\" AS op, NULL::geometry AS old_geom,"
                " ST_SetSRID(ST_MakeEnvelope(-5, 42, 8, 50), 4326) AS new_geom"
            )
            assert delta_footprint(cur, 4326) is None

    def test_nothing_changed_touches_nothing(self, conn: Conn) -> None:
        with conn.transaction(), conn.cursor() as cur:
            cur.execute('CREATE TEMP TABLE delta (key text, op "char", old_geom geometry, new_geom geometry) ON COMMIT DROP')
            assert delta_footprint(cur, 2154) == []


async def test_tile_of_a_layer_that_is_gone_is_an_error_not_a_hang(conn: Conn) -> None:
    publish_squares(conn, {"a": (1, 1)})
    collection = collection_of(conn)
    conn.execute("DROP TABLE data.carres_essai")
    with pytest.raises(psycopg.errors.UndefinedTable):
        await make(conn, collection, tile_over(square(1), 14))
