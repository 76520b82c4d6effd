"""Files of the browser: our own under ``geoportal/static``, and an exact list from ``node_modules``.

Addresses carry a version drawn from the content of all of them (``/static/<version>/css/base.css``), so that relative
imports and ``url()`` keep it and a copy can be kept for ever; without version, or with an old one, a copy is
revalidated by its ETag.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import brotli
from starlette.requests import Request
from starlette.responses import Response

from config.settings import ROOT
from geoportal.errors import not_found

STATIC = ROOT / "geoportal" / "static"
NODE_MODULES = ROOT / "node_modules"

_FONTS = {
    "atkinson-next": "atkinson-hyperlegible-next",
    "bricolage": "bricolage-grotesque",
    "atkinson-mono": "atkinson-hyperlegible-mono",
}
VENDOR = {
    "vendor/maplibre-gl.mjs": "maplibre-gl/dist/maplibre-gl.mjs",
    # MapLibre looks for its worker beside its module, by this name.
    "vendor/maplibre-gl-worker.mjs": "maplibre-gl/dist/maplibre-gl-worker.mjs",
    "vendor/maplibre-gl.css": "maplibre-gl/dist/maplibre-gl.css",
} | {
    f"vendor/fonts/{name}-latin.woff2": f"@fontsource-variable/{family}/files/{family}-latin-wght-normal.woff2"
    for name, family in _FONTS.items()
}
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".woff2": "font/woff2",
}
_COMPRESSED_ALREADY = {".woff2"}
_FOR_EVER = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"
# High enough to send MapLibre in 290 kB, low enough to spend a quarter of a second on it, once per process.
_BROTLI_QUALITY = 9


@dataclass(frozen=True)
class Assets:
    """The files that may be asked for, by their address under ``/static/``."""

    files: dict[str, Path]

    @classmethod
    @lru_cache
    def of_portal(cls) -> "Assets":
        own = {path.relative_to(STATIC).as_posix(): path for path in sorted(STATIC.rglob("*")) if path.suffix in _MEDIA_TYPES}
        vendor = {name: NODE_MODULES / inside for name, inside in VENDOR.items()}
        return cls(own | {name: path for name, path in vendor.items() if path.is_file()})

    @cached_property
    def version(self) -> str:
        digest = hashlib.sha256()
        for name, path in self.files.items():
            digest.update(name.encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return f"v-{digest.hexdigest()[:12]}"

    def brand(self, territory: str) -> dict[str, str]:
        """Brand images, light and dark: drawn for this territory when there is one, otherwise neutral."""
        own = f"img/marque-{territory}.svg"
        stem = own.removesuffix(".svg") if own in self.files else "img/marque"
        return {"clair": f"{stem}.svg", "sombre": f"{stem}-sombre.svg"}

    def find(self, address: str) -> tuple[Path, bool]:
        """File of an address, and whether it may be kept for ever. Raises a 404 for any other name."""
        first, _, rest = address.partition("/")
        name = rest if first.startswith("v-") else address
        try:
            return self.files[name], first == self.version
        except KeyError:
            raise not_found("Ce fichier ne fait pas partie du portail.") from None


@lru_cache(maxsize=256)
def _encode(path: Path, _modified: int, encoding: str) -> tuple[bytes, str]:
    """Bytes and strong ETag of a file in one content coding; a changed file has another modification time."""
    content = path.read_bytes()
    etag = hashlib.sha256(content).hexdigest()[:16]
    if encoding == "br":
        return brotli.compress(content, quality=_BROTLI_QUALITY), f'"{etag}-br"'
    if encoding == "gzip":
        return gzip.compress(content, mtime=0), f'"{etag}-gz"'
    return content, f'"{etag}"'


def _choose_encoding(accept: str, suffix: str) -> str:
    if suffix in _COMPRESSED_ALREADY:
        return ""
    refused_or_not = {part.split(";")[0].strip(): part.replace(" ", "").endswith(";q=0") for part in accept.lower().split(",")}
    return next((coding for coding in ("br", "gzip") if refused_or_not.get(coding) is False), "")


def serve_asset(request: Request) -> Response:
    """``GET /static/{path}``; synchronous, so that Starlette runs it in a thread, where compressing blocks no one."""
    path, for_ever = Assets.of_portal().find(request.path_params["path"])
    encoding = _choose_encoding(request.headers.get("accept-encoding", ""), path.suffix)
    content, etag = _encode(path, path.stat().st_mtime_ns, encoding)
    headers = {
        "ETag": etag,
        "Cache-Control": _FOR_EVER if for_ever else _REVALIDATE,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if encoding:
        headers["Content-Encoding"] = encoding
    return Response(content, headers=headers, media_type=_MEDIA_TYPES[path.suffix])
