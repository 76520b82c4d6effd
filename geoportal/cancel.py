"""Stop working for a client that has left: the SQL under way is cancelled on the server."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.types import Receive

T = TypeVar("T")

# Most answers are ready sooner than this: only the slow ones pay for a watcher.
GRACE_SECONDS = 0.1


class ClientGoneError(Exception):
    """The client closed the connection before its answer was ready; nobody is left to be told."""


async def while_connected(receive: Receive, work: Awaitable[T]) -> T:
    """Await ``work``; if the client leaves meanwhile, cancel it and raise ClientGoneError."""
    task = asyncio.current_task()
    gone = False
    watcher: asyncio.Task[None] | None = None

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        if task:
            task.cancel()

    def start() -> None:
        nonlocal watcher
        watcher = asyncio.create_task(watch())

    timer = asyncio.get_running_loop().call_later(GRACE_SECONDS, start)
    try:
        return await work
    except asyncio.CancelledError:
        if gone and task:
            task.uncancel()
            raise ClientGoneError from None
        raise
    finally:
        timer.cancel()
        if watcher:
            watcher.cancel()
