"""What a process is: a description, a reader of its inputs, and a run that gives named outputs.

Nothing here knows the standard that publishes it; ``geoportal.ogc.longtail`` and the workers both use it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from layers.catalog import Catalog

Json = dict[str, Any]
Progress = Callable[[int, str], None]

# The ``format`` of an input that is the identifier of a layer: descriptions may then list the layers there are.
LAYER_ID = "layer-id"


class InputError(ValueError):
    """An input is missing or unacceptable: ``name`` is its name, the message a French sentence."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.name = name


@dataclass(frozen=True)
class Output:
    """A result by its title, media type and JSON Schema."""

    title: str
    description: str
    media_type: str
    schema: Json


@dataclass(frozen=True)
class Process:
    """``check`` raises InputError without touching the database; ``run`` takes what ``check`` accepted.

    The first output is the one given when the client names none.
    """

    id: str
    title: str
    description: str
    version: str
    keywords: tuple[str, ...]
    inputs: Mapping[str, Json]
    outputs: Mapping[str, Output]
    example: Json
    check: Callable[[Catalog, Mapping[str, Any]], object]
    run: Callable[[Connection[Any], Catalog, Mapping[str, Any], tuple[str, ...], Progress], dict[str, Any]]
