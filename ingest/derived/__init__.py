"""What the portal computes from its own layers: rasters published as coverages."""

from collections.abc import Callable

from config.database import connect
from config.settings import Settings
from ingest.derived import distance
from ingest.derived.rasters import read_rasters
from layers.catalog import read_catalog

_LOCK = 0x7261_7374  # any constant, released with the connection


def build_derived(settings: Settings, say: Callable[[str], None]) -> None:
    """Compute again the rasters whose source layers have a new edition, or whose file is missing.

    When another process is at it, this one leaves it to do so.
    """
    with connect(settings, autocommit=True) as conn:
        row = conn.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
        if not (row and row[0]):
            return
        catalog = read_catalog(conn)
        sources = distance.sources_of(catalog)
        if sources is None:
            return
        for raster in read_rasters(conn):
            if raster.id == distance.ID and dict(raster.sources) == sources and raster.file(settings.data_dir).is_file():
                return
        distance.build(conn, settings, catalog, sources)
        say("Distance à la mairie la plus proche : carte calculée.")
