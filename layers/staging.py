"""Staging: what was read is streamed beside the public tables, brought to the storage CRS and hashed there."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import Cursor, sql
from psycopg.types.json import Jsonb

from layers.model import FieldType, Geometry, Layer
from layers.statements import columns, statement
from layers.storage import column_definitions, field_names

STAGING = "staging"
_PROGRESS_EVERY = 1000


@dataclass(frozen=True, slots=True)
class Record:
    """One feature as a reader hands it over: values by field name, geometry as WKB (or EWKB) in the CRS of the source."""

    values: Mapping[str, Any]
    wkb: bytes | None


class ImportInProgressError(RuntimeError):
    """Another process is importing the same layer."""

    def __init__(self, layer_id: str) -> None:
        super().__init__(f"Un autre import de « {layer_id} » est en cours : attendez sa fin, puis recommencez.")


def staging_table(layer: Layer) -> sql.Identifier:
    return sql.Identifier(STAGING, f"{layer.table}_lu")


def prepared_table(layer: Layer) -> sql.Identifier:
    return sql.Identifier(STAGING, layer.table)


@contextmanager
def import_lock(cur: Cursor[Any], layer: Layer) -> Iterator[None]:
    """Hold the import of this layer for this session; a killed process lets go by itself.

    Raises ImportInProgressError when another session holds it.
    """
    name = f"geoportail:{layer.id}"
    row = cur.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (name,)).fetchone()
    if not row or not row[0]:
        raise ImportInProgressError(layer.id)
    try:
        yield
    finally:
        if not cur.connection.closed:
            cur.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (name,))


def _adapt(value: Any, field_type: FieldType) -> Any:
    if value is None:
        return None
    if field_type is FieldType.JSON:
        return Jsonb(value, dumps=lambda v: json.dumps(v, ensure_ascii=False, sort_keys=True))
    return value


def copy_records(
    cur: Cursor[Any],
    layer: Layer,
    records: Iterable[Record],
    srid: int,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Stream the records into a fresh staging table and return their number.

    ``srid`` is the EPSG code of their geometries. Memory does not grow with the number of records.
    """
    cur.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(STAGING)))
    drop_staging(cur, layer)
    table = staging_table(layer)
    cur.execute(statement("create_staging", table=table, fields=column_definitions(layer)))
    types = [(field.name, field.type) for field in layer.fields]
    copy = sql.SQL("COPY {} (rank, {}, geom) FROM STDIN").format(table, columns(field_names(layer)))
    count = 0
    with cur.copy(copy) as out:
        for record in records:
            values = record.values
            row = [count, *(_adapt(values.get(name), kind) for name, kind in types)]
            row.append(record.wkb.hex() if record.wkb else None)
            out.write_row(row)
            count += 1
            if progress and count % _PROGRESS_EVERY == 0:
                progress(count)
    cur.execute(sql.SQL("SELECT UpdateGeometrySRID(%s, %s, 'geom', %s)"), (STAGING, f"{layer.table}_lu", srid))
    return count


def _stored_geometry(geometry: Geometry, srid: int, storage_srid: int, *, repair: bool) -> sql.Composable:
    """The geometry as it is stored: two dimensions, storage CRS, Multi- form when the layer has one, never empty."""
    out: sql.Composable = sql.SQL("ST_Force2D(geom)")
    if repair:
        # MakeValid may turn a collapsed polygon into a line: only the parts of the layer's own dimension are kept.
        valid = sql.SQL("CASE WHEN ST_IsValid({g}) THEN {g} ELSE ST_CollectionExtract(ST_MakeValid({g}), {d}) END")
        out = valid.format(g=out, d=sql.Literal(geometry.dimension + 1))
    if srid != storage_srid:
        out = sql.SQL("ST_Transform({}, {})").format(out, sql.Literal(storage_srid))
    if geometry is not Geometry.POINT:
        out = sql.SQL("ST_Multi({})").format(out)
    # NULLIF would compare geometries by their boxes: emptiness is asked for.
    return sql.SQL("CASE WHEN ST_IsEmpty({g}) THEN NULL ELSE {g} END").format(g=out)


def prepare(cur: Cursor[Any], layer: Layer, srid: int, storage_srid: int, *, repair: bool = False) -> None:
    """Make the prepared table (key, fields, geometry in the storage CRS, hash) from what was read."""
    names = field_names(layer)
    cur.execute(
        statement(
            "prepare_staging",
            prepared=prepared_table(layer),
            staging=staging_table(layer),
            key=sql.Identifier(layer.key),
            fields=columns(names),
            hashed=columns(sorted(names)),
            geometry=_stored_geometry(layer.geometry, srid, storage_srid, repair=repair),
        )
    )
    cur.execute(sql.SQL("ANALYZE {}").format(prepared_table(layer)))


def drop_staging(cur: Cursor[Any], layer: Layer) -> None:
    for table in (staging_table(layer), prepared_table(layer)):
        cur.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
