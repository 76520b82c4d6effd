"""Generalised overviews of a layer for zooms 0 to 12, made at publication and kept right by small refreshes.

Each level is computed from the one below it, cell by cell, by the same query whether everything is built or only the
cells that an edition touched: a refresh gives the rows that a rebuild would give.
"""

from dataclasses import dataclass
from typing import Any

from psycopg import Cursor, sql

from layers import storage
from layers.model import Layer
from layers.statements import statement

FINEST_LEVEL = 12
# Coordinates of level z count 4096ths of a tile of zoom z, the unit of vector tiles.
EXTENT = 4096
# A cell is 64 units: a 64th of a tile, 8 pixels where tiles are drawn 512 pixels wide.
CELL_BITS = 6
CELL = 1 << CELL_BITS
# The cells of surfaces and lines are drawn by blocks of 4 by 4; those of points one by one, to bear their number.
BLOCK_BITS = 2
# Vertices are rounded to one pixel.
GRID = 8
VISIBLE = 32
# Lines are cut at each crossing in most sources: the short ones matter more than small surfaces.
LEGIBLE = {0: 0, 1: 24, 2: 64}
# Up to this number, every feature keeps its attributes at every level, however small: the tiles stay light enough.
KEEP_ALL_UP_TO = 5_000
_BLOCK = {"block_bits": sql.Literal(BLOCK_BITS), "block_side": sql.Literal(1 << BLOCK_BITS)}
_WORLD = 2 * 20037508.342789244
# Beyond this part of the layer touched, building everything is cheaper.
_REBUILD_RATIO = 0.1
# Sorts and groupings of a million features stay in memory; one publication at a time uses it.
_BUILD_MEMORY = "256MB"


def level_unit(level: int) -> float:
    """Metres of Web Mercator in one unit of a level."""
    return _WORLD / (EXTENT << level)


def overview_table(layer: Layer) -> sql.Identifier:
    """The generalised features of a layer: see ``sql/overview_create.sql`` for the meaning of its columns."""
    return sql.Identifier(storage.DATA, f"{layer.table}_overview")


def drawn(layer: Layer) -> sql.SQL:
    """Condition met by the rows that tiles show; the others are only there for refreshes."""
    return sql.SQL("_kind <> 'c'") if layer.geometry.dimension else sql.SQL("_kind <> 'b'")


def create_overviews(cur: Cursor[Any], layer: Layer, srid: int, *, swap: bool = True) -> None:
    """Build ``data.<layer.table>_overview`` from ``data.<layer.table>``, in the caller's transaction.

    A previous table is replaced at the end, so that readers wait for the commit only; without ``swap``, the caller does
    it by ``swap_overviews`` when nothing else is left to do. ``srid`` is the storage CRS.
    """
    build = _Build(layer, srid, _new_table(layer), _keep_all(cur, layer))
    cur.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(build.overview))
    cur.execute(statement("overview_create", overview=build.overview, field_definitions=_field_definitions(layer)))
    cur.execute(sql.SQL("SET LOCAL work_mem = {}").format(sql.Literal(_BUILD_MEMORY)))
    for level in range(FINEST_LEVEL, -1, -1):
        cur.execute(build.step(level, build.every_source(level)))
        if build.has_blocks:
            cur.execute(build.blocks(level, sql.SQL("true")))
        if level == FINEST_LEVEL:
            cur.execute(sql.SQL("ANALYZE {}").format(build.overview))
    cur.execute("SET LOCAL work_mem TO DEFAULT")
    cur.execute(sql.SQL("CREATE INDEX ON {} USING gist (geom) WHERE {}").format(build.overview, drawn(layer)))
    cur.execute(sql.SQL("CREATE INDEX ON {} (_level, _cx, _cy)").format(build.overview))
    note = sql.Literal(_fingerprint(layer, build.keep_all))
    cur.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(build.overview, note))
    cur.execute(sql.SQL("ANALYZE {}").format(build.overview))
    if swap:
        swap_overviews(cur, layer)


def swap_overviews(cur: Cursor[Any], layer: Layer) -> None:
    """Replace the overviews by the ones just built, if any. From here to the commit, readers of the overviews wait."""
    name = f"{layer.table}_overview"
    row = cur.execute("SELECT to_regclass(%s)", (f"{storage.DATA}.{name}_new",)).fetchone()
    if row and row[0]:
        cur.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(overview_table(layer)))
        cur.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(_new_table(layer), sql.Identifier(name)))


def _new_table(layer: Layer) -> sql.Identifier:
    return sql.Identifier(storage.DATA, f"{layer.table}_overview_new")


