"""FlatGeobuf as a stream: GDAL encodes batches, this module sews them into one file.

A file is magic bytes, one size-prefixed header, then size-prefixed features (https://flatgeobuf.org, version 3),
without a spatial index since that would have to come first. Only the header of the first batch is kept.

PostGIS has ``ST_AsFlatGeobuf``, but up to 3.3 it numbers the columns wrongly after a null value.
"""

import asyncio
import io
import struct
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pyogrio.raw
from psycopg import AsyncConnection, sql

from layers.crs import Crs
from layers.exports import export_source
from layers.model import FieldType, Layer, LayerField
from layers.queries import Selection, geometry_in

MAGIC_BYTES = 8
BATCH = 2_000

_DTYPES = {
    FieldType.INTEGER: "int64",
    FieldType.NUMBER: "float64",
    FieldType.BOOLEAN: "bool",
    FieldType.TIMESTAMP: "datetime64[ms]",
}


def body_offset(file: bytes) -> int:
    """Where the features start: after the magic bytes and the size-prefixed header."""
    (header_size,) = struct.unpack_from("<I", file, MAGIC_BYTES)
    return MAGIC_BYTES + 4 + int(header_size)


def _column(field: LayerField) -> sql.Composable:
    """Dates and JSON travel as text, instants as UTC without zone."""
    name = sql.Identifier(field.name)
    match field.type:
        case FieldType.JSON | FieldType.DATE:
            return sql.SQL("{0}::text AS {0}").format(name)
        case FieldType.TIMESTAMP:
            return sql.SQL("{0} AT TIME ZONE 'UTC' AS {0}").format(name)
    return name


def encode_batch(layer: Layer, fields: Sequence[LayerField], srid: int, rows: Sequence[Sequence[Any]]) -> bytes:
    """One FlatGeobuf file from rows of (values…, WKB or None), geometries in EPSG ``srid``."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * (len(fields) + 1)
    data, masks = [], []
    for field, values in zip(fields, columns[:-1], strict=True):
        missing = np.array([value is None for value in values], dtype=bool)
        dtype = _DTYPES.get(field.type)
        if dtype is None:
            data.append(np.array(values, dtype=object))
        else:
            data.append(np.array([0 if value is None else value for value in values], dtype=dtype))
        masks.append(missing)
    geometries = np.array([None if wkb is None else bytes(wkb) for wkb in columns[-1]], dtype=object)
    out = io.BytesIO()
    pyogrio.raw.write(
        out,
        geometry=geometries,
        field_data=data,
        fields=np.array([field.name for field in fields], dtype=object),
        field_mask=masks,
        crs=f"EPSG:{srid}",
        geometry_type=layer.geometry.value,
        driver="FlatGeobuf",
        layer=layer.id,
        SPATIAL_INDEX="NO",
    )
    return out.getvalue()


async def stream_flatgeobuf(
    conn: AsyncConnection[Any],
    selection: Selection,
    fields: tuple[LayerField, ...],
    crs: Crs,
    *,
    limit: int | None = None,
) -> AsyncIterator[bytes]:
    """The features of ``selection`` in blocks. Coordinates have x first, always.

    An empty selection still gives a valid file, with its columns and no feature.
    """
    layer = selection.collection.layer
    shape = sql.SQL("ST_AsBinary({})").format(geometry_in(crs, selection.collection.srid, flip=False))
    query = export_source(selection, sql.SQL(", ").join([*map(_column, fields), shape]), limit)
    async with conn.cursor(name="export", binary=True) as cur:
        await cur.execute(query, selection.values.values)
        rows = await cur.fetchmany(BATCH)
        yield await asyncio.to_thread(encode_batch, layer, fields, crs.srid, rows)
        while rows := await cur.fetchmany(BATCH):
            file = await asyncio.to_thread(encode_batch, layer, fields, crs.srid, rows)
            yield file[body_offset(file) :]
