"""One reader per format of the field. A reader turns a source into records and knows nothing of the database."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from config.settings import Settings
from layers.editions import Record
from layers.model import Source

# Says one French sentence to whoever waits.
Say = Callable[[str], None]
# (what is being done, how much is done, of how much or None when unknown).
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader found.

    ``srid`` is the EPSG code of the records' geometries; ``source`` says in words what was read, ``sha256`` is the
    digest of the file; ``total`` is the number of records when it is known beforehand.
    """

    records: Iterable[Record]
    srid: int
    source: str
    sha256: str
    total: int | None = None


class Reader(Protocol):
    """Understands one kind of source."""

    def fingerprint(self, settings: Settings, source: Source) -> tuple[str, str]:
        """``(source, sha256)`` that ``read`` would give, known without reading anything long."""
        ...

    def read(self, settings: Settings, source: Source, path: Path | None, say: Say) -> Reading:
        """Read the official source, or the copy of it at ``path``. Raises IngestError."""
        ...
