"""What every measure receives: the data, servers to question, the reference statements, how long to insist."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

from config.settings import Settings
from layers.model import Layer
from tests.bench import pgbench, statements, wrk
from tests.bench.dataset import LAYER, Dataset
from tests.bench.parcels import SRID, Cadastre
from tests.bench.servers import HELLO, PORTAL, Server, uvicorn
from tests.bench.verdict import Row

CLIENTS = 8


@dataclass
class Bench:
    """One run. ``seconds`` bounds each load, ``rounds`` is how often each side is measured in turn."""

    settings: Settings
    dataset: Dataset
    scratch: Path
    seconds: float
    rounds: int
    _stack: ExitStack = field(default_factory=ExitStack)
    _serial: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def cadastre(self) -> Cadastre:
        return self.dataset.cadastre

    @property
    def layer(self) -> Layer:
        return LAYER

    @cached_property
    def portal(self) -> Server:
        """A portal that stays up for the whole run, for what may be warm."""
        return self._stack.enter_context(self.cold_portal())

    @cached_property
    def hello(self) -> Server:
        """The bare application, with as many workers as the portal."""
        return self._stack.enter_context(uvicorn(HELLO, self.settings.web_workers, {}, "/"))

    def cold_portal(self) -> AbstractContextManager[Server]:
        """A portal just started, whose tile store and working folder are empty."""
        folder = self.scratch / f"portail-{self.serial()}"
        folder.mkdir()
        environment = {
            "GEOPORTAL_DATABASE_URL": self.dataset.database_url,
            "GEOPORTAL_READ_DATABASE_URL": "",
            "GEOPORTAL_DATA_DIR": str(folder),
        }
        return uvicorn(PORTAL, self.settings.web_workers, environment, "/readyz")

    def serial(self) -> int:
        """A number never given before in this run."""
        return next(self._serial)

    def collection(self, path: str = "") -> str:
        """Path of the collection's resource ``path``."""
        return f"/ogc/collections/{self.layer.id}{path}"

    def tile_path(self, tile: tuple[int, int, int]) -> str:
        """Path of a vector tile given as (zoom, x, y)."""
        zoom, x, y = tile
        return self.collection(f"/tiles/WebMercatorQuad/{zoom}/{y}/{x}")

    @property
    def tile_statement(self) -> str:
        return statements.bare_tile(self.layer, SRID)

    @property
    def item_statement(self) -> str:
        return statements.bare_item(self.layer)

    def items_statement(self, limit: int) -> str:
        return statements.bare_items(self.layer, SRID, limit)

    def load(
        self, server: Server, paths: Iterable[str], *, clients: int = CLIENTS, once: bool = False, encoding: str = "identity"
    ) -> wrk.Load:
        """Load ``server`` with ``paths``; ``encoding`` is what the client accepts, nothing compressed unless said."""
        headers = {"Accept-Encoding": encoding}
        return wrk.load(server.url, paths, connections=clients, seconds=self.seconds, once=once, headers=headers)

    def raw(self, script: str, *, clients: int = CLIENTS, transactions: int | None = None) -> pgbench.Throughput:
        """Run a pgbench script on the database of the bench."""
        seconds = None if transactions else self.seconds
        return pgbench.run(self.dataset.database_url, script, clients=clients, seconds=seconds, transactions=transactions)


@dataclass(frozen=True)
class Measure:
    """A named measure. ``title`` is what it says to a reader; the docstring of ``run`` says exactly what is compared."""

    name: str
    title: str
    run: Callable[[Bench], list[Row]]
