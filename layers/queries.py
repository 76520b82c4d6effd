"""What one asks of a layer, as a value, and the one statement that answers it.

PostGIS writes the features (GeoJSON text, CSV fields, FlatGeobuf); Python only moves the bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import sql

from layers import keyset, storage
from layers.catalog import Collection, Edition
from layers.crs import CRS84, Box, Crs, clip_box, domain, pieces
from layers.keyset import KEY, Bind, Position, SortKey
from layers.model import FieldType, LayerField
from layers.statements import statement
from layers.storage import UNKNOWN


@dataclass(slots=True)
class Values:
    """Collects the bound values of a statement under construction."""

    values: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any) -> sql.Placeholder:
        name = f"v{len(self.values)}"
        self.values[name] = value
        return sql.Placeholder(name)


@dataclass(frozen=True)
class Selection:
    """Which features of a collection, in which state and order; ``pinned`` when the edition was asked for by name.

    ``bbox`` has x first, in ``bbox_crs``. ``filters`` are boolean expressions whose values are in ``values``.
    ``interval`` bounds the layer's date field (None for an open end).
    """

    collection: Collection
    edition: Edition
    values: Values = field(default_factory=Values)
    bbox: Box | None = None
    bbox_crs: Crs = CRS84
    filters: tuple[sql.Composable, ...] = ()
    interval: tuple[datetime | None, datetime | None] | None = None
    order: tuple[SortKey, ...] = (KEY,)
    position: Position | None = None
    pinned: bool = False

    @property
    def is_everything(self) -> bool:
        """True when no condition narrows the layer: its count is then known from the edition."""
        return not (self.bbox or self.filters or (self.interval and self.collection.layer.datetime))

    @property
    def source(self) -> sql.Composable:
        """What to select from. A ``pinned`` edition is read by its number even when it is the last one this process
        knows: a newer one may just have been published, and an answer that names its edition must hold that one."""
        current = UNKNOWN if self.pinned else self.collection.edition.number
        return storage.relation(self.collection.layer, self.edition.number, current)

    def where(self, *, paged: bool = True) -> sql.Composable:
        """The whole condition, ``TRUE`` when there is none."""
        terms = list(self.filters)
        if self.bbox:
            terms.append(bbox_condition(self.bbox, self.bbox_crs, self.collection.srid, self.values.bind))
        if self.interval and self.collection.layer.datetime:
            terms += self._interval_terms(self.collection.layer.field(self.collection.layer.datetime))
        if paged and self.position:
            terms.append(keyset.after(self.order, self.position, self.values.bind))
        return sql.SQL(" AND ").join(terms) if terms else sql.SQL("TRUE")

    def _interval_terms(self, date_field: LayerField) -> list[sql.Composable]:
        column = sql.Identifier(date_field.name)
        cast = "::date" if date_field.type is FieldType.DATE else ""
        bounds = zip(self.interval or (), (">=", "<="), strict=False)
        terms: list[sql.Composable] = [
            sql.SQL("{} " + sign + " {}::timestamptz" + cast).format(column, self.values.bind(bound))
            for bound, sign in bounds
            if bound is not None
        ]
        return terms or [sql.SQL("TRUE")]


def bbox_condition(bbox: Box, crs: Crs, storage_srid: int, bind: Bind = sql.Literal) -> sql.Composable:
    """Features that meet the box. The box is brought to the storage CRS, never the column, so that the index serves."""
    boxes = clip_box(bbox, domain(storage_srid, crs.srid))
    if not boxes:
        return sql.SQL("FALSE")
    parts = [_box_term(box, crs.srid, storage_srid, bind) for box in boxes]
    return sql.SQL("(") + sql.SQL(" OR ").join(parts) + sql.SQL(")")


def _box_term(box: Box, srid: int, storage_srid: int, bind: Bind) -> sql.Composable:
    envelope: sql.Composable = sql.SQL("ST_MakeEnvelope({}, {})").format(
        sql.SQL(", ").join(bind(float(v)) for v in box), sql.Literal(srid)
    )
    if srid != storage_srid:
        side = max(box[2] - box[0], box[3] - box[1])
        count = pieces(side, srid)
        if count > 1:
            envelope = sql.SQL("ST_Segmentize({}, {})").format(envelope, bind(side / count))
        envelope = sql.SQL("ST_Transform({}, {})").format(envelope, sql.Literal(storage_srid))
    return sql.SQL("ST_Intersects(geom, {})").format(envelope)


def sort_key(layer_field: LayerField, *, descending: bool) -> SortKey:
    return SortKey(layer_field.name, descending, layer_field.type.sql)


def geometry_in(crs: Crs, storage_srid: int, *, flip: bool = True) -> sql.Composable:
    """The geometry column in the CRS of the answer, and in its axis order unless the format fixes x first."""
    out: sql.Composable = sql.Identifier("geom")
    if crs.srid != storage_srid:
        out = sql.SQL("ST_Transform({}, {})").format(out, sql.Literal(crs.srid))
    return sql.SQL("ST_FlipCoordinates({})").format(out) if crs.flipped and flip else out


def feature_text(fields: Sequence[LayerField], crs: Crs, storage_srid: int, *, geometry: bool = True) -> sql.Composed:
    """SQL that writes one row as the text of a GeoJSON Feature."""
    shape: sql.Composable = sql.SQL("'null'")
    if geometry:
        shape = sql.SQL("coalesce(ST_AsGeoJSON({}, {}, 0), 'null')").format(
            geometry_in(crs, storage_srid), sql.Literal(crs.decimals)
        )
    template = """'{{"type":"Feature","id":' || to_json(key) || ',"geometry":' || {} || ',"properties":' || {} || '}}'"""
    return sql.SQL(template).format(shape, properties_text(fields))


def properties_text(fields: Sequence[LayerField]) -> sql.Composable:
    """SQL that writes the properties of one row as the text of a JSON object."""
    if not fields:
        return sql.SQL("'{{}}'").format()
    names = sql.SQL(", ").join(sql.Identifier(one.name) for one in fields)
    return sql.SQL("row_to_json((SELECT p FROM (SELECT {}) p))").format(names)


def sort_marks(order: tuple[SortKey, ...]) -> sql.Composed:
    """The sort values of a row as text, for page tokens. Renamed: ORDER BY would take an output column of the same name."""
    marks = [
        sql.SQL("{}::text AS {}").format(sql.Identifier(one.column), sql.Identifier(f"mark{i}")) for i, one in enumerate(order)
    ]
    return sql.SQL(", ").join(marks)


def page_statement(selection: Selection, text: sql.Composable, limit: int) -> sql.Composed:
    """``limit + 1`` rows of (feature text, sort values as text…): the one too many says whether a next page exists."""
    backward = bool(selection.position and selection.position.backward)
    return statement(
        "page",
        text=text,
        marks=sort_marks(selection.order),
        source=selection.source,
        where=selection.where(),
        order=keyset.order_by(selection.order, backward=backward),
        limit=sql.Literal(limit + 1),
    )


def item_statement(selection: Selection, text: sql.Composable, key: sql.Composable) -> sql.Composed:
    """The row of one key, or none."""
    return statement("item", text=text, source=selection.source, key=key)
