"""Overviews: a refresh gives what a rebuild gives, counts stay true, drawings stay drawable."""

import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest
import shapely
from psycopg import Connection, sql
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from layers import overviews
from layers.editions import publish_edition, rollback
from layers.model import Layer
from layers.staging import Record
from layers.storage import current_table

Conn = Connection[tuple[Any, ...]]
Shapes = dict[str, BaseGeometry]
ORIGIN = (340_000.0, 6_690_000.0)
KINDS = ("Point", "MultiPoint", "MultiLineString", "MultiPolygon")


def make_layer(geometry: str, **more: Any) -> Layer:
    fields = [{"name": "code", "title": "Code"}, {"name": "level", "title": "Niveau", "type": "integer", "tiles": True}]
    fields += [{"name": "anchor", "title": "Ancre", "tiles": True}]
    return Layer.model_validate(
        {
            "id": f"vue-{geometry.lower()}",
            "title": "Essai",
            "description": "Essai.",
            "theme": "essais",
            "producer": {"name": "Essais"},
            "licence": "etalab-2.0",
            "geometry": geometry,
            "key": "code",
            "label": "code",
            "fields": fields,
            "checks": {"max_loss": 1},
        }
        | more
    )


def random_shape(rng: random.Random, kind: str) -> BaseGeometry:
    """A shape of a random size, from a metre to twenty kilometres, mostly small and near the others."""
    spread = rng.choice((300.0, 5_000.0, 40_000.0))
    x, y = ORIGIN[0] + rng.uniform(-spread, spread), ORIGIN[1] + rng.uniform(-spread, spread)
    size = 10 ** rng.uniform(0, 4.3 if rng.random() < 0.1 else 2.5)
    match kind:
        case "Point":
            return shapely.Point(x, y)
        case "MultiPoint":
            return shapely.MultiPoint([(x + rng.uniform(0, size), y + rng.uniform(0, size)) for _ in range(3)])
        case "MultiLineString":
            steps = [(x + size * i / 4, y + rng.uniform(-size, size)) for i in range(5)]
            return shapely.MultiLineString([steps])
        case _:
            blob = shapely.Point(x, y).buffer(size, quad_segs=rng.randint(1, 4))
            parts = [blob, translate(blob, 3 * size)] if rng.random() < 0.2 else [blob]
            return shapely.MultiPolygon(parts)


def records(shapes: Shapes) -> Iterator[Record]:
    for key, shape in shapes.items():
        yield Record({"code": key, "level": len(key), "anchor": f"a{key}"}, shapely.to_wkb(shape))


def publish(conn: Conn, layer: Layer, shapes: Shapes) -> None:
    publish_edition(conn, layer, records(shapes), srid=2154, storage_srid=2154, author="essai", force=True)


def rows(conn: Conn, layer: Layer) -> list[tuple[Any, ...]]:
    query = sql.SQL(
        "SELECT _level, _kind, _cx, _cy, _ax, _ay, _nombre, _rest, key, level, anchor, ST_AsText(ST_Normalize(geom))"
        " FROM {} ORDER BY 1, 2, 3, 4, 9, 12"
    )
    return conn.execute(query.format(overviews.overview_table(layer))).fetchall()


