"""CQL2 filters (OGC 21-065r2) to SQL. The ``cql2`` library reads and validates; this module only translates its tree.

Identifiers come from the layer's definition, values are always bound, geometries are reprojected to the storage CRS
(never the column, so that its index serves).
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import cql2
import shapely
from psycopg import sql
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from layers.crs import Crs, pieces
from layers.model import FieldType, Layer

Bind = Callable[[Any], sql.Composable]
Node = Any

MAX_LENGTH = 8_000
# The reader recurses in native code: a few thousand brackets, signs or comparisons in a row would end the process,
# not the request. These bounds are ten times under what it bears.
MAX_DEPTH = 40
MAX_SIGNS = 20
MAX_COMPARISONS = 300
MAX_VERTICES = 20_000

GEOMETRY = "geometry"
_SIGNS = re.compile(r"[-+][-+\s]*")
_COMPARED = re.compile(r"<>|[<>]=?|=")
_NUMBERS = (FieldType.INTEGER, FieldType.NUMBER)


class FilterError(ValueError):
    """The filter cannot be read, or asks for what the layer does not have."""


@dataclass(frozen=True, slots=True)
class _Term:
    """A translated operand: its SQL and its kind (text, number, boolean, date, timestamp, json, null)."""

    sql: sql.Composable
    kind: str


@dataclass(frozen=True, slots=True)
class _Span:
    """A temporal operand as [start, end]; an instant has both equal."""

    start: sql.Composable
    end: sql.Composable


def parse_text(text: str) -> Node:
    """Read CQL2 text into its JSON tree; raises FilterError with the place of the fault."""
    _guard(text)
    try:
        return cql2.parse_text(text).to_json()
    except (cql2.ParseError, cql2.ValidationError, ValueError, RecursionError) as error:
        column = re.search(r"--> \d+:(\d+)", str(error))
        place = f" au caractère {column[1]}" if column else ""
        raise FilterError(f"le filtre ne se lit pas{place} ; exemple : nom = 'Nantes' AND population > 1000") from None


def parse_json(text: str) -> Node:
    """Read CQL2 JSON; raises FilterError."""
    _guard(text)
    try:
        tree = json.loads(text)
        return cql2.parse_json(json.dumps(tree)).to_json()
    except (cql2.ParseError, cql2.ValidationError, ValueError, RecursionError):
        raise FilterError("le filtre n'est pas un CQL2 JSON valide") from None


def _guard(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise FilterError(f"le filtre dépasse {MAX_LENGTH} caractères")
    depth = deepest = 0
    for character in text:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth -= 1
    if deepest > MAX_DEPTH:
        raise FilterError(f"le filtre emboîte plus de {MAX_DEPTH} parenthèses")
    if max(map(len, _SIGNS.findall(text)), default=0) > MAX_SIGNS:
        raise FilterError("le filtre aligne trop de signes")
    if len(_COMPARED.findall(text)) > MAX_COMPARISONS:
        raise FilterError(f"le filtre fait plus de {MAX_COMPARISONS} comparaisons ; IN réunit plusieurs valeurs")


def compile_filter(tree: Node, layer: Layer, filter_crs: Crs, storage_srid: int, bind: Bind) -> sql.Composable:
    """Translate a CQL2 tree into one boolean SQL expression over the columns of ``layer``; raises FilterError."""
    try:
        return _Compiler(layer, filter_crs, storage_srid, bind).condition(tree)
    except RecursionError:
        raise FilterError("le filtre enchaîne trop d'opérations") from None


_COMPARISONS = {"=": "=", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
# In double precision: an integer overflow or division is never an error nor a truncation; dividing by zero is no value.
_ARITHMETIC = {
    "+": "({a}::double precision + {b})",
    "-": "({a}::double precision - {b})",
    "*": "({a}::double precision * {b})",
    "/": "({a}::double precision / nullif({b}, 0))",
    "div": "trunc({a}::double precision / nullif({b}, 0))",
    "%": "mod({a}::numeric, nullif({b}, 0)::numeric)",
    "^": "power({a}::double precision, {b})",
}
_SPATIAL = {
    "s_intersects": "ST_Intersects",
    "s_contains": "ST_Contains",
    "s_within": "ST_Within",
    "s_touches": "ST_Touches",
    "s_crosses": "ST_Crosses",
    "s_overlaps": "ST_Overlaps",
    "s_equals": "ST_Equals",
}
# Allen's relations between [a, b] and [c, d]; an instant has a = b.
_TEMPORAL = {
    "t_after": "{a} > {d}",
    "t_before": "{b} < {c}",
    "t_contains": "{a} < {c} AND {b} > {d}",
    "t_during": "{a} > {c} AND {b} < {d}",
    "t_disjoint": "({b} < {c} OR {a} > {d})",
    "t_equals": "{a} = {c} AND {b} = {d}",
    "t_finishedby": "{a} < {c} AND {b} = {d}",
    "t_finishes": "{a} > {c} AND {b} = {d}",
    "t_intersects": "{a} <= {d} AND {b} >= {c}",
    "t_meets": "{b} = {c}",
    "t_metby": "{a} = {d}",
    "t_overlappedby": "{a} > {c} AND {a} < {d} AND {b} > {d}",
    "t_overlaps": "{a} < {c} AND {b} > {c} AND {b} < {d}",
    "t_startedby": "{a} = {c} AND {b} > {d}",
    "t_starts": "{a} = {c} AND {b} < {d}",
}


_TWO = (*_COMPARISONS, *_ARITHMETIC, *_SPATIAL, "s_disjoint", *_TEMPORAL, "in", "like")
_OPERANDS = {**dict.fromkeys(_TWO, 2), "not": 1, "isnull": 1, "casei": 1, "accenti": 1, "between": 3}


class _Compiler:
    """One translation. Methods mirror the grammar: conditions are boolean, terms are values, spans are temporal."""

    def __init__(self, layer: Layer, filter_crs: Crs, storage_srid: int, bind: Bind) -> None:
        self.layer = layer
        self.crs = filter_crs
        self.srid = storage_srid
        self.bind = bind

    def condition(self, node: Node) -> sql.Composable:
        if isinstance(node, bool):
            return sql.SQL("TRUE") if node else sql.SQL("FALSE")
        if isinstance(node, dict) and "property" in node:
            term = self.term(node)
            if term.kind != "boolean":
                raise FilterError(f"« {node['property']} » n'est pas un attribut vrai ou faux")
            return term.sql
        if not isinstance(node, dict) or "op" not in node:
            raise FilterError("le filtre doit être une condition, par exemple nom = 'Nantes'")
        operator, args = _operation_of(node)
        if operator in ("and", "or"):
            joined = sql.SQL(f" {operator.upper()} ").join(self.condition(arg) for arg in args)
            return sql.SQL("(") + joined + sql.SQL(")")
        if operator == "not":
            return sql.SQL("(NOT {})").format(self.condition(args[0]))
        if operator in _COMPARISONS:
            return self._comparison(_COMPARISONS[operator], args)
        if operator in _SPATIAL or operator == "s_disjoint":
            return self._spatial(operator, args)
        if operator in _TEMPORAL:
            return self._temporal(operator, args)
        special = {"between": self._between, "in": self._in, "like": self._like, "isnull": self._is_null}
        if operator in special:
            return special[operator](args)
        raise FilterError(f"l'opérateur « {operator} » n'est pas proposé")

    # Conditions on values

    def _comparison(self, sign: str, args: list[Node]) -> sql.Composable:
        left, right = self._pair(*args)
        return sql.SQL("({} " + sign + " {})").format(left.sql, right.sql)

    def _between(self, args: list[Node]) -> sql.Composable:
        value, low, high = self.term(args[0]), self.term(args[1]), self.term(args[2])
        if not value.kind == low.kind == high.kind == "number":
            raise FilterError("BETWEEN compare des nombres")
        return sql.SQL("({} BETWEEN {} AND {})").format(value.sql, low.sql, high.sql)

    def _in(self, args: list[Node]) -> sql.Composable:
        options = args[1] if isinstance(args[1], list) else [args[1]]
        if not options:
            raise FilterError("IN attend au moins une valeur")
        pairs = [self._pair(args[0], option) for option in options]
        return sql.SQL("({} IN ({}))").format(pairs[0][0].sql, sql.SQL(", ").join(right.sql for _, right in pairs))

    def _like(self, args: list[Node]) -> sql.Composable:
        value, pattern = self.term(args[0]), self.term(args[1])
        if value.kind != "text" or pattern.kind != "text":
            raise FilterError("LIKE compare du texte")
        return sql.SQL("({} LIKE {})").format(value.sql, pattern.sql)

    def _is_null(self, args: list[Node]) -> sql.Composable:
        if self._is_geometry(args[0]):
            return sql.SQL("(geom IS NULL)")
        return sql.SQL("({} IS NULL)").format(self.term(args[0]).sql)

    def _pair(self, left: Node, right: Node) -> tuple[_Term, _Term]:
        """Two operands of one kind; a date and a timestamp meet as timestamps."""
        a, b = self.term(left), self.term(right)
        if a.kind == b.kind and a.kind != "json":
            return a, b
        if {a.kind, b.kind} == {"date", "timestamp"}:
            return _as_timestamp(a), _as_timestamp(b)
        names = {
            "text": "du texte",
            "number": "un nombre",
            "boolean": "vrai ou faux",
            "date": "une date",
            "timestamp": "un instant",
        }
        raise FilterError(f"on ne compare pas {names.get(a.kind, a.kind)} à {names.get(b.kind, b.kind)}")

    # Values

    def term(self, node: Node) -> _Term:
        if isinstance(node, dict):
            if "property" in node:
                return self._property(node["property"])
            if "date" in node:
                return _Term(self._cast(_parse_date(node["date"]), "date"), "date")
            if "timestamp" in node:
                return _Term(self._cast(_parse_instant(node["timestamp"]), "timestamptz"), "timestamp")
            if "op" in node:
                return self._operation(*_operation_of(node))
            if "type" in node or "bbox" in node:
                raise FilterError("une géométrie ne se compare qu'avec un opérateur spatial, par exemple S_INTERSECTS")
        if isinstance(node, bool):
            return _Term(sql.SQL("TRUE" if node else "FALSE"), "boolean")
        if isinstance(node, int | float):
            whole = float(node).is_integer() and abs(node) < 2**63
            return _Term(self._cast(int(node), "bigint") if whole else self._cast(float(node), "double precision"), "number")
        if isinstance(node, str):
            if "\x00" in node:
                raise FilterError("le filtre contient un caractère nul")
            return _Term(self._cast(node, "text"), "text")
        raise FilterError("une valeur du filtre n'est ni un texte, ni un nombre, ni une date, ni un attribut")

    def _cast(self, value: Any, sql_type: str) -> sql.Composable:
        return sql.SQL("{}::{}").format(self.bind(value), sql.SQL(sql_type))

    def _property(self, name: str) -> _Term:
        for field in self.layer.public_fields:
            if field.name == name:
                kind = "number" if field.type in _NUMBERS else field.type.value
                return _Term(sql.Identifier(name), kind)
        known = ", ".join(field.name for field in self.layer.public_fields)
        raise FilterError(f"« {name[:60]} » n'est pas un attribut de « {self.layer.id} » ; attributs : {known}, {GEOMETRY}")

    def _operation(self, operator: str, args: list[Node]) -> _Term:
        if operator in _ARITHMETIC:
            left, right = self.term(args[0]), self.term(args[1])
            if left.kind != "number" or right.kind != "number":
                raise FilterError("on ne calcule qu'avec des nombres")
            return _Term(sql.SQL(_ARITHMETIC[operator]).format(a=left.sql, b=right.sql), "number")
        if operator in ("casei", "accenti"):
            return self._folded(operator, args[0])
        raise FilterError(f"la fonction « {operator} » n'est pas proposée")

    def _folded(self, operator: str, arg: Node) -> _Term:
        """CASEI and ACCENTI; both together use portail.fold, which is indexed."""
        function = "lower" if operator == "casei" else "portail.strip_accents"
        inner = arg
        if (
            isinstance(arg, dict)
            and str(arg.get("op", "")).lower() in ("casei", "accenti")
            and str(arg["op"]).lower() != operator
        ):
            function, inner = "portail.fold", _operation_of(arg)[1][0]
        term = self.term(inner)
        if term.kind != "text":
            raise FilterError(f"{operator.upper()} s'applique à du texte")
        return _Term(sql.SQL(function + "({})").format(term.sql), "text")

    # Geometries

    def _is_geometry(self, node: Node) -> bool:
        return isinstance(node, dict) and node.get("property") in (GEOMETRY, "geom")

    def _spatial(self, operator: str, args: list[Node]) -> sql.Composable:
        left, right = self._geometry(args[0]), self._geometry(args[1])
        if operator == "s_disjoint":  # ST_Disjoint uses no index, and a null is not disjoint
            return sql.SQL("(NOT ST_Intersects({}, {}))").format(left, right)
        return sql.SQL(_SPATIAL[operator] + "({}, {})").format(left, right)

    def _geometry(self, node: Node) -> sql.Composable:
        if self._is_geometry(node):
            return sql.Identifier("geom")
        if isinstance(node, dict) and "bbox" in node:
            return self._box(node["bbox"])
        if isinstance(node, dict) and node.get("type") and ("coordinates" in node or "geometries" in node):
            try:
                return self._literal(shapely.force_2d(shape(node)))
            except (ValueError, TypeError, shapely.errors.ShapelyError, IndexError):
                raise FilterError("une géométrie du filtre n'est pas valable") from None
        raise FilterError(f"un opérateur spatial attend « {GEOMETRY} » et une géométrie, par exemple POINT(-1.55 47.21)")

    def _box(self, box: Node) -> sql.Composable:
        """A box: its sides follow the axes of its own CRS, so they are cut before they are brought to another one."""
        numbers = isinstance(box, list) and all(isinstance(v, int | float) and abs(v) < 1e9 for v in box)
        if not numbers or len(box) not in (4, 6):
            raise FilterError("un BBOX a quatre nombres")
        corners = box if len(box) == 4 else [*box[:2], *box[3:5]]
        polygon = shapely.box(*corners)
        side = max(corners[2] - corners[0], corners[3] - corners[1])
        if self.crs.srid != self.srid and side > 0:
            polygon = shapely.segmentize(polygon, side / pieces(side, self.crs.srid))
        return self._literal(polygon)

    def _literal(self, geometry: BaseGeometry) -> sql.Composable:
        if shapely.get_num_coordinates(geometry) > MAX_VERTICES:
            raise FilterError(f"une géométrie du filtre dépasse {MAX_VERTICES} sommets")
        if self.crs.flipped:
            geometry = shapely.transform(geometry, lambda xy: xy[:, ::-1])
        if not all(abs(v) < 1e9 for v in geometry.bounds):
            raise FilterError("une géométrie du filtre a des coordonnées impossibles")
        bound = sql.SQL("ST_GeomFromWKB({}, {})").format(self.bind(shapely.to_wkb(geometry)), sql.Literal(self.crs.srid))
        return bound if self.crs.srid == self.srid else sql.SQL("ST_Transform({}, {})").format(bound, sql.Literal(self.srid))

    # Time

    def _temporal(self, operator: str, args: list[Node]) -> sql.Composable:
        one, two = self._span(args[0]), self._span(args[1])
        return sql.SQL("(" + _TEMPORAL[operator] + ")").format(a=one.start, b=one.end, c=two.start, d=two.end)

    def _span(self, node: Node) -> _Span:
        if isinstance(node, dict) and "interval" in node:
            if not isinstance(node["interval"], list) or len(node["interval"]) != 2:
                raise FilterError("un INTERVAL a deux bornes")
            start, end = node["interval"]
            return _Span(self._bound(start, "-infinity"), self._bound(end, "infinity"))
        term = self.term(node)
        if term.kind not in ("date", "timestamp"):
            raise FilterError("un opérateur temporel attend une date, par exemple DATE('2026-11-23')")
        instant = _as_timestamp(term).sql
        return _Span(instant, instant)

    def _bound(self, node: Node, open_end: str) -> sql.Composable:
        if node == "..":
            return sql.SQL("{}::timestamptz").format(sql.Literal(open_end))
        if isinstance(node, str):
            instant = _parse_instant(node) if "T" in node else datetime.combine(_parse_date(node), datetime.min.time(), UTC)
            return self._cast(instant, "timestamptz")
        term = self.term(node)
        if term.kind not in ("date", "timestamp"):
            raise FilterError("les bornes d'un INTERVAL sont des dates ou « .. »")
        return _as_timestamp(term).sql


def _operation_of(node: dict[str, Node]) -> tuple[str, list[Node]]:
    """Operator and operands of a node, once their number is right: the reader of JSON does not check it."""
    operator = str(node["op"]).lower()
    args = node.get("args")
    args = args if isinstance(args, list) else [args]
    if not args or len(args) != _OPERANDS.get(operator, len(args)):
        raise FilterError(f"l'opérateur « {operator[:40]} » n'a pas le bon nombre d'opérandes")
    return operator, args


def _as_timestamp(term: _Term) -> _Term:
    """A date is its midnight in UTC, as the standard compares them."""
    if term.kind == "timestamp":
        return term
    return _Term(sql.SQL("({}::timestamp AT TIME ZONE 'UTC')").format(term.sql), "timestamp")


def _parse_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except (ValueError, TypeError):
        raise FilterError(f"« {str(text)[:40]} » n'est pas une date ; exemple : 2026-11-23") from None


def _parse_instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        raise FilterError(f"« {str(text)[:40]} » n'est pas un instant ; exemple : 2026-11-23T10:00:00Z") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
