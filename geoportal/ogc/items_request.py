"""The parameters of ``/items`` as one typed value."""

import re
from dataclasses import dataclass, replace
from typing import Any

from psycopg import sql
from starlette.requests import Request

from config.database import Pool
from config.settings import Settings
from geoportal.errors import bad_parameter
from geoportal.ogc.parameters import (
    read_bbox,
    read_crs,
    read_instant,
    read_interval,
    read_limit,
    read_names,
    reject_unknown,
)
from layers import cql2
from layers.catalog import Collection, Edition, UnknownEditionError, fetch_editions
from layers.crs import CRS84, Crs
from layers.keyset import KEY, BadTokenError, SortKey, decode
from layers.model import FieldType, LayerField
from layers.queries import Selection, sort_key

DEFAULT_LIMIT = 10
PARAMETERS = (
    "limit", "bbox", "bbox-crs", "crs", "datetime", "properties", "sortby", "edition", "filter", "filter-lang",
    "filter-crs", "token",
)  # fmt: skip


@dataclass(frozen=True)
class ItemsRequest:
    """What a request for items asks: which features (``selection``), which attributes, in which CRS, how many."""

    selection: Selection
    fields: tuple[LayerField, ...]
    crs: Crs
    limit: int

    @property
    def collection(self) -> Collection:
        return self.selection.collection


async def parse_items_request(
    request: Request, collection: Collection, settings: Settings, pool: Pool, *, maximum: int | None = None
) -> ItemsRequest:
    """Read and check every parameter; raises a 400 that names the one at fault, a 404 for an edition that never was."""
    layer = collection.layer
    query = request.query_params
    reject_unknown(request, (*PARAMETERS, *(field.name for field in layer.public_fields)))
    srids = settings.territory_info.srids
    bbox_crs = read_crs("bbox-crs", query.get("bbox-crs"), srids)
    order = _read_order(query.get("sortby"), collection)
    selection = Selection(
        collection,
        await read_edition(query.get("edition"), collection, pool),
        pinned="edition" in query,
        bbox=read_bbox(query.get("bbox"), bbox_crs),
        bbox_crs=bbox_crs,
        interval=read_interval(query.get("datetime")),
        order=order,
    )
    if token := query.get("token"):
        try:
            selection = replace(selection, position=decode(token, len(order)))
        except BadTokenError as error:
            raise bad_parameter("token", f"« token » : {error}.") from None
    filters = [
        *_equalities(request, selection),
        *_filter(request, selection, read_crs("filter-crs", query.get("filter-crs"), srids)),
    ]
    return ItemsRequest(
        replace(selection, filters=tuple(filters)),
        _read_properties(query.get("properties"), collection),
        read_crs("crs", query.get("crs"), srids),
        read_limit(query.get("limit"), DEFAULT_LIMIT, min(maximum or settings.max_items, settings.max_items)),
    )


async def read_edition(text: str | None, collection: Collection, pool: Pool) -> Edition:
    """``edition``: a number, or an instant (the edition that was public then); the current one when absent."""
    if text is None:
        return collection.edition
    numbered = text.isascii() and text.isdigit() and len(text) < 9
    instant = None if numbered else read_instant("edition", text)
    async with pool.connection() as conn:
        editions = await fetch_editions(conn, collection.id)
    if instant is None:
        found = [edition for edition in editions if edition.number == int(text)]
    else:
        found = [edition for edition in editions if edition.published_at <= instant]
    if not found:
        raise UnknownEditionError(collection.id, text[:40])
    return found[-1]


def _read_properties(text: str | None, collection: Collection) -> tuple[LayerField, ...]:
    names = read_names("properties", text)
    if names is None:
        return collection.layer.public_fields
    by_name = {field.name: field for field in collection.layer.public_fields}
    for name in names:
        if name not in by_name:
            raise bad_parameter("properties", f"« {name[:60]} » n'est pas un attribut ; attributs : {', '.join(by_name)}.")
    return tuple(by_name[name] for name in dict.fromkeys(names))


def _read_order(text: str | None, collection: Collection) -> tuple[SortKey, ...]:
    names = read_names("sortby", text)
    sortable = {f.name: f for f in collection.layer.public_fields if f.type is not FieldType.JSON}
    order = []
    for name in names or []:
        bare = name.lstrip("+- ")
        if bare not in sortable:
            raise bad_parameter("sortby", f"« {bare[:60]} » ne se trie pas ; attributs : {', '.join(sortable)}.")
        order.append(sort_key(sortable[bare], descending=name.startswith("-")))
    if len(order) > 5:
        raise bad_parameter("sortby", "« sortby » accepte cinq attributs au plus.")
    return (*order, KEY)


def _equalities(request: Request, selection: Selection) -> list[sql.Composable]:
    """``?nom=Nantes``: attributes equal to a value."""
    terms: list[sql.Composable] = []
    for field in selection.collection.layer.public_fields:
        text = request.query_params.get(field.name)
        if text is None or field.name in PARAMETERS:
            continue
        tree = {"op": "=", "args": [{"property": field.name}, _literal(field, text)]}
        terms.append(_compile(field.name, tree, selection, CRS84))
    return terms


def _literal(field: LayerField, text: str) -> Any:
    """The value of an equality filter as a CQL2 literal, by the type of its field; a 400 when it cannot be one."""
    match field.type:
        case FieldType.TEXT:
            return text
        case FieldType.DATE:
            return {"date": text}
        case FieldType.TIMESTAMP:
            return {"timestamp": text}
        case FieldType.BOOLEAN if text.lower() in ("true", "false"):
            return text.lower() == "true"
        case FieldType.INTEGER if re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
            return int(text)
        case FieldType.NUMBER if re.fullmatch(r"[+-]?\d{1,18}(\.\d*)?([eE][+-]?\d{1,2})?", text, re.ASCII):
            return float(text)
    kinds = {"integer": "un nombre entier", "number": "un nombre", "boolean": "true ou false"}
    expected = kinds.get(field.type.value, "une valeur simple (cet attribut ne se filtre pas ainsi)")
    raise bad_parameter(field.name, f"« {field.name} » attend {expected}, pas « {text[:40]} ».")


def _filter(request: Request, selection: Selection, filter_crs: Crs) -> list[sql.Composable]:
    text = request.query_params.get("filter")
    language = request.query_params.get("filter-lang", "cql2-text")
    if language not in ("cql2-text", "cql2-json"):
        raise bad_parameter("filter-lang", "« filter-lang » attend cql2-text ou cql2-json.")
    if text is None:
        return []
    try:
        tree = cql2.parse_text(text) if language == "cql2-text" else cql2.parse_json(text)
    except cql2.FilterError as error:
        raise bad_parameter("filter", f"« filter » : {error}.") from None
    return [_compile("filter", tree, selection, filter_crs)]


def _compile(name: str, tree: Any, selection: Selection, crs: Crs) -> sql.Composable:
    try:
        return cql2.compile_filter(tree, selection.collection.layer, crs, selection.collection.srid, selection.values.bind)
    except cql2.FilterError as error:
        raise bad_parameter(name, f"« {name} » : {error}.") from None
