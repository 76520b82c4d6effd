"""The reference queries: one text per file, for pgbench (``:name``) and for psycopg (``%(name)s``)."""

import re
from pathlib import Path

from psycopg import sql

from layers.model import Layer
from layers.statements import columns, statement
from layers.storage import current_table

DIRECTORY = Path(__file__).resolve().parent / "sql"
_VARIABLE = re.compile(r"(?<!:):([a-z]+)\b")


def bare_tile(layer: Layer, srid: int) -> str:
    """The bare ``ST_AsMVT`` statement on the full geometries; variables zoom, x, y."""
    names = columns([field.name for field in layer.tile_fields])
    composed = statement(
        "tile", DIRECTORY, layer=sql.Literal(layer.id), fields=names, table=current_table(layer), srid=sql.Literal(srid)
    )
    return composed.as_string(None)


def bare_items(layer: Layer, srid: int, limit: int) -> str:
    """A FeatureCollection of ``limit`` features of a window; variables west, south, east, north (degrees)."""
    parts = {
        "properties": _properties(layer),
        "table": current_table(layer),
        "srid": sql.Literal(srid),
        "limit": sql.Literal(limit),
    }
    return statement("items", DIRECTORY, **parts).as_string(None)


def bare_item(layer: Layer) -> str:
    """A Feature by its key; variables commune, section, number, as ``Cadastre.pgbench_key`` sets them."""
    return statement("item", DIRECTORY, properties=_properties(layer), table=current_table(layer)).as_string(None)


def _properties(layer: Layer) -> sql.Composed:
    pairs = [sql.SQL("{}, {}").format(sql.Literal(field.name), sql.Identifier(field.name)) for field in layer.public_fields]
    return sql.SQL(", ").join(pairs)


def for_psycopg(query: str) -> str:
    """``:west`` becomes ``%(west)s``; casts (``::json``) and percent signs are kept."""
    return _VARIABLE.sub(r"%(\1)s", query.replace("%", "%%"))