def ensure_overviews(cur: Cursor[Any], layer: Layer, srid: int) -> None:
    """Build the overviews again if the definition of the layer changed what they must hold, though no feature changed."""
    if _is_outdated(cur, layer, _keep_all(cur, layer)):
        create_overviews(cur, layer, srid)


def refresh_overviews(cur: Cursor[Any], layer: Layer, srid: int, delta: str = "delta", *, swap: bool = True) -> bool:
    """Bring the overviews in line with ``data.<layer.table>``, inside the publication transaction.

    To be called once the data table holds the new edition. Reads the temp table named by ``delta``:
    ``(key text, op "char", old_geom geometry, new_geom geometry)``, the rows added, changed and removed, geometries in
    ``srid``; ``old_geom`` is null for an addition and ``new_geom`` for a removal. A row whose attributes alone
    changed is in it too, with the same geometry twice.

    Only the cells that these rows touch are computed again, unless they are a large part of the layer, or the tile
    fields changed, or the layer became large or small: then everything is. See ``create_overviews`` for ``swap``.

    Returns whether places that no row touched are drawn differently from now on: the edition has then no footprint.
    """
    keep_all = _keep_all(cur, layer)
    is_outdated = _is_outdated(cur, layer, keep_all)
    if is_outdated or _is_large(cur, layer, delta):
        create_overviews(cur, layer, srid, swap=swap)
        return is_outdated
    build = _Build(layer, srid, overview_table(layer), keep_all)
    touch = statement("overview_touch", side=build.cell_side, srid=sql.Literal(srid), delta=sql.Identifier(delta))
    cur.execute(touch)
    for level in range(FINEST_LEVEL, -1, -1):
        cur.execute("ANALYZE overview_touched")
        where = {"overview": build.overview, "level": sql.Literal(level)}
        cur.execute(statement("overview_clear", **where))
        cur.execute(build.step(level, build.touched_source(level)))
        if build.has_blocks:
            cur.execute(statement("overview_clear_blocks", block_bits=_BLOCK["block_bits"], **where))
            cur.execute(build.blocks(level, statement("overview_touched_blocks", **_BLOCK)))
        cur.execute(statement("overview_touch_parents"))
        cur.execute("DROP TABLE overview_touched")
        cur.execute("ALTER TABLE overview_touched_parents RENAME TO overview_touched")
    cur.execute("DROP TABLE overview_touched")
    return False


@dataclass(frozen=True)
class _Build:
    """How the levels of one layer are computed into the table ``overview``."""

    layer: Layer
    srid: int
    overview: sql.Identifier
    keep_all: bool

    @property
    def cell_side(self) -> sql.Literal:
        """Metres of Web Mercator along a cell of the finest level."""
        return sql.Literal(CELL * level_unit(FINEST_LEVEL))

    def every_source(self, level: int) -> sql.Composable:
        """All rows one level finer than ``level``: features for the finest one."""
        if level == FINEST_LEVEL:
            return self._features(sql.SQL("{} f").format(storage.current_table(self.layer)))
        every = sql.SQL("SELECT key{}, _nombre, _rest, _ax, _ay, geom FROM {} WHERE _level = {} AND _kind <> 'b'")
        return every.format(_following(self.layer), self.overview, sql.Literal(level + 1))

    def touched_source(self, level: int) -> sql.Composable:
        """The rows one level finer than ``level`` that belong to the cells of temp table ``overview_touched``."""
        if level < FINEST_LEVEL:
            fields = _following(self.layer, "o")
            return statement("overview_finer", overview=self.overview, level=sql.Literal(level + 1), fields=fields)
        current = storage.current_table(self.layer)
        srid = sql.Literal(self.srid)
        near = statement("overview_features_touched", current=current, side=self.cell_side, srid=srid)
        cells = sql.SQL("SELECT * FROM ({}) feature WHERE (_ax >> {bits}, _ay >> {bits}) IN (TABLE overview_touched)")
        return cells.format(self._features(near), bits=sql.Literal(CELL_BITS))

    @property
    def has_blocks(self) -> bool:
        return self.layer.geometry.dimension > 0 and not self.keep_all

    def blocks(self, level: int, touched: sql.Composable) -> sql.Composed:
        """The statement that puts together the cells of ``level`` that satisfy ``touched``."""
        part = sql.Literal(self.layer.geometry.dimension + 1)
        return statement(
            "overview_blocks", overview=self.overview, level=sql.Literal(level), part=part, touched=touched, **_BLOCK
        )

    def step(self, level: int, source: sql.Composable) -> sql.Composed:
        """The statement that fills ``level`` from rows one level finer."""
        up = FINEST_LEVEL - level
        dimension = self.layer.geometry.dimension
        numbers = {
            "level": level,
            "shift": CELL_BITS + up,
            "anchor_shift": up,
            "keep_all": self.keep_all,
            "legible": LEGIBLE[dimension],
            "visible": VISIBLE,
            "cell": CELL,
            "grid": GRID,
            "unit_area": float(4**up),
            "full_area": CELL * CELL * 4**up,
            "source_area": 4.0 ** (up - 1),
        }
        return statement(
            ("overview_step_point", "overview_step_line", "overview_step_area")[dimension],
            source=source,
            overview=self.overview,
            fields=_following(self.layer),
            no_fields=_nulls(self.layer),
            snapped=_snapped(level, dimension),
            **{name: sql.Literal(value) for name, value in numbers.items()},
        )

    def _features(self, features: sql.Composable) -> sql.Composed:
        return statement(
            "overview_source",
            features=features,
            fields=_following(self.layer),
            source_fields=_following(self.layer, "f"),
            unit=sql.Literal(level_unit(FINEST_LEVEL)),
            srid=sql.Literal(self.srid),
        )


