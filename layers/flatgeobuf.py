"""FlatGeobuf as a stream: PostGIS encodes batches, this module sews them into one file.

A file is magic bytes, one size-prefixed header, then size-prefixed features (https://flatgeobuf.org, version 3). Each
batch from ``ST_AsFlatGeobuf`` is such a file; only the first header is kept, its feature count set to the total.
"""

import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from psycopg import AsyncConnection, sql

from layers import keyset
from layers.crs import Crs
from layers.keyset import Position
from layers.model import FieldType, LayerField
from layers.queries import Selection, geometry_in
from layers.statements import statement

MAGIC_BYTES = 8
BATCH = 2_000
_FEATURES_COUNT = 8  # rank of features_count in the header's table


def body_offset(file: bytes) -> int:
    """Where the features start: after the magic bytes and the size-prefixed header."""
    (header_size,) = struct.unpack_from("<I", file, MAGIC_BYTES)
    return MAGIC_BYTES + 4 + int(header_size)


def with_feature_count(file: bytes, count: int) -> bytes:
    """The same file whose header announces ``count`` features.

    The count is a 64-bit field of the header's FlatBuffers table, found through its vtable; PostGIS always writes it
    when the batch has features.
    """
    start = MAGIC_BYTES + 4
    (root,) = struct.unpack_from("<I", file, start)
    table = start + root
    (to_vtable,) = struct.unpack_from("<i", file, table)
    (offset,) = struct.unpack_from("<H", file, table - to_vtable + 4 + 2 * _FEATURES_COUNT)
    if offset == 0:
        return file
    out = bytearray(file)
    struct.pack_into("<Q", out, table + offset, count)
    return bytes(out)


def _column(field: LayerField) -> sql.Composable:
    """Types that FlatGeobuf does not carry travel as text."""
    name = sql.Identifier(field.name)
    return sql.SQL("{0}::text AS {0}").format(name) if field.type in (FieldType.JSON, FieldType.DATE) else name


async def stream_flatgeobuf(
    conn: AsyncConnection[Any],
    selection: Selection,
    fields: tuple[LayerField, ...],
    crs: Crs,
    *,
    total: int,
    limit: int | None = None,
) -> AsyncIterator[bytes]:
    """The features of ``selection`` in blocks; ``total`` is their exact number. Coordinates have x first, always.

    An empty selection still gives a valid file, with its columns and no feature.
    """
    columns = sql.SQL(", ").join(_column(field) for field in fields)
    left = total if limit is None else min(total, limit)
    shape = geometry_in(crs, selection.collection.srid, flip=False)
    first = True
    position = selection.position
    while first or left > 0:
        values = dict(selection.values.values)
        batch = replace(selection, position=position)
        marks = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(level.column)) for level in batch.order)
        query = statement(
            "flatgeobuf",
            columns=columns,
            geometry=shape,
            marks=marks,
            source=batch.source,
            where=batch.where(),
            order=keyset.order_by(batch.order),
            limit=sql.Literal(min(BATCH, max(left, 0))),
        )
        row = await (await conn.execute(query, {**values, **batch.values.values})).fetchone()
        if row is None or row[0] is None:
            return
        file, count, last = bytes(row[0]), int(row[1]), row[2]
        yield with_feature_count(file, left if first else 0) if first else file[body_offset(file) :]
        if not count or last is None:
            return
        left -= count
        first = False
        position = Position(tuple(last))
