"""Editions: the dated states of a layer. Publishing applies one difference in one transaction; nothing is rewritten.

The public table is not touched before the end: a crash at any instant leaves the previous edition public.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, Cursor, sql
from psycopg.types.json import Jsonb

from layers import overviews, storage
from layers.catalog import Edition, UnknownEditionError, UnknownLayerError, edition_from_row
from layers.checks import RefusedError, Report, check_staged
from layers.footprint import delta_footprint
from layers.model import Layer
from layers.staging import Record, copy_records, drop_staging, import_lock, prepare, prepared_table
from layers.statements import columns, statement

__all__ = ["Outcome", "Record", "RefusedError", "publish_edition", "read_changes", "rollback"]


EXACT_EXTENT_UP_TO = 20_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import did. ``edition`` is None when the source says what is already public."""

    edition: Edition | None
    report: Report


@dataclass(frozen=True, slots=True)
class _Signature:
    """Who publishes, why, from what."""

    author: str
    note: str = ""
    source: str = ""
    source_sha256: str = ""
    restores: int | None = None


def publish_edition(
    conn: Connection[Any],
    layer: Layer,
    records: Iterable[Record],
    *,
    srid: int,
    storage_srid: int,
    author: str,
    style: dict[str, Any] | None = None,
    note: str = "",
    source: str = "",
    source_sha256: str = "",
    position: int = 1000,
    force: bool = False,
    repair: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Publish ``records`` as the next edition of ``layer``, if they differ from the public one.

    ``srid`` is the EPSG code of the records, ``storage_srid`` that of the table (ignored once the table exists).
    ``conn`` must be in autocommit: staging is done outside the short transaction that publishes.

    Raises RefusedError when the checks forbid it, DefinitionChangedError when a field changed its type,
    ImportInProgressError when the layer is being imported elsewhere.
    """
    with conn.cursor() as cur:
        cur.execute("SET TIME ZONE 'UTC'")  # the text of a timestamp, hence its hash, depends on it
        with import_lock(cur, layer):
            current = _current_number(cur, layer.id)
            storage_srid = _stored_srid(cur, layer.id) or storage_srid
            if current:
                storage.check_definition(cur, layer)
            read = copy_records(cur, layer, records, srid, progress)
            prepare(cur, layer, srid, storage_srid, repair=repair)
            report = check_staged(cur, layer, read, _total(cur, layer.id, current))
            if obstacles := report.obstacles(force=force):
                drop_staging(cur, layer)
                raise RefusedError(layer.id, report, obstacles)
            signature = _Signature(author, note, source, source_sha256)
            if current:  # apart from the publication: changing a table keeps readers waiting
                storage.ensure_tables(cur, layer, storage_srid)
            with conn.transaction():
                if not current:
                    storage.ensure_tables(cur, layer, storage_srid)
                _upsert_layer(cur, layer, style or {}, storage_srid, position)
                edition = _apply(cur, layer, storage_srid, current, prepared_table(layer), signature, report)
            drop_staging(cur, layer)
            if edition:
                cur.execute(sql.SQL("ANALYZE {}").format(storage.current_table(layer)))
    return Outcome(edition, report)


def rollback(conn: Connection[Any], layer: Layer, *, author: str, to: int | None = None, note: str = "") -> Edition | None:
    """Publish again the state of edition ``to`` (the one before the last by default), as a new edition.

    Returns None when that state is the one already public. Raises UnknownEditionError when ``to`` never was.
    """
    with conn.cursor() as cur, import_lock(cur, layer):
        current = _current_number(cur, layer.id)
        wanted = current - 1 if to is None else to
        if not 1 <= wanted <= current:
            raise UnknownEditionError(layer.id, str(wanted))
        past = storage.relation(layer, wanted, current)
        signature = _Signature(author, note or f"Retour à l'édition {wanted}", restores=wanted)
        with conn.transaction():
            srid = _stored_srid(cur, layer.id)
            edition = _apply(cur, layer, srid, current, past, signature, Report(0))
    return edition


def _apply(
    cur: Cursor[Any],
    layer: Layer,
    srid: int,
    current: int,
    new_state: sql.Composable,
    signature: _Signature,
    report: Report,
) -> Edition | None:
    """Apply the difference between ``new_state`` and the public state, inside the caller's transaction."""
    number = current + 1
    names = columns(storage.field_names(layer))
    parts = {
        "current": storage.current_table(layer),
        "history": storage.history_table(layer),
        "new_state": new_state,
        "fields": names,
    }
    footprint: list[int] | None = None
    unchanged = 0
    if current == 0:
        added = cur.execute(statement("open_first", **parts), {"number": number}).rowcount
        changed = removed = 0
        storage.create_indexes(cur, layer)
        overviews.create_overviews(cur, layer, srid)
    else:
        storage.ensure_field_indexes(cur, layer)
        cur.execute(statement("delta", **parts))
        cur.execute("ANALYZE delta")
        added, changed, removed = cur.execute(statement("count_delta")).fetchone() or (0, 0, 0)
        if not added + changed + removed:
            cur.execute("DROP TABLE delta")
            overviews.ensure_overviews(cur, layer, srid)
            return None
        unchanged = _total(cur, layer.id, current) - changed - removed
        # Every column of the table, those that left the definition too: the past keeps their values.
        state = list(storage.table_columns(cur, layer))
        cur.execute(
            statement("close_rows", columns=columns(state), closed_columns=columns(state, "c"), **parts),
            {"number": number},
        )
        new_fields = columns(storage.field_names(layer), "n")
        cur.execute(statement("open_rows", new_fields=new_fields, **parts), {"number": number})
        touched = delta_footprint(cur, srid)
        redrawn = overviews.refresh_overviews(cur, layer, srid, swap=False)
        footprint = None if redrawn else touched
        cur.execute("DROP TABLE delta")
    counts = {"added": added, "changed": changed, "removed": removed, "unchanged": unchanged}
    edition = _record_edition(cur, layer, srid, number, counts, footprint, signature, report)
    overviews.swap_overviews(cur, layer)  # last, since readers wait from here to the commit
    return edition


def _record_edition(
    cur: Cursor[Any],
    layer: Layer,
    srid: int,
    number: int,
    counts: dict[str, int],
    footprint: list[int] | None,
    signature: _Signature,
    report: Report,
) -> Edition:
    total = counts["added"] + counts["changed"] + counts["unchanged"]
    # The box of a large layer is transformed as a whole: a little too wide, but read in one pass without reprojection.
    name = "layer_extent" if total <= EXACT_EXTENT_UP_TO else "layer_extent_large"
    row = cur.execute(statement(name, current=storage.current_table(layer), srid=sql.Literal(srid))).fetchone()
    values = {
        "layer_id": layer.id,
        "number": number,
        "author": signature.author,
        "note": signature.note,
        "restores": signature.restores,
        "source": signature.source,
        "source_sha256": signature.source_sha256,
        "total": total,
        "bbox": row[0] if row else None,
        "footprint": footprint,
        "report": Jsonb(report.as_json()),
        **counts,
    }
    (edition,) = cur.execute(statement("insert_edition"), values).fetchall()
    cur.execute("UPDATE portail.layer SET current_edition = %s WHERE id = %s", (number, layer.id))
    return edition_from_row(edition)


def read_changes(layer: Layer, first: int, second: int, *, fields: list[str] | None = None) -> sql.Composed:
    """The features that differ between two editions, as a query of key, change, fields and geom (storage CRS).

    ``change`` is added, changed or removed, going from ``first`` to ``second``; a removed feature keeps its last values.
    """
    names = storage.field_names(layer) if fields is None else fields
    picked: list[sql.Composable] = [
        sql.SQL("CASE WHEN a.key IS NULL THEN b.{n} ELSE a.{n} END AS {n}").format(n=sql.Identifier(name)) for name in names
    ]
    return statement(
        "changes",
        current=storage.current_table(layer),
        history=storage.history_table(layer),
        fields=_each_with_comma([sql.Identifier(name) for name in names]),
        picked_fields=_each_with_comma(picked),
        first=sql.Literal(first),
        second=sql.Literal(second),
        low=sql.Literal(min(first, second)),
        high=sql.Literal(max(first, second)),
    )


def _each_with_comma(parts: list[sql.Composable]) -> sql.Composed:
    return sql.SQL("").join(sql.SQL("{}, ").format(part) for part in parts)


def find_layer(conn: Connection[Any], layer_id: str) -> Layer:
    """The definition of a layer in the catalogue; raises UnknownLayerError."""
    row = conn.execute("SELECT definition FROM portail.layer WHERE id = %s", (layer_id,)).fetchone()
    if row is None:
        raise UnknownLayerError(layer_id)
    return Layer.from_stored(row[0])


def _upsert_layer(cur: Cursor[Any], layer: Layer, style: dict[str, Any], srid: int, position: int) -> None:
    values = {
        "id": layer.id,
        "definition": Jsonb(layer.model_dump(mode="json")),
        "style": Jsonb(style),
        "srid": srid,
        "position": position,
    }
    cur.execute(statement("upsert_layer"), values)


def _current_number(cur: Cursor[Any], layer_id: str) -> int:
    row = cur.execute("SELECT current_edition FROM portail.layer WHERE id = %s", (layer_id,)).fetchone()
    return int(row[0]) if row else 0


def _stored_srid(cur: Cursor[Any], layer_id: str) -> int:
    row = cur.execute("SELECT srid FROM portail.layer WHERE id = %s", (layer_id,)).fetchone()
    return int(row[0]) if row else 0


def _total(cur: Cursor[Any], layer_id: str, number: int) -> int:
    row = cur.execute("SELECT total FROM portail.edition WHERE layer_id = %s AND number = %s", (layer_id, number)).fetchone()
    return int(row[0]) if row else 0
