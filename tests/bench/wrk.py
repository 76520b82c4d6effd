"""HTTP load by wrk: a Python client would be the slowest part, and flatter the ratios."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("rotate.lua")
GRACE_SECONDS = 30


class LoadError(RuntimeError):
    """The load could not be made, or the server refused it."""


@dataclass(frozen=True)
class Load:
    """What wrk saw. ``rate`` in requests/s, latencies in milliseconds, ``size`` the mean bytes of an answer with its headers."""

    requests: int
    rate: float
    p50_ms: float
    p99_ms: float
    size: float


def parse(output: str) -> Load:
    """Read the ``banc {…}`` line of rotate.lua.

    Raises LoadError when it is missing or when answers failed: a rate of errors is not a speed.
    """
    line = next((line for line in output.splitlines() if line.startswith("banc {")), None)
    if line is None:
        raise LoadError(f"wrk n'a rien mesuré : {output.strip()[-200:] or 'aucune sortie'}")
    seen = json.loads(line.removeprefix("banc "))
    if seen["refusals"] or seen["failures"]:
        raise LoadError(
            f"{seen['refusals']} réponses d'erreur et {seen['failures']} connexions perdues sur {seen['requests']} demandes"
        )
    if not seen["requests"]:
        raise LoadError("aucune réponse pendant la mesure")
    return Load(
        seen["requests"],
        seen["requests"] * 1e6 / seen["duration_us"],
        seen["p50_us"] / 1000,
        seen["p99_us"] / 1000,
        seen["bytes"] / seen["requests"],
    )


def load(
    base: str,
    paths: Iterable[str],
    *,
    connections: int,
    seconds: float,
    once: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Load:
    """Ask ``base`` for the ``paths`` in turn during ``seconds``, or until the end of the list with ``once``."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as listing:
        listing.writelines(f"{path}\n" for path in paths)
        listing.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "20s", "-s", str(SCRIPT)]
        for name, value in (headers or {}).items():
            command += ["-H", f"{name}: {value}"]
        command += [base, "--", listing.name, *([str(connections)] if once else [])]
        finished = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE_SECONDS, check=False)
    return parse(finished.stdout + finished.stderr)


def is_installed() -> bool:
    return shutil.which("wrk") is not None
