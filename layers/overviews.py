"""Generalised overviews of a layer for zooms 0 to 12, made at publication and kept right by small refreshes."""

from typing import Any

from psycopg import Cursor

from layers.model import Layer


def create_overviews(cur: Cursor[tuple[Any, ...]], layer: Layer, srid: int) -> None:
    """Create the empty overview table ``data.<layer.table>_overview`` when it does not exist.

    To be called once the table ``data.<layer.table>`` exists. ``srid`` is the storage CRS.
    """
    raise NotImplementedError


def refresh_overviews(cur: Cursor[tuple[Any, ...]], layer: Layer, srid: int) -> None:
    """Bring the overviews in line with ``data.<layer.table>``, inside the publication transaction.

    To be called after the data table holds the new edition and before the transaction ends (the later, the
    better: a rebuild swaps the table at its end and holds a lock on it until the commit).

    Reads the temp table ``delta(key text, op "char", old_geom geometry, new_geom geometry)``: the rows added,
    changed and removed (``a``, ``c``, ``r``), geometries in ``srid``; ``old_geom`` is null for an addition and
    ``new_geom`` for a removal. A row whose attributes alone changed is in it too, with the same geometry twice.
    Only what these rows touch is computed again, unless they are a large part of the layer, the tile fields
    changed or the overviews do not exist: then everything is. Both ways give the same rows.
    """
    raise NotImplementedError