def _snapped(level: int, dimension: int) -> sql.Composable:
    """Expression that brings ``geom`` from one level finer to ``level``, rounded; null when nothing is left."""
    if dimension == 0:
        return sql.SQL("ST_SnapToGrid(ST_Scale(geom, 0.5, 0.5), 1)")
    rounded = sql.SQL("ST_SnapToGrid(geom, {})").format(sql.Literal(2 * GRID))
    if dimension == 1:
        return sql.SQL("ST_Scale({}, 0.5, 0.5)").format(rounded)
    half_source, half = EXTENT << level, EXTENT << level >> 1
    return sql.SQL(
        "ST_Affine(ST_AsMVTGeom({g}, ST_MakeBox2D(ST_MakePoint(-{s}, -{s}), ST_MakePoint({s}, {s})), {n}, 0, false),"
        " {grid}, 0, 0, -{grid}, -{h}, {h})"
    ).format(
        g=rounded,
        s=sql.Literal(half_source),
        n=sql.Literal(half_source // GRID),
        grid=sql.Literal(GRID),
        h=sql.Literal(half),
    )


def _following(layer: Layer, prefix: str = "") -> sql.Composed:
    """``, a, b``: the tile fields after another column; nothing when the layer has none."""
    return sql.SQL("").join(
        sql.SQL(", {}").format(sql.Identifier(prefix, field.name) if prefix else sql.Identifier(field.name))
        for field in layer.tile_fields
    )


def _field_definitions(layer: Layer) -> sql.Composed:
    return sql.SQL("").join(
        sql.SQL(", {} {}").format(sql.Identifier(field.name), sql.SQL(field.type.sql)) for field in layer.tile_fields
    )


def _nulls(layer: Layer) -> sql.Composed:
    return sql.SQL("").join(sql.SQL(", NULL::{}").format(sql.SQL(field.type.sql)) for field in layer.tile_fields)


def _fingerprint(layer: Layer, keep_all: bool) -> str:
    """What a refresh relies on; another value means that the table must be built again."""
    fields = ",".join(f"{field.name}:{field.type.value}" for field in layer.tile_fields)
    return f"niveaux 0-{FINEST_LEVEL}, maille {CELL}, pas {GRID}, tous={keep_all}, {layer.geometry.value}, {fields}"


def _keep_all(cur: Cursor[Any], layer: Layer) -> bool:
    count = sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT {}) bounded")
    row = cur.execute(count.format(storage.current_table(layer), sql.Literal(KEEP_ALL_UP_TO + 1))).fetchone()
    return row is None or row[0] <= KEEP_ALL_UP_TO


def _is_outdated(cur: Cursor[Any], layer: Layer, keep_all: bool) -> bool:
    name = f"{storage.DATA}.{layer.table}_overview"
    row = cur.execute("SELECT obj_description(to_regclass(%s), 'pg_class')", (name,)).fetchone()
    return row is None or row[0] != _fingerprint(layer, keep_all)


def _is_large(cur: Cursor[Any], layer: Layer, delta: str) -> bool:
    count = sql.SQL("SELECT (SELECT count(*) FROM {}), (SELECT count(*) FROM {})")
    row = cur.execute(count.format(sql.Identifier(delta), storage.current_table(layer))).fetchone()
    return row is None or row[0] > row[1] * _REBUILD_RATIO
