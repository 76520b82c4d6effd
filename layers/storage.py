"""Where a layer lives in PostGIS: its current table, its history, its past states, its indexes."""

import zlib
from typing import Any

from psycopg import Cursor, sql
from psycopg.errors import LockNotAvailable

from layers.model import FieldType, Geometry, Layer, LayerField
from layers.statements import columns, statement

DATA = "data"
# In place of the number of the current edition: read a state by its number, whatever has been published since.
UNKNOWN = 0
# A publication waits this long for readers when it must change a table, then leaves them in peace and tries again.
_LOCK_TIMEOUT = "3s"
_LOCK_TRIES = 10


class DefinitionChangedError(ValueError):
    """The definition now gives a field, or the geometry, a type that its table does not have."""

    def __init__(self, layer_id: str, what: str) -> None:
        super().__init__(
            f"La couche « {layer_id} » ne peut pas être publiée : {what} a changé de type. "
            "Donnez un autre nom à l'attribut, ou un autre identifiant à la couche."
        )


def current_table(layer: Layer) -> sql.Identifier:
    """The features that the public reads."""
    return sql.Identifier(DATA, layer.table)


def history_table(layer: Layer) -> sql.Identifier:
    """Closed rows: they were public from ``edition_from`` to ``edition_to``, this one excluded."""
    return sql.Identifier(DATA, f"{layer.table}_history")


def field_names(layer: Layer) -> list[str]:
    return [field.name for field in layer.fields]


def state_columns(layer: Layer) -> list[str]:
    """The columns that a past state and the present one share, in order."""
    return ["key", "edition_from", "hash", *field_names(layer), "geom"]


def relation(layer: Layer, number: int, current: int) -> sql.Composable:
    """The features of edition ``number``, as something to select from.

    The present is the plain table, so that its indexes serve; a past edition is the rows still there that already
    were, and the rows closed since.
    """
    if number == current:
        return current_table(layer)
    return statement(
        "past_state",
        columns=columns(state_columns(layer)),
        current=current_table(layer),
        history=history_table(layer),
        number=sql.Literal(number),
    )


def column_definitions(layer: Layer) -> sql.Composed:
    """``"nom" text, "population" bigint`` for the fields of the layer."""
    return sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(field.name), sql.SQL(field.type.sql)) for field in layer.fields
    )


def geometry_type(geometry: Geometry, srid: int) -> sql.Composed:
    return sql.SQL("geometry({}, {})").format(sql.SQL(geometry.value), sql.Literal(srid))


def ensure_tables(cur: Cursor[Any], layer: Layer, srid: int) -> bool:
    """Create the tables of a layer, or add the columns that its definition gained; True when they are new.

    A field that left the definition keeps its column: the past needs it. Nothing is locked when nothing is missing.
    To be called outside the transaction that publishes.
    """
    existing = table_columns(cur, layer)
    if not existing:
        parts = {"fields": column_definitions(layer), "geometry": geometry_type(layer.geometry, srid)}
        with cur.connection.transaction():
            cur.execute(statement("create_current", table=current_table(layer), **parts))
            cur.execute(statement("create_history", table=history_table(layer), **parts))
        return True
    missing = [field for field in layer.fields if field.name not in existing]
    if missing:
        _add_columns(cur, layer, missing)
    return False


_TYPE_NAMES = {"timestamptz": "timestamp with time zone"}


def check_definition(cur: Cursor[Any], layer: Layer) -> None:
    """Raise DefinitionChangedError when a column of the table has another type than its field now."""
    existing = table_columns(cur, layer)
    if not existing:
        return
    if existing["geom"].split("(")[1].split(",")[0] != layer.geometry.value:
        raise DefinitionChangedError(layer.id, "la géométrie")
    for field in layer.fields:
        if field.name in existing and existing[field.name] != _TYPE_NAMES.get(field.type.sql, field.type.sql):
            raise DefinitionChangedError(layer.id, f"l'attribut « {field.name} »")


def table_columns(cur: Cursor[Any], layer: Layer) -> dict[str, str]:
    """The columns that the current table really has, with their types; empty when there is no table."""
    return dict(cur.execute(statement("table_columns"), {"table": f"{DATA}.{layer.table}"}).fetchall())


def _add_columns(cur: Cursor[Any], layer: Layer, fields: list[LayerField]) -> None:
    """Add columns in a short transaction: it gives way to readers, who would all wait behind it."""
    for attempt in range(_LOCK_TRIES):
        try:
            with cur.connection.transaction():
                cur.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(_LOCK_TIMEOUT)))
                for table in (current_table(layer), history_table(layer)):
                    added = sql.SQL(", ").join(
                        sql.SQL("ADD COLUMN IF NOT EXISTS {} {}").format(sql.Identifier(field.name), sql.SQL(field.type.sql))
                        for field in fields
                    )
                    cur.execute(sql.SQL("ALTER TABLE {} {}").format(table, added))
        except LockNotAvailable:
            if attempt == _LOCK_TRIES - 1:
                raise
        else:
            return


def create_indexes(cur: Cursor[Any], layer: Layer) -> None:
    """Index a layer that was just filled for the first time; building at once is quicker than row by row."""
    cur.execute(
        statement(
            "create_indexes",
            current=current_table(layer),
            history=history_table(layer),
            primary_key=sql.Identifier(f"{layer.table}_pkey"),
        )
    )
    ensure_field_indexes(cur, layer)


def ensure_field_indexes(cur: Cursor[Any], layer: Layer) -> None:
    """Index the fields that the definition marks; text also in its folded form, for searches without case or accents.

    The label, when it is a text, has its trigrams indexed: a word is looked for anywhere in it.
    """
    label = layer.field(layer.label)
    if label.type is FieldType.TEXT:
        trigrams = sql.SQL("USING gin (portail.fold({}) gin_trgm_ops)").format(sql.Identifier(label.name))
        _create_index(cur, layer, f"{label.name}_trgm", trigrams)
    for field in layer.fields:
        if not field.index:
            continue
        target = sql.SQL("({}, key)").format(sql.Identifier(field.name))
        _create_index(cur, layer, field.name, target)
        if field.type is FieldType.TEXT:
            folded = sql.SQL("(portail.fold({}) text_pattern_ops)").format(sql.Identifier(field.name))
            _create_index(cur, layer, f"{field.name}_fold", folded)


def _create_index(cur: Cursor[Any], layer: Layer, suffix: str, target: sql.Composable) -> None:
    name = sql.Identifier(index_name(layer.table, suffix))
    cur.execute(sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} {}").format(name, current_table(layer), target))


def index_name(table: str, suffix: str) -> str:
    """Name of an index. PostgreSQL cuts names at 63 bytes: a long one ends with its checksum, so that two never meet."""
    name = f"{table}_{suffix}_idx"
    return name if len(name) <= 63 else f"{name[:54]}_{zlib.crc32(name.encode()):08x}"
