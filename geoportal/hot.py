"""The answers just given, kept in memory until the catalogue changes.

An answer marked public with an ETag depends on nothing but its address, the Accept headers and the catalogue: when
the same is asked again, the same bytes go out without SQL. A new catalogue empties everything at once.
"""

from collections import OrderedDict
from dataclasses import dataclass

from starlette.types import Message, Scope

from geoportal.conditional import REVALIDATE, matches
from layers.catalog import Catalog

Headers = list[tuple[bytes, bytes]]

_LARGEST = 256 * 1024
# An address or an Accept header longer than any real one is not worth remembering.
_LONGEST_KEY = 3_000
_OVERHEAD = 3_000
_SHAREABLE = REVALIDATE.encode()

Key = tuple[str, bytes, bytes, bytes]


@dataclass(frozen=True, slots=True)
class HotAnswer:
    """A whole answer, ready to be sent; ``unchanged`` is its 304."""

    etag: str
    start: Message
    body: Message
    unchanged: Message


class HotCache:
    """Bounded by bytes, least recently used out first. One per process, used from its event loop only."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = 0
        self.catalog: Catalog | None = None
        self.answers: OrderedDict[Key, HotAnswer] = OrderedDict()

    def find(self, scope: Scope, catalog: Catalog) -> tuple[Message, Message | None] | None:
        """The messages to send for this request (the body is None for a 304), or None when it is not held."""
        if catalog is not self.catalog:
            self.answers.clear()
            self.size = 0
            self.catalog = catalog
            return None
        key, condition = request_key(scope)
        answer = self.answers.get(key)
        if answer is None:
            return None
        self.answers.move_to_end(key)
        if condition is not None and matches(condition.decode("latin-1"), answer.etag):
            return answer.unchanged, None
        return answer.start, answer.body

    def keep(self, scope: Scope, catalog: Catalog, start: Message, body: bytes) -> None:
        """Hold an answer if it may be shared and the catalogue is still the one it was made from."""
        if catalog is not self.catalog or len(body) > _LARGEST or start["status"] != 200:
            return
        headers: Headers = start["headers"]
        found = dict(headers)
        if found.get(b"cache-control") != _SHAREABLE or b"etag" not in found:
            return
        kept = [pair for pair in headers if pair[0] not in (b"content-length", b"content-encoding", b"content-type")]
        answer = HotAnswer(
            found[b"etag"].decode("latin-1"),
            {"type": "http.response.start", "status": 200, "headers": headers},
            {"type": "http.response.body", "body": body},
            {"type": "http.response.start", "status": 304, "headers": kept},
        )
        key, _ = request_key(scope)
        if sum(map(len, key)) > _LONGEST_KEY:
            return
        if old := self.answers.pop(key, None):
            self.size -= weight(key, old)
        self.answers[key] = answer
        self.size += weight(key, answer)
        while self.size > self.capacity:
            self.size -= weight(*self.answers.popitem(last=False))


def weight(key: Key, answer: HotAnswer) -> int:
    """About how much memory an answer takes, its key and its headers included."""
    return len(answer.body["body"]) + sum(map(len, key)) + _OVERHEAD


def request_key(scope: Scope) -> tuple[Key, bytes | None]:
    """What an answer depends on, and the If-None-Match header."""
    accept = encoding = b""
    condition = None
    for name, value in scope["headers"]:
        if name == b"accept":
            accept = value
        elif name == b"accept-encoding":
            encoding = value
        elif name == b"if-none-match":
            condition = value
    return (scope["path"], scope["query_string"], accept, encoding), condition
