"""Numbered SQL files, applied once each and in order, under one advisory lock."""

import hashlib
from pathlib import Path
from typing import Any

from psycopg import Connection

DIRECTORY = Path(__file__).resolve().parent
LOCK = 0x6765_6F70  # any constant: two processes that start together must not migrate together


class MigrationChangedError(RuntimeError):
    """A migration file differs from what this database received under the same name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"La migration {name} a changé depuis qu'elle a été appliquée à cette base : ajoutez-en une nouvelle.")


def migrate(conn: Connection[tuple[Any, ...]]) -> list[str]:
    """Apply the migrations that this database lacks and return their names.

    One transaction for all of them: a failure leaves the database as it was.
    Raises MigrationChangedError when an applied file was edited afterwards.
    """
    applied: list[str] = []
    with conn.transaction(), conn.cursor() as cur:
        cur.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        cur.execute(
            "CREATE TABLE IF NOT EXISTS public.portail_migration"
            " (name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done = dict(cur.execute("SELECT name, sha256 FROM public.portail_migration").fetchall())
        for path in sorted(DIRECTORY.glob("[0-9]*.sql")):
            text = path.read_text(encoding="utf-8")
            digest = hashlib.sha256(text.encode()).hexdigest()
            if path.name in done:
                if done[path.name] != digest:
                    raise MigrationChangedError(path.name)
                continue
            cur.execute(text.encode())
            cur.execute("INSERT INTO public.portail_migration (name, sha256) VALUES (%s, %s)", (path.name, digest))
            applied.append(path.name)
    return applied
