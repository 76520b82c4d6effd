"""Query parameters of the API, read into typed values; each refusal names the parameter and what is accepted."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime

from starlette.requests import Request

from geoportal.errors import bad_parameter
from layers.crs import CRS84, Box, Crs, UnknownCrsError, parse_crs

Interval = tuple[datetime | None, datetime | None]


def reject_unknown(request: Request, allowed: Iterable[str]) -> None:
    """400 for a parameter that the resource does not have, or that is given twice."""
    known = {*allowed, "f"}
    for name in request.query_params:
        if name not in known:
            accepted = ", ".join(sorted(known))
            raise bad_parameter(
                name[:60], f"« {name[:60]} » n'est pas un paramètre de cette ressource ; paramètres : {accepted}."
            )
        if len(request.query_params.getlist(name)) > 1:
            raise bad_parameter(name, f"« {name} » est donné plusieurs fois : une seule valeur est attendue.")


def read_limit(text: str | None, default: int, maximum: int) -> int:
    """Number of items wanted. Above the maximum it is brought down to it, as the standard says."""
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 12) or int(text) < 1:
        raise bad_parameter("limit", f"« limit » attend un nombre entier de 1 à {maximum}.")
    return min(int(text), maximum)


def read_crs(name: str, text: str | None, srids: tuple[int, ...]) -> Crs:
    if text is None:
        return CRS84
    try:
        return parse_crs(text, srids)
    except UnknownCrsError as error:
        raise bad_parameter(name, f"« {name} » : {error}.") from None


def read_bbox(text: str | None, crs: Crs) -> Box | None:
    """A box with x first, from 4 or 6 numbers in the axis order of ``crs``; heights are read and not used."""
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (4, 6) or not all(math.isfinite(n) and abs(n) < 1e9 for n in numbers):
        raise bad_parameter("bbox", "« bbox » attend quatre nombres séparés par des virgules, par exemple -1.6,47.2,-1.5,47.25.")
    west, south, east, north = (*numbers[:2], *numbers[len(numbers) // 2 : len(numbers) // 2 + 2])
    if crs.flipped:
        west, south, east, north = south, west, north, east
    if south > north or (west > east and crs.srid != CRS84.srid):
        raise bad_parameter("bbox", "« bbox » : le coin inférieur doit précéder le coin supérieur.")
    if crs.srid == CRS84.srid and (max(abs(south), abs(north)) > 90 or max(abs(west), abs(east)) > 180):
        raise bad_parameter("bbox", "« bbox » sort du globe : longitudes de -180 à 180, latitudes de -90 à 90.")
    return west, south, east, north


def read_instant(name: str, text: str) -> datetime:
    """An RFC 3339 date or instant; a date alone is its first instant in UTC."""
    try:
        instant = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign left as it is in an address reads as a space
    except ValueError:
        raise bad_parameter(
            name, f"« {name} » attend une date (2026-11-23) ou un instant (2026-11-23T10:00:00Z), pas « {text[:40]} »."
        ) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def read_interval(text: str | None) -> Interval | None:
    """``datetime``: an instant, or ``start/end`` where ``..`` or nothing leaves an end open."""
    if text is None:
        return None
    parts = text.split("/")
    if len(parts) > 2:
        raise bad_parameter("datetime", "« datetime » attend un instant ou un intervalle début/fin.")
    bounds = [None if part in ("", "..") else read_instant("datetime", part) for part in parts]
    if len(parts) == 1:
        if bounds[0] is None:
            raise bad_parameter("datetime", "« datetime » est vide : donnez un instant ou un intervalle début/fin.")
        last = bounds[0].replace(hour=23, minute=59, second=59, microsecond=999999) if len(parts[0]) == 10 else bounds[0]
        return bounds[0], last
    start, end = bounds
    if end is not None and len(parts[1]) == 10:
        end = end.replace(hour=23, minute=59, second=59, microsecond=999999)
    if start and end and start > end:
        raise bad_parameter("datetime", "« datetime » : le début de l'intervalle est après sa fin.")
    return start, end


def read_names(name: str, text: str | None) -> list[str] | None:
    """A comma-separated list of names, or None when the parameter is absent."""
    if text is None:
        return None
    names = [part.strip() for part in text.split(",")]
    if not all(names) and text:
        raise bad_parameter(name, f"« {name} » attend des noms séparés par des virgules.")
    return [part for part in names if part]
