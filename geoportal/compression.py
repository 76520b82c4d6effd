"""Compression of answers: zstd, brotli or gzip, as the client prefers, one block after the other."""

from collections.abc import Callable
from typing import Protocol

import brotli
import zstandard
from isal import isal_zlib

Headers = list[tuple[bytes, bytes]]

# Under this size the headers cost more than is gained.
SMALL = 700
_TEXTUAL = (
    b"text/",
    b"application/json",
    b"application/geo+json",
    b"application/problem+json",
    b"application/schema+json",
    b"application/ld+json",
    b"application/xml",
    b"application/flatgeobuf",
    b"application/vnd.oai.openapi+json",
    b"application/vnd.mapbox",
    b"image/svg+xml",
)


class _Stream(Protocol):
    """One compression under way; every block comes out whole, so that a stream really streams."""

    def block(self, data: bytes) -> bytes: ...
    def end(self) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self.stream = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)

    def block(self, data: bytes) -> bytes:
        out: bytes = self.stream.compress(data)
        return out

    def end(self) -> bytes:
        out: bytes = self.stream.flush()
        return out


class _Zstd:
    def __init__(self) -> None:
        self.stream = zstandard.ZstdCompressor(level=3).compressobj()

    def block(self, data: bytes) -> bytes:
        return self.stream.compress(data)

    def end(self) -> bytes:
        return self.stream.flush()


class _Brotli:
    def __init__(self) -> None:
        self.stream = brotli.Compressor(quality=4)

    def block(self, data: bytes) -> bytes:
        out: bytes = self.stream.process(data)
        return out

    def end(self) -> bytes:
        out: bytes = self.stream.finish()
        return out


# In our order of preference, for clients that weigh them equally.
_CODERS: dict[bytes, Callable[[], _Stream]] = {b"zstd": _Zstd, b"br": _Brotli, b"gzip": _Gzip}


class Encoder:
    """Compresses one answer and corrects its headers."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.stream = _CODERS[name]()

    def worthwhile(self, body: bytes) -> bool:
        return len(body) >= SMALL

    def adjust(self, headers: Headers) -> Headers:
        """Without the length of the plain body; Vary tells caches, and a strong ETag becomes weak."""
        out: Headers = [(b"content-encoding", self.name)]
        vary = b"accept-encoding"
        for key, value in headers:
            if key == b"content-length":
                continue
            if key == b"vary":
                vary = value + b", accept-encoding"
                continue
            out.append((key, b"W/" + value if key == b"etag" and value.startswith(b'"') else value))
        out.append((b"vary", vary))
        return out

    def encode(self, body: bytes, *, last: bool) -> bytes:
        out = self.stream.block(body) if body else b""
        return out + self.stream.end() if last else out


def choose_encoding(accepted: bytes | None, content_type: bytes) -> Encoder | None:
    """The encoder for an Accept-Encoding header and a media type, or None to send the body as it is."""
    if not accepted or not content_type.startswith(_TEXTUAL):
        return None
    weights: dict[bytes, float] = {}
    for part in accepted.lower().split(b","):
        name, _, quality = part.partition(b";")
        try:
            weights[name.strip()] = float(quality.split(b"=")[1]) if b"=" in quality else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    best: bytes | None = None
    for name in _CODERS:
        weight = weights.get(name, weights.get(b"*", 0.0))
        if weight > 0 and (best is None or weight > weights.get(best, weights.get(b"*", 0.0))):
            best = name
    return Encoder(best) if best else None
