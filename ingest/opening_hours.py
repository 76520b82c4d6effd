"""Weekly opening hours: from « from this day to that day, these slots » to words and to the OpenStreetMap syntax.

The structure is the one of the service-public.fr directory (DILA): ``[[first day, last day, [[start, end], …]], …]`` with
French day names and ``HH:MM:SS`` times. Source of the output syntax: OpenStreetMap wiki, key ``opening_hours``.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_OSM_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::[0-5]\d)?$")

# Minutes since midnight, start before end.
Slot = tuple[int, int]
# The slots of Monday to Sunday, in order, without overlap.
Week = tuple[tuple[Slot, ...], ...]


class UnreadableHoursError(ValueError):
    """The structure does not say opening hours; its text is French and says what was found."""


def _minutes(text: Any) -> int:
    found = _TIME.match(text) if isinstance(text, str) else None
    if not found:
        raise UnreadableHoursError(f"heure illisible : {text!r}")
    return int(found[1]) * 60 + int(found[2])


def _day(name: Any) -> int:
    if name not in DAYS:
        raise UnreadableHoursError(f"jour inconnu : {name!r}")
    return DAYS.index(name)


def merge_slots(slots: Iterable[Slot]) -> tuple[Slot, ...]:
    """Sort the slots of one day, join those that overlap or touch, drop those that last no time.

    A day opened by two lines of the source often repeats a slot.
    """
    merged: list[Slot] = []
    for start, end in sorted(slots):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def parse_week(structure: Sequence[Any]) -> Week:
    """Read the structure of the source; an empty last day means the first day alone.

    Raises UnreadableHoursError.
    """
    days: list[list[Slot]] = [[] for _ in DAYS]
    for line in structure:
        try:
            first, last, slots = line
            pairs = [(_minutes(start), _minutes(end)) for start, end in slots]
        except (TypeError, ValueError) as error:
            raise UnreadableHoursError(f"horaires illisibles : {line!r}") from error
        begin = _day(first)
        finish = _day(last or first)
        if finish < begin:
            raise UnreadableHoursError(f"jours dans le désordre : {first} à {last}")
        for day in range(begin, finish + 1):
            days[day] += pairs
    return tuple(merge_slots(slots) for slots in days)


def _runs(week: Week) -> list[tuple[int, int, tuple[Slot, ...]]]:
    """Consecutive open days with the same slots, as (first day, last day, slots)."""
    runs: list[tuple[int, int, tuple[Slot, ...]]] = []
    for day, slots in enumerate(week):
        if not slots:
            continue
        if runs and runs[-1][1] == day - 1 and runs[-1][2] == slots:
            runs[-1] = (runs[-1][0], day, slots)
        else:
            runs.append((day, day, slots))
    return runs


def to_osm(week: Week) -> str:
    """``Mo-Th 09:00-12:00,14:00-17:00; Fr 09:00-12:00``; empty when no day is open."""

    def clock(minutes: int) -> str:
        return f"{minutes // 60:02}:{minutes % 60:02}"

    lines = []
    for first, last, slots in _runs(week):
        days = _OSM_DAYS[first] if first == last else f"{_OSM_DAYS[first]}-{_OSM_DAYS[last]}"
        lines.append(f"{days} {','.join(f'{clock(start)}-{clock(end)}' for start, end in slots)}")
    return "; ".join(lines)


def to_french(week: Week) -> str:
    """« Du lundi au jeudi : 9 h – 12 h et 14 h – 17 h 30. Samedi : 9 h – 12 h. »; empty when no day is open."""

    def clock(minutes: int) -> str:
        hour, minute = divmod(minutes, 60)
        return f"{hour}\N{NO-BREAK SPACE}h" + (f"\N{NO-BREAK SPACE}{minute:02}" if minute else "")

    def days(first: int, last: int) -> str:
        match last - first:
            case 0:
                return DAYS[first].capitalize()
            case 1:
                return f"{DAYS[first].capitalize()} et {DAYS[last]}"
            case _:
                return f"Du {DAYS[first]} au {DAYS[last]}"

    lines = []
    for first, last, slots in _runs(week):
        spans = [f"{clock(start)}\N{NO-BREAK SPACE}–\N{NO-BREAK SPACE}{clock(end)}" for start, end in slots]
        listed = spans[0] if len(spans) == 1 else f"{', '.join(spans[:-1])} et {spans[-1]}"
        lines.append(f"{days(first, last)}\N{NO-BREAK SPACE}: {listed}.")
    return " ".join(lines)
