"""One run of the bench: prepare the data, take each measure, keep going when one fails."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.settings import Settings
from tests.bench.context import Bench, Measure
from tests.bench.dataset import DATABASE, prepare_dataset
from tests.bench.measures import MEASURES
from tests.bench.tools import describe_machine, ensure_tools
from tests.bench.verdict import Row, Verdict


class UnknownMeasureError(ValueError):
    """``--only`` names no measure."""


@dataclass(frozen=True)
class Options:
    """How to run. ``only`` are names of measures or their first letters; empty means all."""

    features: int = 1_000_000
    only: tuple[str, ...] = ()
    seconds: float = 3
    rounds: int = 3
    reset: bool = False
    database: str = DATABASE


@dataclass(frozen=True)
class Outcome:
    """What a run found, and on what machine."""

    rows: tuple[Row, ...]
    machine: dict[str, Any]
    options: Options

    @property
    def all_met(self) -> bool:
        return all(row.verdict is not Verdict.MISSED for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        return {
            "machine": self.machine,
            "objets": self.options.features,
            "secondes": self.options.seconds,
            "tours": self.options.rounds,
            "mesures": [row.as_json() for row in self.rows],
        }


def choose_measures(only: Sequence[str]) -> list[Measure]:
    """The measures named, or whose names start so when none has that very name; all when ``only`` is empty.

    Raises UnknownMeasureError.
    """
    names = [measure.name for measure in MEASURES]
    wanted: set[str] = set()
    for word in only:
        found = {word} if word in names else {name for name in names if name.startswith(word)}
        if not found:
            raise UnknownMeasureError(f"Aucune mesure ne s'appelle « {word} » : choisissez parmi {', '.join(names)}.")
        wanted |= found
    return [measure for measure in MEASURES if not only or measure.name in wanted]


def run_bench(settings: Settings, options: Options, say: Callable[[str], None]) -> Outcome:
    """Run the chosen measures. Servers and files are gone at the end; the database is kept for the next run.

    A measure that fails is a line of the table. Raises UnknownMeasureError, MissingToolError, DatabaseUnavailableError,
    ServerError.
    """
    measures = choose_measures(options.only)
    ensure_tools(say)
    dataset = prepare_dataset(settings, options.features, database=options.database, reset=options.reset, say=say)
    machine = describe_machine(dataset.database_url)
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory(prefix="geoportail-bench-") as scratch,
        Bench(settings, dataset, Path(scratch), options.seconds, options.rounds) as bench,
    ):
        say(f"Portail et application vide lancés : {bench.portal.url}, {bench.hello.url}.")
        for measure in measures:
            start = time.perf_counter()
            rows.extend(_take(measure, bench))
            say(f"  {measure.title} : {time.perf_counter() - start:.0f} s")
    return Outcome(tuple(rows), machine, options)


def _take(measure: Measure, bench: Bench) -> Iterator[Row]:
    try:
        yield from measure.run(bench)
    except Exception as error:  # one broken endpoint must not hide the other figures
        yield Row(measure.name, measure.title, error=" ".join(str(error).split()) or type(error).__name__)