def edit(rng: random.Random, shapes: Shapes, kind: str) -> Shapes:
    """Move, add and remove a few shapes, as an edition does."""
    out = dict(shapes)
    for key in rng.sample(sorted(out), 6):
        if rng.random() < 0.4:
            del out[key]
        elif rng.random() < 0.5:
            out[key] = random_shape(rng, kind)
        else:
            out[key] = translate(out[key], rng.uniform(-50, 50), rng.uniform(-50, 50))
    for _ in range(4):
        out[f"n{rng.randrange(10**9)}"] = random_shape(rng, kind)
    return out


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small layers are treated as large ones, and every edition as a small change."""
    monkeypatch.setattr(overviews, "KEEP_ALL_UP_TO", 50)
    monkeypatch.setattr(overviews, "_REBUILD_RATIO", 1e9)


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_refresh_gives_what_a_rebuild_gives(conn: Conn, kind: str, seed: int) -> None:
    rng = random.Random(seed)
    layer = make_layer(kind)
    shapes = {f"k{i}": random_shape(rng, kind) for i in range(300)}
    publish(conn, layer, shapes)
    table = conn.execute("SELECT %s::regclass::oid", (f"data.{layer.table}_overview",)).fetchone()
    for _ in range(3):
        shapes = edit(rng, shapes, kind)
        publish(conn, layer, shapes)
    rollback(conn, layer, author="essai")
    refreshed = rows(conn, layer)
    # The same table: it was never built again.
    assert table == conn.execute("SELECT %s::regclass::oid", (f"data.{layer.table}_overview",)).fetchone()
    with conn.transaction(), conn.cursor() as cur:
        overviews.create_overviews(cur, layer, 2154)
    assert len(refreshed) > 300
    assert refreshed == rows(conn, layer)


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("kind", KINDS)
def test_every_feature_is_counted_once_at_every_level(conn: Conn, kind: str) -> None:
    rng = random.Random(3)
    layer = make_layer(kind)
    publish(conn, layer, {f"k{i}": random_shape(rng, kind) for i in range(400)})
    counted = sql.SQL("SELECT _level, sum(_nombre) FROM {} WHERE {} GROUP BY 1 ORDER BY 1")
    found = conn.execute(counted.format(overviews.overview_table(layer), overviews.drawn(layer))).fetchall()
    assert found == [(level, 400) for level in range(overviews.FINEST_LEVEL + 1)]


@pytest.mark.usefixtures("crowded")
def test_layer_that_becomes_large_or_small_is_built_again(conn: Conn) -> None:
    rng = random.Random(4)
    layer = make_layer("Point")
    shapes = {f"k{i:03}": random_shape(rng, "Point") for i in range(60)}
    anonymous = sql.SQL("SELECT count(*) FROM {} WHERE key IS NULL").format(overviews.overview_table(layer))
    publish(conn, layer, dict(list(shapes.items())[:40]))
    assert conn.execute(anonymous).fetchone() == (0,)
    publish(conn, layer, shapes)
    assert conn.execute(anonymous).fetchone() != (0,)
    publish(conn, layer, dict(list(shapes.items())[:40]))
    assert conn.execute(anonymous).fetchone() == (0,)


@pytest.mark.usefixtures("crowded")
def test_refresh_says_when_untouched_places_look_different(conn: Conn) -> None:
    rng = random.Random(9)
    layer = make_layer("Point")
    shapes = {f"k{i:03}": random_shape(rng, "Point") for i in range(60)}
    publish(conn, layer, dict(list(shapes.items())[:50]))
    insert = sql.SQL(
        "INSERT INTO {} (key, edition_from, hash, code, geom) SELECT 'z', 9, gen_random_uuid(), 'z', geom FROM {} LIMIT 1"
    )
    delta = (
        "CREATE TEMP TABLE delta ON COMMIT DROP AS"
        " SELECT 'z' AS key, 'a'::\"char\" AS op, NULL::geometry AS old_geom, geom AS new_geom FROM {} WHERE key = {}"
    )
    table = current_table(layer)
    with conn.transaction(), conn.cursor() as cur:
        cur.execute(sql.SQL(delta).format(table, sql.Literal("k000")))
        assert not overviews.refresh_overviews(cur, layer, 2154)
        cur.execute(insert.format(table, table))  # the fifty-first: every cell is drawn another way
        assert overviews.refresh_overviews(cur, layer, 2154)
        assert not overviews.refresh_overviews(cur, layer, 2154)


def test_readers_wait_for_the_swap_only(conn: Conn) -> None:
    layer = make_layer("Point")
    rng = random.Random(10)
    publish(conn, layer, {f"k{i}": random_shape(rng, "Point") for i in range(20)})
    locks = "SELECT count(*) FROM pg_locks WHERE relation = %s::regclass AND mode = 'AccessExclusiveLock'"
    name = f"data.{layer.table}_overview"
    old = rows(conn, layer)
    with conn.transaction(), conn.cursor() as cur:
        cur.execute(sql.SQL("DELETE FROM {} WHERE key = 'k0'").format(current_table(layer)))
        overviews.create_overviews(cur, layer, 2154, swap=False)
        assert cur.execute(locks, (name,)).fetchone() == (0,)
        assert rows(conn, layer) == old
        overviews.swap_overviews(cur, layer)
        assert cur.execute(locks, (name,)).fetchone() == (1,)
        assert len(rows(conn, layer)) == len(old) * 19 / 20
        overviews.swap_overviews(cur, layer)  # nothing left to do
    assert len(rows(conn, layer)) == len(old) * 19 / 20


def test_small_layer_keeps_its_attributes_at_every_level(conn: Conn) -> None:
    layer = make_layer("MultiPolygon")
    shapes: Shapes = {
        f"k{i}": shapely.MultiPolygon([shapely.box(x, 6_690_000, x + 3, 6_690_003)]) for i, x in enumerate((340_000, 341_000))
    }
    publish(conn, layer, shapes)
    found = conn.execute(
        sql.SQL("SELECT _level, array_agg(key ORDER BY key), min(ST_Area(geom)) FROM {} GROUP BY 1 ORDER BY 1").format(
            overviews.overview_table(layer)
        )
    ).fetchall()
    assert found == [(level, ["k0", "k1"], overviews.GRID**2) for level in range(overviews.FINEST_LEVEL + 1)]


@pytest.mark.parametrize("changed", [True, False], ids=["with an edition", "without one"])
def test_new_tile_field_is_in_the_overviews_after_the_next_import(conn: Conn, changed: bool) -> None:
    rng = random.Random(5)
    layer = make_layer("Point")
    shapes = {f"k{i:02}": random_shape(rng, "Point") for i in range(30)}
    publish(conn, layer, shapes)
    fields = [field.model_dump() | {"tiles": True} for field in layer.fields]
    if changed:
        shapes["k00"] = random_shape(rng, "Point")
    publish(conn, make_layer("Point", fields=fields), shapes)
    found = conn.execute(sql.SQL("SELECT count(*) FROM {} WHERE code = key").format(overviews.overview_table(layer))).fetchone()
    assert found == (30 * 13,)


def test_neighbours_still_touch_at_every_level(conn: Conn) -> None:
    """A coverage cut by ragged lines: once rounded, neighbours leave no gap and no overlap beyond a pixel here and there."""
    rng = random.Random(6)
    columns, rows_ = 5, 5
    corner = {
        (i, j): (ORIGIN[0] + 9_000 * i + rng.uniform(-2_000, 2_000), ORIGIN[1] + 9_000 * j + rng.uniform(-2_000, 2_000))
        for i in range(columns + 1)
        for j in range(rows_ + 1)
    }

    def ragged(a: tuple[int, int], b: tuple[int, int]) -> list[tuple[float, float]]:
        if a > b:
            return ragged(b, a)[::-1]
        edge = random.Random(repr((a, b)))
        (x0, y0), (x1, y1) = corner[a], corner[b]
        inner = [(k / 40, edge.uniform(-150, 150)) for k in range(1, 40)]
        return [(x0, y0), *((x0 + t * (x1 - x0) + n, y0 + t * (y1 - y0) + n) for t, n in inner), (x1, y1)]

    shapes: Shapes = {}
    for i in range(columns):
        for j in range(rows_):
            ring = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1), (i, j)]
            points = [point for a, b in itertools.pairwise(ring) for point in ragged(a, b)[:-1]]
            shapes[f"c{i}{j}"] = shapely.MultiPolygon([shapely.Polygon(points)])
    layer = make_layer("MultiPolygon")
    publish(conn, layer, {key: shapely.make_valid(shape) for key, shape in shapes.items()})
    query = sql.SQL("SELECT ST_AsBinary(ST_Collect(geom)), sum(ST_Area(geom)) FROM {} WHERE _level = %s")
    for level in range(7, overviews.FINEST_LEVEL + 1):
        wkb, total = conn.execute(query.format(overviews.overview_table(layer)), (level,)).fetchone() or (b"", 0)
        union = shapely.union_all(shapely.get_parts(shapely.from_wkb(bytes(wkb))))
        holes = sum(shapely.Polygon(ring).area for part in shapely.get_parts(union) for ring in part.interiors)
        # 25 surfaces, 60 borders of 40 segments; a step of the grid is a pixel of the screen.
        assert holes <= 20 * overviews.GRID**2, level
        assert total - union.area <= 40 * overviews.GRID**2, level


@pytest.mark.usefixtures("crowded")
def test_surfaces_too_small_cover_as_much_as_they_should(conn: Conn) -> None:
    """A square paved with parcels of 20 m is still about as large at each level where it can be seen."""
    layer = make_layer("MultiPolygon")
    boxes = [(ORIGIN[0] + 20 * i, ORIGIN[1] + 20 * j) for i in range(40) for j in range(40)]
    publish(conn, layer, {f"p{n}": shapely.MultiPolygon([shapely.box(x, y, x + 20, y + 20)]) for n, (x, y) in enumerate(boxes)})
    true = conn.execute(sql.SQL("SELECT sum(ST_Area(ST_Transform(geom, 3857))) FROM {}").format(current_table(layer))).fetchone()
    assert true is not None
    for level in range(9, overviews.FINEST_LEVEL + 1):
        query = sql.SQL("SELECT sum(ST_Area(geom)) FROM {} WHERE _level = %s AND {}").format(
            overviews.overview_table(layer), overviews.drawn(layer)
        )
        (area,) = conn.execute(query, (level,)).fetchone() or (0,)
        assert area * overviews.level_unit(level) ** 2 == pytest.approx(true[0], rel=0.5), level


@pytest.mark.usefixtures("crowded")
def test_surfaces_are_valid_and_oriented_for_tiles(conn: Conn) -> None:
    rng = random.Random(8)
    layer = make_layer("MultiPolygon")
    publish(conn, layer, {f"k{i}": random_shape(rng, "MultiPolygon") for i in range(300)})
    query = sql.SQL(
        "SELECT count(*) FILTER (WHERE NOT ST_IsValid(geom)), count(*) FILTER (WHERE NOT ST_IsPolygonCW(geom)),"
        " count(*) FILTER (WHERE ST_SnapToGrid(geom, 1)::text <> geom::text) FROM {} WHERE _kind = 'f'"
    )
    assert conn.execute(query.format(overviews.overview_table(layer))).fetchone() == (0, 0, 0)
