"""The list beside the map: the same objects, filtered and paged by the server, so that it works without JavaScript."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection, sql

from geoportal.errors import bad_parameter
from layers import keyset
from layers.catalog import Collection
from layers.cql2 import FilterError, compile_filter
from layers.crs import CRS84
from layers.keyset import KEY, BadTokenError, Position, SortKey
from layers.model import FieldType, Layer, LayerField
from layers.queries import Selection, Values, page_statement, properties_text, sort_key
from layers.statements import statement

PAGE_SIZE = 20
COUNT_CEILING = 10_000
_SQL = Path(__file__).resolve().parent / "sql"

# Names under which a layer carries the code of the commune of each object.
_COMMUNE_FIELDS = ("commune_code", "code_commune", "commune_insee", "insee_commune", "code_insee")

Connection = AsyncConnection[tuple[Any, ...]]


@dataclass(frozen=True)
class Wanted:
    """What the reader asks of the list: some text, a commune, a page."""

    text: str = ""
    commune: str = ""
    page: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Wanted":
        """Read ``q``, ``commune`` and ``page``; raises a 400 for a text that cannot be searched."""
        text = query.get("q", "").strip()
        if len(text) > 100 or "\x00" in text:
            raise bad_parameter("q", "« q » attend au plus cent caractères, sans caractère nul.")
        commune = query.get("commune", "").strip()
        if len(commune) > 50 or "\x00" in commune:
            raise bad_parameter("commune", "« commune » attend le code d'une commune, par exemple 44109.")
        return cls(text, commune, query.get("page", ""))


@dataclass(frozen=True)
class Entry:
    """An object: key, name for a reader, attributes, box in degrees (None when unknown or without geometry)."""

    key: str
    name: str
    properties: dict[str, Any]
    bbox: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Page:
    """A page of the list. ``total`` is None beyond COUNT_CEILING; ``before`` and ``after`` are page tokens."""

    entries: list[Entry] = field(default_factory=list)
    total: int | None = 0
    before: str | None = None
    after: str | None = None


def commune_field(layer: Layer) -> str | None:
    """The field that holds the commune of an object, or None: a commune is not filtered by itself."""
    names = {one.name for one in layer.public_fields if one.type is FieldType.TEXT} - {layer.key}
    return next((name for name in _COMMUNE_FIELDS if name in names), None)


def is_searchable(layer: Layer) -> bool:
    """Whether the names of the objects are texts, that a word can be looked for in."""
    return layer.field(layer.label).type is FieldType.TEXT


def _like(text: str) -> str:
    """The text as a CQL2 pattern that finds it anywhere, its own wildcards made plain."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _folded(operand: Any) -> dict[str, Any]:
    return {"op": "casei", "args": [{"op": "accenti", "args": [operand]}]}


def _filter_tree(layer: Layer, wanted: Wanted) -> dict[str, Any] | None:
    """The wish as a CQL2 tree, case and accents folded; None when nothing is filtered."""
    terms: list[dict[str, Any]] = []
    if wanted.text:
        terms.append({"op": "like", "args": [_folded({"property": layer.label}), _folded(_like(wanted.text))]})
    commune = commune_field(layer)
    if wanted.commune and commune:
        terms.append({"op": "=", "args": [{"property": commune}, wanted.commune]})
    if len(terms) < 2:
        return terms[0] if terms else None
    return {"op": "and", "args": terms}


def _order(layer: Layer) -> tuple[SortKey, ...]:
    """By name where an index gives that order, otherwise by key, which always has one."""
    label = layer.field(layer.label)
    return (sort_key(label, descending=False), KEY) if label.index else (KEY,)


def select_page(collection: Collection, wanted: Wanted) -> Selection:
    """The rows of the page; raises a 400 when the page token is not ours, or when the layer has no text to search."""
    layer = collection.layer
    order = _order(layer)
    values = Values()
    tree = _filter_tree(layer, wanted)
    try:
        filters = (compile_filter(tree, layer, CRS84, collection.srid, values.bind),) if tree else ()
    except FilterError as error:
        raise bad_parameter("q", f"« {layer.title} » ne se filtre pas ainsi : {error}.") from None
    try:
        position = keyset.decode(wanted.page, len(order)) if wanted.page else None
    except BadTokenError as error:
        raise bad_parameter("page", f"« page » : {error}.") from None
    return Selection(collection, collection.edition, values=values, filters=filters, order=order, position=position)


def list_statement(selection: Selection) -> sql.Composed:
    """Rows of (key and properties, sort values as text…), one more than a page."""
    properties = properties_text(selection.collection.layer.public_fields)
    text = sql.SQL("json_build_object('key', key, 'properties', {}::json)").format(properties)
    return page_statement(selection, text, PAGE_SIZE)


