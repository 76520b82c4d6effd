"""Conditional requests: an answer that the client already holds is not computed again."""

import zlib
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from config.settings import ROOT

# A page may be kept, and is asked about again each time: 304 costs no SQL.
REVALIDATE = "public, max-age=0, must-revalidate"
IMMUTABLE = "public, max-age=31536000, immutable"


@lru_cache
def software_version() -> str:
    """Changes with the code, the templates and the front-end files: after an upgrade, no page is mistaken for its old self."""
    sources = [*sorted((ROOT / "geoportal").rglob("*")), *sorted((ROOT / "layers").rglob("*")), ROOT / "package-lock.json"]
    digest = 0
    for path in sources:
        if _is_source(path):
            digest = zlib.crc32(path.read_bytes(), digest)
    return f"{digest:08x}"


def _is_source(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc"


def weak_etag(*parts: object) -> str:
    """A weak ETag: the answers say the same, their bytes may differ (compression, time of answer)."""
    return 'W/"' + "-".join(str(part) for part in (*parts, software_version())) + '"'


def matches(header: str | None, etag: str) -> bool:
    """Whether an If-None-Match header names ``etag`` (weak comparison, RFC 9110 §13.1.2)."""
    if header is None:
        return False
    wanted = etag.removeprefix("W/")
    return header.strip() == "*" or any(part.strip().removeprefix("W/") == wanted for part in header.split(","))


def not_modified(request: Request, etag: str, cache_control: str = REVALIDATE) -> Response | None:
    """The 304 to send when the client holds this version, else None."""
    if not matches(request.headers.get("if-none-match"), etag):
        return None
    return Response(status_code=304, headers={"ETag": etag, "Cache-Control": cache_control, "Vary": "Accept"})
