"""The one Jinja environment: French figures and dates, versioned addresses of static files, nothing undefined."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup

from config.settings import Settings
from geoportal.links import Links
from geoportal.portal.assets import Assets
from layers.model import FieldType, Layer, LayerField

TEMPLATES = Path(__file__).resolve().parent / "templates"
PARIS = ZoneInfo("Europe/Paris")
NARROW = "\u202f"
NO_BREAK = "\u00a0"

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_PHONE = re.compile(r"0\d( \d\d){4}|\+\d[\d ]{7,14}")
_MONTHS = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)


def format_date(value: date | datetime | str) -> str:
    """« 23 novembre 2026 »; an instant is read in Paris, an unreadable text is given back as it is."""
    moment = _parse_moment(value)
    if moment is None:
        return str(value)
    day = moment.astimezone(PARIS) if isinstance(moment, datetime) and moment.tzinfo else moment
    number = "1er" if day.day == 1 else str(day.day)
    return f"{number}{NO_BREAK}{_MONTHS[day.month - 1]} {day.year}"


def format_instant(value: datetime | str) -> str:
    """« 23 novembre 2026 à 15 h 10 », heure de Paris; a date without an hour stays a date."""
    moment = _parse_moment(value)
    if not isinstance(moment, datetime):
        return format_date(value)
    local = moment.astimezone(PARIS) if moment.tzinfo else moment
    return f"{format_date(local)} à {local.hour}{NO_BREAK}h{NO_BREAK}{local.minute:02d}"


def _parse_moment(value: date | datetime | str) -> date | datetime | None:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    except ValueError:
        return None


def format_number(value: float, decimals: int | None = None) -> str:
    """French figures: narrow no-break space for thousands, decimal comma; by default at most three decimals."""
    text = f"{value:,.{3 if decimals is None else decimals}f}"
    if decimals is None:
        text = text.rstrip("0").rstrip(".")
    return text.replace(",", NARROW).replace(".", ",").replace("-", "−")


def format_hectares(square_metres: float) -> str:
    """A surface given in m²: « 29 351 ha », with two decimals under 10 ha."""
    hectares = square_metres / 10_000
    return f"{format_number(hectares, 2 if hectares < 10 else 0)}{NO_BREAK}ha"


def format_bytes(count: int) -> str:
    """« 80 ko », « 1,2 Mo » (powers of ten)."""
    if count < 1000:
        return f"{count}{NO_BREAK}{plural(count, 'octet')}"
    size = float(count)
    for unit in ("ko", "Mo", "Go", "To"):
        size /= 1000
        if size < 999.5 or unit == "To":
            break
    return f"{format_number(size, 1 if size < 10 else 0)}{NO_BREAK}{unit}"


def plural(count: float, singular: str, several: str = "") -> str:
    """The word that goes with the count; in French zero and one are singular."""
    return singular if abs(count) < 2 else several or f"{singular}s"


def counted(count: float, singular: str, several: str = "") -> str:
    """« 207 objets »."""
    return f"{format_number(count)}{NO_BREAK}{plural(count, singular, several)}"


def format_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def format_value(value: Any, field: LayerField | None = None, *, liens: bool = True) -> str | Markup:
    """An attribute as a reader expects it: label of a coded value, French figure and date, web address as a link.

    ``field`` is None for an attribute that no layer describes. An absent value is said, not left blank. Without
    ``liens``, addresses and telephone numbers stay text, for a place that is already a link.
    """
    if value is None or value == "":
        return Markup('<span class="absent">non renseigné</span>')
    if isinstance(value, bool):
        return "oui" if value else "non"
    if field is not None and str(value) in field.values:
        return field.values[str(value)]
    if isinstance(value, list) and not any(isinstance(part, dict | list) for part in value):
        return Markup(", ").join(format_value(part, field) for part in value)
    if isinstance(value, dict | list):
        return Markup('<code class="ref">{}</code>').format(json.dumps(value, ensure_ascii=False))
    if isinstance(value, int | float):
        return f"{format_number(value)}{NO_BREAK}{field.unit}" if field and field.unit else format_number(value)
    return _format_text(str(value), field, liens=liens)


def _format_text(text: str, field: LayerField | None, *, liens: bool) -> str | Markup:
    if field is not None and field.type is FieldType.DATE:
        return format_date(text)
    if field is not None and field.type is FieldType.TIMESTAMP:
        return format_instant(text)
    if not liens:
        return text
    if text.startswith(("https://", "http://")):
        return Markup('<a href="{0}" rel="external">{0}</a>').format(text)
    if _EMAIL.fullmatch(text):
        return Markup('<a href="mailto:{0}">{0}</a>').format(text)
    if _PHONE.fullmatch(text):
        return Markup('<a href="tel:{}">{}</a>').format(text.replace(" ", ""), text.replace(" ", NO_BREAK))
    return text


def find_link(document: Mapping[str, Any], rel: str, media_type: str = "") -> str | None:
    """Address of the first link of this relation (short name or end of its URI) and media type, or None."""
    for link in document.get("links", ()):
        if link.get("rel", "").rsplit("/", 1)[-1] == rel and link.get("type", "").startswith(media_type):
            href: str = link["href"]
            return href
    return None


def as_page(href: str) -> str:
    """The same address, for a reader: links of a document lead a program from JSON to JSON."""
    parts = urlsplit(href)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "f"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("f", "html")])))


def other_formats(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The same resource in its other representations, for « Cette page en… »."""
    return [
        link
        for link in document.get("links", ())
        if link.get("rel") in ("self", "alternate") and not link.get("type", "").startswith("text/html")
    ]


