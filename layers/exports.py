"""Streams of features: PostgreSQL writes each row, COPY carries them, memory does not grow with the layer."""

from collections.abc import AsyncIterator
from typing import Any

from psycopg import AsyncConnection, sql
from psycopg.abc import Buffer

from layers import keyset
from layers.crs import Crs
from layers.model import Geometry, LayerField
from layers.queries import Selection, feature_text, geometry_in
from layers.statements import statement

# Rows are sent to the client by blocks of about this size: large enough to be cheap, small enough to start at once.
BLOCK_BYTES = 64 * 1024


def export_source(selection: Selection, columns: sql.Composable, limit: int | None) -> sql.Composed:
    """The rows of ``selection`` in its order, ``limit`` of them at most."""
    bound = sql.SQL("LIMIT {}").format(sql.Literal(limit)) if limit is not None else sql.SQL("")
    return statement(
        "export",
        columns=columns,
        source=selection.source,
        where=selection.where(),
        order=keyset.order_by(selection.order),
        limit=bound,
    )


async def _copy(conn: AsyncConnection[Any], query: sql.Composed, values: dict[str, Any]) -> AsyncIterator[Buffer]:
    async with conn.cursor() as cur, cur.copy(query, values or None) as copy:
        async for row in copy:
            yield row


async def stream_features(
    conn: AsyncConnection[Any],
    selection: Selection,
    fields: tuple[LayerField, ...],
    crs: Crs,
    *,
    separator: bytes,
    limit: int | None = None,
) -> AsyncIterator[bytes]:
    """GeoJSON Features as UTF-8 text, ``separator`` between them, in blocks."""
    text = feature_text(fields, crs, selection.collection.srid)
    query = sql.SQL("COPY ({}) TO STDOUT").format(export_source(selection, text, limit))
    block: list[bytes] = []
    size = 0
    first = True
    async for row in _copy(conn, query, selection.values.values):
        # COPY's text format ends a row by a newline, which JSON text never holds, and doubles every backslash.
        line = bytes(row)[:-1]
        if b"\\" in line:
            line = line.replace(b"\\\\", b"\\")
        if not first:
            block.append(separator)
        first = False
        block.append(line)
        size += len(line)
        if size > BLOCK_BYTES:
            yield b"".join(block)
            block.clear()
            size = 0
    if block:
        yield b"".join(block)


async def stream_csv(
    conn: AsyncConnection[Any],
    selection: Selection,
    fields: tuple[LayerField, ...],
    crs: Crs,
    *,
    limit: int | None = None,
) -> AsyncIterator[bytes]:
    """CSV (RFC 4180, UTF-8) with a header: the fields, then x and y for points or WKT for the rest."""
    columns: list[sql.Composable] = [sql.Identifier(field.name) for field in fields]
    shape = geometry_in(crs, selection.collection.srid, flip=False)
    if selection.collection.layer.geometry is Geometry.POINT:
        columns += [
            sql.SQL("round(ST_{}({})::numeric, {}) AS {}").format(sql.SQL(axis), shape, sql.Literal(crs.decimals), sql.SQL(name))
            for axis, name in (("X", "x"), ("Y", "y"))
        ]
    else:
        columns.append(sql.SQL("ST_AsText({}, {}) AS wkt").format(shape, sql.Literal(crs.decimals)))
    query = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(
        export_source(selection, sql.SQL(", ").join(columns), limit)
    )
    block = bytearray()
    async for row in _copy(conn, query, selection.values.values):
        block += row
        if len(block) > BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)
