"""Opening hours: laws, wording, and the same instants as a known library."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opening_hours import OpeningHours

from ingest.opening_hours import DAYS, Slot, UnreadableHoursError, merge_slots, parse_week, to_french, to_osm

MONDAY = datetime(2026, 11, 23)  # opening hours are local times

minutes = st.integers(0, 23 * 60 + 59)
slots = st.lists(st.tuples(minutes, minutes), max_size=4)


def clock(value: int) -> str:
    return f"{value // 60:02}:{value % 60:02}:00"


@st.composite
def structures(draw: st.DrawFn) -> list[Any]:
    lines = []
    for _ in range(draw(st.integers(0, 4))):
        first, last = sorted((draw(st.integers(0, 6)), draw(st.integers(0, 6))))
        lines.append([DAYS[first], DAYS[last], [[clock(start), clock(end)] for start, end in draw(slots)]])
    return lines


@given(slots)
def test_merged_slots_are_apart_in_order_and_cover_the_same_minutes(given_slots: list[Slot]) -> None:
    merged = merge_slots(given_slots)
    assert all(start < end for start, end in merged)
    assert all(before[1] < after[0] for before, after in pairwise(merged))
    covered = {minute for start, end in given_slots for minute in range(start, end)}
    assert {minute for start, end in merged for minute in range(start, end)} == covered


@given(structures())
@settings(deadline=None, max_examples=60)
def test_the_openstreetmap_text_opens_at_the_same_minutes_as_the_source(structure: list[Any]) -> None:
    week = parse_week(structure)
    text = to_osm(week)
    hours = OpeningHours(text) if text else None
    for day, day_slots in enumerate(week):
        for minute in {0, 719, 1439, *(edge + shift for slot in day_slots for edge in slot for shift in (-1, 0))}:
            expected = any(start <= minute < end for start, end in day_slots)
            instant = MONDAY + timedelta(days=day, minutes=minute)
            if 0 <= minute < 1440:
                assert (hours is not None and hours.is_open(instant)) is expected, (text, instant)


@pytest.mark.parametrize(
    ("structure", "osm", "french"),
    [
        ([], "", ""),
        ([["lundi", "vendredi", [["08:30:00", "12:30:00"]]]], "Mo-Fr 08:30-12:30", "Du lundi au vendredi : 8 h 30 – 12 h 30."),
        (
            [
                ["lundi", "mardi", [["09:00:00", "12:00:00"], ["14:00:00", "17:00:00"]]],
                ["samedi", "samedi", [["09:00:00", "12:00:00"]]],
            ],
            "Mo-Tu 09:00-12:00,14:00-17:00; Sa 09:00-12:00",
            "Lundi et mardi : 9 h – 12 h et 14 h – 17 h. Samedi : 9 h – 12 h.",
        ),
        # What the source really holds: no last day, a repeated slot, an empty one, seconds.
        ([["jeudi", "", [["09:00:00", "12:00:00"]]]], "Th 09:00-12:00", "Jeudi : 9 h – 12 h."),
        (
            [["samedi", "samedi", [["09:30:00", "11:00:00"], ["09:30:00", "11:30:00"]]]],
            "Sa 09:30-11:30",
            "Samedi : 9 h 30 – 11 h 30.",
        ),
        ([["lundi", "lundi", [["08:00:00", "12:00:00"], ["18:00:00", "18:00:00"]]]], "Mo 08:00-12:00", "Lundi : 8 h – 12 h."),
        (
            [["lundi", "lundi", [["08:00:00", "12:00:00"], ["12:00:00", "14:00:00"]]]],
            "Mo 08:00-14:00",
            "Lundi : 8 h – 14 h.",
        ),
        ([["lundi", "lundi", [["13:30:30", "17:30:00"]]]], "Mo 13:30-17:30", "Lundi : 13 h 30 – 17 h 30."),
    ],
)
def test_known_structures(structure: list[Any], osm: str, french: str) -> None:
    week = parse_week(structure)
    assert to_osm(week) == osm
    assert to_french(week).replace("\N{NO-BREAK SPACE}", " ") == french


@pytest.mark.parametrize(
    "structure",
    [
        [["lundi"]],
        [["Monday", "Friday", [["09:00:00", "12:00:00"]]]],
        [["vendredi", "lundi", [["09:00:00", "12:00:00"]]]],
        [["lundi", "lundi", [["25:00:00", "26:00:00"]]]],
        [["lundi", "lundi", [[9, 12]]]],
        [["lundi", "lundi", None]],
        ["fermé"],
    ],
)
def test_what_cannot_be_read_is_refused(structure: list[Any]) -> None:
    with pytest.raises(UnreadableHoursError):
        parse_week(structure)
