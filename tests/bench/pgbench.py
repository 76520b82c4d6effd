"""Raw PostgreSQL by pgbench: the same prepared statement over and over, with nothing between it and the socket."""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench.libpq import libpq_environment

GRACE_SECONDS = 90


class PgbenchError(RuntimeError):
    """pgbench is missing, or a query failed."""


@dataclass(frozen=True)
class Throughput:
    """``rate`` in transactions/s without the time to connect; ``latency_ms`` is the mean."""

    transactions: int
    rate: float
    latency_ms: float


def parse(output: str) -> Throughput:
    """Read the report of pgbench (PostgreSQL 14 and later)."""
    patterns = (r"transactions actually processed: (\d+)", r"tps = ([\d.]+)", r"latency average = ([\d.]+) ms")
    found = [re.search(pattern, output) for pattern in patterns]
    count, rate, latency = (match.group(1) if match else None for match in found)
    if count is not None and int(count) == 0:
        raise PgbenchError(
            "pgbench n'a fini aucune transaction pendant la mesure : la machine est trop occupée, ou --seconds trop court"
        )
    if count is None or rate is None or latency is None:
        raise PgbenchError(f"pgbench n'a rien dit de lisible : {output.strip()[-200:] or 'aucune sortie'}")
    return Throughput(int(count), float(rate), float(latency))


def run(
    database_url: str, script: str, *, clients: int, seconds: float | None = None, transactions: int | None = None
) -> Throughput:
    """Run ``script`` prepared by ``clients`` connections, for ``seconds`` or ``transactions`` each; ``:turn`` starts at 0.

    Raises PgbenchError when it fails.
    """
    bound = ["-t", str(transactions)] if transactions else ["-T", str(max(1, round(seconds or 1)))]
    with tempfile.NamedTemporaryFile("w", suffix=".sql", encoding="utf-8") as file:
        file.write(script)
        file.flush()
        command = [_program(), "-n", "-M", "prepared", "-c", str(clients), "-j", "1", *bound, "-D", "turn=0", "-f", file.name]
        finished = subprocess.run(
            command,
            env=libpq_environment(database_url),
            capture_output=True,
            text=True,
            timeout=(seconds or 0) + GRACE_SECONDS,
            check=False,
        )
    if finished.returncode:
        lines = finished.stderr.strip().splitlines() or ["aucun message"]
        raise PgbenchError(f"pgbench a échoué : {next((line for line in lines if 'ERROR' in line), lines[-1])}")
    return parse(finished.stdout)


def _program() -> str:
    if found := shutil.which("pgbench"):
        return found
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
    if not installed:
        raise PgbenchError("pgbench manque : installez le paquet postgresql.")
    return str(installed[-1])
