"""Publishing the parcels through the product's own editions."""

from tests.bench.context import Bench, Measure
from tests.bench.verdict import Row


def publication(bench: Bench) -> list[Row]:
    """How long the publication of the whole dataset takes, from Python records to the public table and its overviews.

    Measured only in the run that makes the dataset; no reference.
    """
    if bench.dataset.publication_s is None:
        return []
    rate = bench.cadastre.count / bench.dataset.publication_s
    note = f"{bench.cadastre.count} objets en {bench.dataset.publication_s:.0f} s, généralisations comprises"
    return [Row("publication", "publication d'une édition", "objets/s", rate, note=note)]


MEASURES = (Measure("publication", "publication du jeu d'essai", publication),)
