"""What a measure says: our figure, the reference's, their ratio, and whether the target is met. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Any

_THIN_SPACE = "\N{NARROW NO-BREAK SPACE}"


class Verdict(StrEnum):
    MET = "tenu"
    MISSED = "manqué"
    NONE = ""


@dataclass(frozen=True)
class Target:
    """A bound on a ratio (or on our figure alone when there is no reference): ``>=`` or ``<=``."""

    sign: str
    bound: float

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.sign == ">=" else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.sign == '>=' else '≤'} {french(self.bound)}"


def at_least(bound: float) -> Target:
    return Target(">=", bound)


def at_most(bound: float) -> Target:
    return Target("<=", bound)


@dataclass(frozen=True)
class Row:
    """One line of the table. ``peers`` quotes figures measured elsewhere, for information; ``error`` replaces the figures."""

    name: str
    label: str
    unit: str = ""
    ours: float | None = None
    reference: float | None = None
    target: Target | None = None
    peers: str = ""
    note: str = ""
    error: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the reference, or None when one of them is missing."""
        return self.ours / self.reference if self.ours is not None and self.reference else None

    @property
    def judged(self) -> float | None:
        """What the target bears on: the ratio if there is a reference, otherwise our figure."""
        return self.ours if self.reference is None else self.ratio

    @property
    def verdict(self) -> Verdict:
        if self.error:
            return Verdict.MISSED
        if self.target is None or self.judged is None:
            return Verdict.NONE
        return Verdict.MET if self.target.is_met(self.judged) else Verdict.MISSED

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "label": self.label,
            "unit": self.unit,
            "ours": self.ours,
            "reference": self.reference,
            "ratio": self.ratio,
            "target": str(self.target) if self.target else None,
            "verdict": self.verdict.value or None,
            "peers": self.peers or None,
            "note": self.note or None,
            "error": self.error or None,
        }


@dataclass(frozen=True)
class Pair:
    """Medians of figures taken in turn."""

    ours: float
    reference: float


def alternate(ours: Callable[[int], float], reference: Callable[[int], float], rounds: int) -> Pair:
    """Measure ours, the reference, ours, the reference…, so that a drift of the machine weighs on both.

    Each callable receives the number of the round, from 0.
    """
    figures = [(ours(turn), reference(turn)) for turn in range(rounds)]
    return Pair(median(mine for mine, _ in figures), median(theirs for _, theirs in figures))


def french(value: float | None) -> str:
    """Three significant digits, decimal comma, thousands apart: ``1 234``, ``12,3``, ``0,75``."""
    if value is None:
        return "—"
    decimals = next((d for d, floor in ((0, 99.95), (1, 9.995), (2, 0.0995)) if abs(value) >= floor), 0 if value == 0 else 3)
    text = f"{value:,.{decimals}f}".replace(",", _THIN_SPACE).replace(".", ",")
    return text.rstrip("0").rstrip(",") if "," in text else text


def render(rows: Sequence[Row]) -> str:
    """The table in French, then the notes and the figures measured elsewhere."""
    head = ("mesure", "le portail", "référence", "unité", "rapport", "objectif", "verdict")
    lines = [
        (
            row.label,
            french(row.ours),
            french(row.reference),
            row.unit,
            french(row.ratio),
            str(row.target or "—"),
            row.verdict.value or "—",
        )
        for row in rows
    ]
    widths = [max(len(line[i]) for line in (head, *lines)) for i in range(len(head))]

    def align(line: tuple[str, ...]) -> str:
        numbers = {1, 2, 4, 5}
        return "  ".join(
            c.rjust(w) if i in numbers else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()

    table = [align(head), "  ".join("─" * width for width in widths), *(align(line) for line in lines)]
    remarks = [f"  {row.label} : échec, {row.error}" for row in rows if row.error]
    remarks += [f"  {row.label} : {row.note}" for row in rows if row.note]
    quoted = [f"  {row.label} : {row.peers}" for row in rows if row.peers]
    if remarks:
        table += ["", "Remarques", *remarks]
    if quoted:
        table += ["", "Pour information, le même rapport mesuré ailleurs sur d'autres logiciels", *quoted]
    return "\n".join(table)
