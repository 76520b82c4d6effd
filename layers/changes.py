"""What differs between two editions of a layer, read for an answer."""

import json
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection, sql

from layers.catalog import Collection
from layers.crs import Crs
from layers.editions import read_changes
from layers.queries import feature_text


@dataclass(frozen=True)
class Changes:
    """From edition ``first`` to ``second``, features after key ``after``, geometries in ``crs``."""

    collection: Collection
    first: int
    second: int
    crs: Crs
    limit: int
    after: str | None = None


async def fetch_changes(conn: AsyncConnection[Any], wanted: Changes) -> list[tuple[str, dict[str, Any]]]:
    """At most ``limit + 1`` (key, GeoJSON Feature with a ``change`` member), by key."""
    layer = wanted.collection.layer
    text = feature_text(layer.public_fields, wanted.crs, wanted.collection.srid)
    query = sql.SQL("SELECT key, change, {} FROM ({}) c WHERE {} ORDER BY key LIMIT {}").format(
        text,
        read_changes(layer, wanted.first, wanted.second),
        sql.SQL("key > %(after)s") if wanted.after is not None else sql.SQL("TRUE"),
        sql.Literal(wanted.limit + 1),
    )
    rows = await (await conn.execute(query, {"after": wanted.after})).fetchall()
    return [(key, {**json.loads(feature), "change": change}) for key, change, feature in rows]


async def count_changes(conn: AsyncConnection[Any], wanted: Changes) -> dict[str, int]:
    """How many features were added, changed and removed."""
    changes = read_changes(wanted.collection.layer, wanted.first, wanted.second, fields=[])
    query = sql.SQL("SELECT change, count(*) FROM ({}) c GROUP BY change").format(changes)
    found: dict[str, int] = dict(await (await conn.execute(query)).fetchall())
    return {name: found.get(name, 0) for name in ("added", "changed", "removed")}
