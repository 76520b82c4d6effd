"""A worker for tests: its processes double a number, refuse, break, die, or wait for a lock that the test holds."""

import asyncio
import os
import signal
from collections.abc import Mapping
from typing import Any

from psycopg import Connection

from config.settings import Settings
from ingest.worker import JobRefusedError, Pace, Progress, Worker

LOCK = 4242
PROGRESS = 30


def run(_settings: Settings, process: str, inputs: Mapping[str, Any], conn: Connection[Any], progress: Progress) -> Any:
    match process:
        case "double":
            return {"value": 2 * inputs["value"]}
        case "refuse":
            raise JobRefusedError("Cette demande est refusée.")
        case "break":
            return 1 // 0
        case "suicide":
            os.kill(os.getpid(), signal.SIGKILL)
    progress(PROGRESS, "Attente du verrou.")
    conn.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
    return {"held": True}


if __name__ == "__main__":
    quick = Pace(heartbeat=0.3, dead_after=1.5, poll=0.3, grace=0.5, retry_wait=0, connect_timeout=1.0, reconnect=0.2)
    asyncio.run(Worker(Settings(), run, pace=quick).run())
