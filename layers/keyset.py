"""Keyset paging: a page starts after a row, not at a rank, so that depth costs nothing and writes displace nothing.

For an order ``a ASC, b DESC, key ASC`` the rows after (1, 2, 'k') are those where

    a > 1  OR  (a = 1 AND b < 2)  OR  (a = 1 AND b = 2 AND key > 'k')

with nulls last whatever the direction, and "=" meaning "is not distinct from". Going back reverses every sense.
"""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from psycopg import sql

MAX_LENGTH = 4_000

Bind = Callable[[Any], sql.Composable]


class BadTokenError(ValueError):
    """The page token was not made by this portal for this order."""

    def __init__(self) -> None:
        super().__init__("ce repère de page n'est pas valable : reprenez à la première page")


@dataclass(frozen=True, slots=True)
class SortKey:
    """One level of the order. ``sql_type`` is the PostgreSQL type of the column, to read the token's text back."""

    column: str
    descending: bool = False
    sql_type: str = "text"
    nullable: bool = True


KEY = SortKey("key", nullable=False)


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two rows: after (or, ``backward``, before) the row whose sort values are ``values``, as text."""

    values: tuple[str | None, ...]
    backward: bool = False


def encode(position: Position) -> str:
    """Token of a position, safe in an address."""
    text = json.dumps(["<" if position.backward else ">", *position.values], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(token: str, levels: int) -> Position:
    """Read a token made for an order of ``levels`` columns; raises BadTokenError."""
    if len(token) > MAX_LENGTH:
        raise BadTokenError
    try:
        content = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise BadTokenError from None
    if not isinstance(content, list) or len(content) != levels + 1 or content[0] not in ("<", ">"):
        raise BadTokenError
    values = content[1:]
    if not all(value is None or _is_text(value) for value in values) or values[-1] is None:
        raise BadTokenError
    return Position(tuple(values), content[0] == "<")


def _is_text(value: Any) -> bool:
    """Text that PostgreSQL can hold: no null character, no half of a surrogate pair."""
    return isinstance(value, str) and not any(c == "\x00" or "\ud800" <= c <= "\udfff" for c in value)


def order_by(order: tuple[SortKey, ...], *, backward: bool = False) -> sql.Composed:
    """The ORDER BY list; backward it is the exact mirror, so that the page is read from its end."""
    terms = []
    for level in order:
        descending = level.descending is not backward
        nulls = "" if not level.nullable else (" NULLS FIRST" if backward else " NULLS LAST")
        terms.append(sql.SQL("{}" + (" DESC" if descending else " ASC") + nulls).format(sql.Identifier(level.column)))
    return sql.SQL(", ").join(terms)


def after(order: tuple[SortKey, ...], position: Position, bind: Bind) -> sql.Composable:
    """The condition that a row lies beyond ``position`` in the given order."""
    bound = [
        sql.SQL("{}::{}").format(bind(value), sql.SQL(level.sql_type)) if value is not None else None
        for level, value in zip(order, position.values, strict=True)
    ]
    alternatives: list[sql.Composable] = []
    for i, level in enumerate(order):
        beyond = _beyond(level, bound[i], position.backward)
        if beyond is None:
            continue
        ties = [_same(order[j], bound[j]) for j in range(i)]
        alternatives.append(sql.SQL("(") + sql.SQL(" AND ").join([*ties, beyond]) + sql.SQL(")"))
    return sql.SQL("(") + sql.SQL(" OR ").join(alternatives) + sql.SQL(")")


def _beyond(level: SortKey, value: sql.Composable | None, backward: bool) -> sql.Composable | None:
    column = sql.Identifier(level.column)
    if value is None:  # nulls are last: nothing beyond them going on, every value before them going back
        return sql.SQL("{} IS NOT NULL").format(column) if backward else None
    sign = "<" if level.descending is not backward else ">"
    condition = sql.SQL("{} " + sign + " {}").format(column, value)
    if backward or not level.nullable:
        return condition
    return sql.SQL("({} OR {} IS NULL)").format(condition, column)


def _same(level: SortKey, value: sql.Composable | None) -> sql.Composable:
    column = sql.Identifier(level.column)
    return sql.SQL("{} IS NULL").format(column) if value is None else sql.SQL("{} = {}").format(column, value)
