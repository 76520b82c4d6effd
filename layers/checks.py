"""Checks without which an edition cannot be: what they find, in French, kept with the edition."""

from dataclasses import dataclass
from typing import Any

from psycopg import Cursor, sql

from layers.model import Layer
from layers.staging import prepared_table, staging_table
from layers.statements import statement
from layers.storage import current_table

EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. ``blocking`` stops the publication; ``forcible`` lets the author insist."""

    code: str
    message: str
    count: int
    blocking: bool = False
    forcible: bool = False
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What an import found. ``read`` counts the records handed over by the reader."""

    read: int
    findings: tuple[Finding, ...] = ()

    def obstacles(self, *, force: bool) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.blocking and not (force and f.forcible))

    def as_json(self) -> dict[str, Any]:
        found = [{"code": f.code, "message": f.message, "count": f.count, "examples": list(f.examples)} for f in self.findings]
        return {"read": self.read, "findings": found}


class RefusedError(ValueError):
    """The checks found something that stops the publication; the public edition is untouched."""

    def __init__(self, layer_id: str, report: Report, obstacles: tuple[Finding, ...]) -> None:
        reasons = " ; ".join(finding.message for finding in obstacles)
        hint = " Si c'est voulu, recommencez avec --force." if all(f.forcible for f in obstacles) else ""
        super().__init__(f"« {layer_id} » n'est pas publiée : {reasons}.{hint}")
        self.report = report


def _some(cur: Cursor[Any], name: str, layer: Layer, **parts: sql.Composable) -> tuple[int, tuple[str, ...]]:
    """Run a check that returns (label, total) rows, at most EXAMPLES of them."""
    query = statement(name, prepared=prepared_table(layer), staging=staging_table(layer), limit=sql.Literal(EXAMPLES), **parts)
    rows = cur.execute(query).fetchall()
    return (rows[0][1] if rows else 0), tuple(str(row[0]) for row in rows)


def _plural(count: int, one: str, many: str) -> str:
    return f"{count} {one if count < 2 else many}"


def _lost(cur: Cursor[Any], layer: Layer) -> int:
    """How many public features are no longer in the source, by key: replacing them all is a loss too."""
    query = statement("count_lost", current=current_table(layer), prepared=prepared_table(layer))
    row = cur.execute(query).fetchone()
    return int(row[0]) if row else 0


def check_staged(cur: Cursor[Any], layer: Layer, read: int, previous_total: int) -> Report:
    """Check the prepared table: emptiness, keys, geometries, sudden loss against ``previous_total`` features."""
    findings: list[Finding] = []

    def note(name: str, code: str, text: str, *, blocking: bool, **parts: sql.Composable) -> None:
        count, examples = _some(cur, name, layer, **parts)
        if count:
            findings.append(Finding(code, f"{count} {text}", count, blocking, False, examples))

    if read == 0:
        findings.append(Finding("vide", "la source ne contient aucun objet", 0, blocking=True))
        return Report(read, tuple(findings))
    note("check_missing_key", "cle-absente", f"objet(s) sans identifiant « {layer.key} »", blocking=True)
    note("check_duplicate_key", "cle-double", f"identifiant(s) « {layer.key} » en double", blocking=True)
    note(
        "check_geometry_type",
        "type-de-geometrie",
        f"géométrie(s) d'un autre type que {layer.geometry.value}",
        blocking=True,
        wanted=sql.Literal(f"ST_{layer.geometry.value}"),
    )
    note("check_invalid", "geometrie-invalide", "géométrie(s) invalides (à réparer)", blocking=True)
    note("check_no_geometry", "sans-geometrie", "objet(s) sans géométrie, publiés sans position", blocking=False)
    loss = _lost(cur, layer) if previous_total else 0
    if loss > layer.checks.max_loss * previous_total:
        sentence = _plural(loss, "objet disparaîtrait", "objets disparaîtraient")
        findings.append(Finding("perte", f"{sentence} sur {previous_total}", loss, blocking=True, forcible=True))
    return Report(read, tuple(findings))
