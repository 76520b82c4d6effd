"""Plain HTTP reading, for what wrk does not tell: bodies, first bytes, a short list done to its end."""

import http.client
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.servers import Server

TIMEOUT_SECONDS = 180
CHUNK = 1 << 20


class AnswerError(RuntimeError):
    """The server answered something else than 200."""


@dataclass(frozen=True)
class Transfer:
    """A download: seconds to the first byte of the body, seconds in all, bytes of the body."""

    first_byte_s: float
    total_s: float
    size: int


def get_json(server: Server, path: str) -> Any:
    """The document at ``path``; raises AnswerError."""
    connection = http.client.HTTPConnection(server.address, timeout=TIMEOUT_SECONDS)
    try:
        return json.loads(_ask(connection, path, "identity").read())
    finally:
        connection.close()


def download(server: Server, path: str, target: Path) -> Transfer:
    """Write the uncompressed body of ``path`` to ``target``; raises AnswerError."""
    connection = http.client.HTTPConnection(server.address, timeout=TIMEOUT_SECONDS)
    start = time.perf_counter()
    try:
        response = _ask(connection, path, "identity")
        with target.open("wb") as file:
            size = file.write(response.read(1))
            first = time.perf_counter() - start
            while chunk := response.read1(CHUNK):
                size += file.write(chunk)
    finally:
        connection.close()
    return Transfer(first, time.perf_counter() - start, size)


def fetch_each(server: Server, paths: Sequence[str], clients: int, encoding: str = "gzip") -> tuple[dict[str, int], float]:
    """Ask for every path once, by ``clients`` connections kept open; the bytes of each body, and the seconds in all.

    Raises AnswerError.
    """

    def run(mine: Sequence[str]) -> dict[str, int]:
        connection = http.client.HTTPConnection(server.address, timeout=TIMEOUT_SECONDS)
        try:
            return {path: len(_ask(connection, path, encoding).read()) for path in mine}
        finally:
            connection.close()

    start = time.perf_counter()
    sizes: dict[str, int] = {}
    with ThreadPoolExecutor(clients) as pool:
        for part in pool.map(run, [paths[i::clients] for i in range(clients)]):
            sizes |= part
    return sizes, time.perf_counter() - start


def _ask(connection: http.client.HTTPConnection, path: str, encoding: str) -> http.client.HTTPResponse:
    connection.request("GET", path, headers={"Accept-Encoding": encoding})
    response = connection.getresponse()
    if response.status not in (http.HTTPStatus.OK, http.HTTPStatus.NO_CONTENT):
        raise AnswerError(f"réponse {response.status} à {path}")
    return response