_FORMATS = {
    "application/json": "JSON",
    "application/geo+json": "GeoJSON",
    "application/geo+json-seq": "GeoJSON-Seq",
    "application/schema+json": "JSON Schema",
    "application/vnd.oai.openapi+json": "OpenAPI",
    "application/vnd.mapbox.style+json": "Style Mapbox",
    "application/vnd.mapbox-vector-tile": "MVT",
    "application/flatgeobuf": "FlatGeobuf",
    "application/vnd.flatgeobuf": "FlatGeobuf",
    "application/problem+json": "JSON",
    "text/csv": "CSV",
    "text/html": "HTML",
}


def format_media(media_type: str) -> str:
    """Name of a format that people know: « GeoJSON » for ``application/geo+json``."""
    base = media_type.split(";")[0].strip()
    return _FORMATS.get(base, base)


def sort_fields(fields: Iterable[LayerField], first: str) -> list[LayerField]:
    """Fields in their order, the one that names the object first."""
    return sorted(fields, key=lambda field: field.name != first)


def card_fields(layer: Layer) -> list[LayerField]:
    """Fields of a card: what speaks to a reader, then the codes; neither the name, which is its title, nor structures."""
    kept = [field for field in layer.public_fields if field.name != layer.label and field.type is not FieldType.JSON]
    return sorted(kept, key=lambda field: field.name == layer.key or (field.type is FieldType.TEXT and field.index))


class FrenchSpaces(Extension):
    """No line of a page starts with « : », « ; », « ? », « ! » or a closing guillemet, nor ends with an opening one."""

    _BEFORE = re.compile(r"(?<=[\w»).}>]) (?=[:;?!»](?:\s|<|$))")
    _AFTER = re.compile("(?<=«) ")

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002
        return self._AFTER.sub(NO_BREAK, self._BEFORE.sub(NO_BREAK, source))


def make_environment(settings: Settings) -> Environment:
    """The environment of one process: escaping always on, an undefined name is an error.

    Globals: ``static(path)`` (versioned address), ``url`` (links under the portal's own path), ``portail``
    (``[portail]`` of ``config/portal.toml``), ``territoire``, ``find_link``, ``other_formats``.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        extensions=[FrenchSpaces],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    prefix = urlsplit(settings.public_url).path
    assets = Assets.of_portal()
    environment.filters.update(
        date_fr=format_date,
        instant_fr=format_instant,
        nombre=format_number,
        hectares=format_hectares,
        octets=format_bytes,
        pluriel=plural,
        compte=counted,
        valeur=format_value,
        format_media=format_media,
        en_page=as_page,
        json_lisible=format_json,
        champs=sort_fields,
        champs_de_fiche=card_fields,
    )
    environment.globals.update(
        static=lambda path: f"{prefix}/static/{assets.version}/{path}",
        marque=assets.brand(settings.territory),
        url=Links(prefix),
        portail=settings.portal,
        territoire=settings.territory_info,
        find_link=find_link,
        other_formats=other_formats,
    )
    return environment
