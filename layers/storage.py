"""Where a layer lives in PostGIS: its current table, its history, its past states, its indexes."""

from typing import Any

from psycopg import Cursor, sql

from layers.model import FieldType, Geometry, Layer
from layers.statements import columns, statement

DATA = "data"


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

    A field that left the definition keeps its column: the past needs it.
    """
    exists = cur.execute("SELECT to_regclass(%s)", (f"{DATA}.{layer.table}",)).fetchone()
    if exists and exists[0]:
        for field in layer.fields:
            for table in (current_table(layer), history_table(layer)):
                cur.execute(
                    sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} {}").format(
                        table, sql.Identifier(field.name), sql.SQL(field.type.sql)
                    )
                )
        return False
    parts = {"fields": column_definitions(layer), "geometry": geometry_type(layer.geometry, srid)}
    cur.execute(statement("create_current", table=current_table(layer), **parts))
    cur.execute(statement("create_history", table=history_table(layer), **parts))
    return True


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
    """Index the fields that the definition marks; text also in its folded form, for searches without case or accents."""
    for field in layer.fields:
        if not field.index:
            continue
        target = sql.SQL("({}, key)").format(sql.Identifier(field.name))
        _create_index(cur, layer, field.name, target)
        if field.type is FieldType.TEXT:
            folded = sql.SQL("(portail.fold({}) text_pattern_ops)").format(sql.Identifier(field.name))
            _create_index(cur, layer, f"{field.name}_fold", folded)


def _create_index(cur: Cursor[Any], layer: Layer, suffix: str, target: sql.Composable) -> None:
    name = sql.Identifier(f"{layer.table}_{suffix}_idx"[:63])
    cur.execute(sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} {}").format(name, current_table(layer), target))
