from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.verdict import Row, Target, Verdict, alternate, at_least, at_most, french, render


@pytest.mark.parametrize(
    ("ours", "reference", "target", "verdict"),
    [
        (75.0, 100.0, at_least(0.75), Verdict.MET),
        (74.9, 100.0, at_least(0.75), Verdict.MISSED),
        (2.5, 1.0, at_most(2.5), Verdict.MET),
        (2.6, 1.0, at_most(2.5), Verdict.MISSED),
        (499.0, None, at_most(500), Verdict.MET),
        (501.0, None, at_most(500), Verdict.MISSED),
        (1.0, 1.0, None, Verdict.NONE),
        (None, 1.0, at_least(1), Verdict.NONE),
    ],
)
def test_target_bears_on_the_ratio_or_on_our_figure_alone(
    ours: float | None, reference: float | None, target: Target | None, verdict: Verdict
) -> None:
    assert Row("m", "mesure", ours=ours, reference=reference, target=target).verdict is verdict


def test_a_measure_that_failed_has_missed_its_target() -> None:
    assert Row("m", "mesure", error="réponse 500").verdict is Verdict.MISSED


def test_alternate_takes_each_side_in_turn_and_keeps_the_medians() -> None:
    calls: list[tuple[str, int]] = []

    def side(name: str, figures: list[float]) -> Callable[[int], float]:
        def measure(turn: int) -> float:
            calls.append((name, turn))
            return figures[turn]

        return measure

    pair = alternate(side("A", [1.0, 100.0, 3.0]), side("B", [10.0, 30.0, 20.0]), 3)
    assert (pair.ours, pair.reference) == (3.0, 20.0)
    assert calls == [("A", 0), ("B", 0), ("A", 1), ("B", 1), ("A", 2), ("B", 2)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (0, "0"),
        (0.75, "0,75"),
        (0.0312, "0,031"),
        (1.3, "1,3"),
        (12.34, "12,3"),
        (99.96, "100"),
        (1234.5, "1\N{NARROW NO-BREAK SPACE}234"),
        (1_000_000, "1\N{NARROW NO-BREAK SPACE}000\N{NARROW NO-BREAK SPACE}000"),
    ],
)
def test_french_numbers(value: float | None, text: str) -> None:
    assert french(value) == text


@given(st.floats(min_value=0.01, max_value=1e9))
def test_a_french_number_keeps_its_value_within_a_few_percent(value: float) -> None:
    read = float(french(value).replace("\N{NARROW NO-BREAK SPACE}", "").replace(",", "."))
    assert read == pytest.approx(value, rel=0.06)


def test_the_table_says_figures_targets_verdicts_errors_and_peers() -> None:
    text = render(
        [
            Row("a", "tuile", "tuiles/s", 380.0, 500.0, at_least(0.75), peers="tipg 0,45", note="sur 10 tuiles"),
            Row("b", "export", error="réponse 404"),
        ]
    )
    head, _, tile, export, *rest = text.splitlines()
    assert head.split() == ["mesure", "le", "portail", "référence", "unité", "rapport", "objectif", "verdict"]
    assert tile.split() == ["tuile", "380", "500", "tuiles/s", "0,76", "≥", "0,75", "tenu"]
    assert export.split()[-1] == "manqué"
    assert "  export : échec, réponse 404" in rest
    assert "  tuile : sur 10 tuiles" in rest
    assert "  tuile : tipg 0,45" in rest
