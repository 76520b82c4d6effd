"""The measures, in the order of the table. A new capability adds a module here and its MEASURES to the list."""

from tests.bench.context import Measure
from tests.bench.measures import exports, items, publication, tiles

MEASURES: tuple[Measure, ...] = (*publication.MEASURES, *tiles.MEASURES, *items.MEASURES, *exports.MEASURES)
