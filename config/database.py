"""Connections to PostgreSQL: synchronous for commands and workers, pooled and asynchronous for the web."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg_pool import AsyncConnectionPool

from config.settings import Settings

Pool = AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]]

# Custom plans for the first executions, then one generic plan, would change the plan of a bbox query under load;
# the bbox is what decides, so every execution is planned with its values.
READ_OPTIONS = "-c plan_cache_mode=force_custom_plan -c jit=off -c search_path=public"


@contextmanager
def connect(settings: Settings, *, autocommit: bool = False) -> Iterator[Connection[tuple[Any, ...]]]:
    """Open one read-write connection; the block is one transaction unless ``autocommit``.

    Raises psycopg.OperationalError when the server cannot be reached.
    """
    with psycopg.connect(
        settings.effective_database_url, autocommit=autocommit, options="-c jit=off", application_name="geoportail"
    ) as conn:
        yield conn


@asynccontextmanager
async def read_pool(settings: Settings) -> AsyncIterator[Pool]:
    """Pool of read-only connections in autocommit, each with the public statement timeout."""
    options = f"{READ_OPTIONS} -c default_transaction_read_only=on -c statement_timeout={settings.statement_timeout_ms}"
    pool: Pool = AsyncConnectionPool(
        settings.effective_read_url,
        min_size=min(2, settings.pool_size),
        max_size=settings.pool_size,
        kwargs={"autocommit": True, "options": options, "application_name": "geoportail-web", "prepare_threshold": 1},
        timeout=10,
        open=False,
    )
    await pool.open()  # does not wait: without a database the portal starts, says so, and mends by itself
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def export_connection(settings: Settings) -> AsyncIterator[AsyncConnection[tuple[Any, ...]]]:
    """A connection of its own for a long stream, so that slow readers never empty the pool.

    One read-only snapshot from the first row to the last.
    """
    options = f"-c jit=off -c default_transaction_read_only=on -c statement_timeout={settings.export_timeout_ms}"
    options += " -c default_transaction_isolation=repeatable\\ read"
    # A reader that stops reading stops the stream; should that fail, the server lets the snapshot go by itself.
    options += f" -c idle_in_transaction_session_timeout={settings.export_timeout_ms}"
    async with await AsyncConnection.connect(
        settings.effective_read_url, options=options, application_name="geoportail-export"
    ) as conn:
        yield conn