def count_statement(selection: Selection) -> sql.Composed:
    """How many rows the selection has, whatever the page, counted no further than one beyond COUNT_CEILING."""
    return statement(
        "compte",
        _SQL,
        source=selection.source,
        where=selection.where(paged=False),
        ceiling=sql.Literal(COUNT_CEILING + 1),
    )


async def fetch_page(conn: Connection, collection: Collection, wanted: Wanted) -> Page:
    """One page of the list, in reading order whatever the way it was reached."""
    selection = select_page(collection, wanted)
    query = list_statement(selection)
    rows = await (await conn.execute(query, selection.values.values)).fetchall()
    return _assemble(collection.layer, selection, rows, await _count(conn, selection))


def _assemble(layer: Layer, selection: Selection, rows: list[tuple[Any, ...]], total: int | None) -> Page:
    backward = bool(selection.position and selection.position.backward)
    more = len(rows) > PAGE_SIZE
    rows = rows[:PAGE_SIZE]
    if backward:
        rows.reverse()
    if not rows:
        return Page(total=total)
    has_before = more if backward else selection.position is not None
    has_after = True if backward else more
    return Page(
        [_entry(layer, found["key"], found["properties"]) for found, *_ in rows],
        total,
        keyset.encode(Position(rows[0][1:], backward=True)) if has_before else None,
        keyset.encode(Position(rows[-1][1:])) if has_after else None,
    )


async def _count(conn: Connection, selection: Selection) -> int | None:
    if selection.is_everything:
        return selection.collection.edition.total
    # The page's own statement has bound its values: the count binds its own.
    query = count_statement(selection)
    row = await (await conn.execute(query, selection.values.values)).fetchone()
    count: int = row[0] if row else 0
    return count if count <= COUNT_CEILING else None


def _entry(layer: Layer, key: str, properties: dict[str, Any]) -> Entry:
    return Entry(key, str(properties.get(layer.label) or key), properties)


async def fetch_entry(conn: Connection, collection: Collection, key: str) -> Entry | None:
    """The object of this key in the current edition, with its box; None when there is none."""
    if "\x00" in key:
        return None
    query = statement(
        "fiche",
        _SQL,
        source=Selection(collection, collection.edition).source,
        properties=properties_text(collection.layer.public_fields),
    )
    row = await (await conn.execute(query, {"key": key})).fetchone()
    if row is None:
        return None
    properties = row[0] if isinstance(row[0], dict) else json.loads(row[0])
    return replace(_entry(collection.layer, key, properties), bbox=tuple(row[1]) if row[1] else None)


def summarise(layer: Layer, entry: Entry) -> list[tuple[LayerField, Any]]:
    """What the list says of an object under its name: three attributes at most.

    None that is a code or says the name again, and one number, whose unit says what it counts.
    """
    found: list[tuple[LayerField, Any]] = []
    for one in layer.public_fields:
        value = entry.properties.get(one.name)
        is_code = one.name in (layer.key, layer.label) or (one.type is FieldType.TEXT and one.index)
        if is_code or value in (None, "") or one.type in (FieldType.JSON, FieldType.BOOLEAN):
            continue
        numbers = sum(isinstance(known, int | float) for _, known in found)
        if str(value) in entry.name or (numbers and isinstance(value, int | float)):
            continue
        found.append((one, value))
    return found[:3]


async def fetch_names(conn: Connection, collection: Collection) -> list[tuple[str, str]]:
    """(key, name) of every object, at most 2,000, by name."""
    query = statement(
        "noms",
        _SQL,
        source=Selection(collection, collection.edition).source,
        label=sql.Identifier(collection.layer.label),
    )
    return [(key, name) for key, name in await (await conn.execute(query)).fetchall()]


async def fetch_name_points(conn: Connection, collection: Collection) -> str:
    """GeoJSON text, CRS84: one point inside each surface, with the attributes that tiles carry."""
    query = statement(
        "points_de_nom",
        _SQL,
        source=Selection(collection, collection.edition).source,
        properties=properties_text(collection.layer.tile_fields),
    )
    row = await (await conn.execute(query)).fetchone()
    text: str = row[0] if row else ""
    return text


async def fetch_outlines(conn: Connection, collection: Collection) -> list[tuple[str, float, float, float, float]]:
    """SVG path (metres, y down) and extent (xmin, ymin, xmax, ymax) of each object."""
    query = statement("territoire", _SQL, source=Selection(collection, collection.edition).source)
    return [tuple(row) for row in await (await conn.execute(query)).fetchall()]
