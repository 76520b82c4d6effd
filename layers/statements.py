"""SQL kept in files: one query per file, identifiers composed, values bound."""

from functools import lru_cache
from pathlib import Path

from psycopg import sql

DIRECTORY = Path(__file__).resolve().parent / "sql"


@lru_cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def statement(name: str, directory: Path = DIRECTORY, /, **parts: sql.Composable) -> sql.Composed:
    """Return the query of ``<name>.sql`` with its ``{parts}`` composed; values stay as ``%(placeholders)s``."""
    return sql.SQL(_text(directory / f"{name}.sql")).format(**parts)


def columns(names: list[str], prefix: str = "") -> sql.Composed:
    """``a, b, c`` or ``t.a, t.b, t.c``."""
    return sql.SQL(", ").join(sql.Identifier(prefix, name) if prefix else sql.Identifier(name) for name in names)
