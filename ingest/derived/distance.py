"""« Distance à la mairie »: metres in a straight line from the centre of each cell to the nearest mairie.

Computed in the storage CRS from the published editions of ``communes`` and ``mairies``; cells whose centre is outside
the communes have no value. Mairies of the neighbouring départements are not known here: near the border the true
nearest one may be closer.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import shapely
from psycopg import Connection

from config.settings import Settings
from ingest.derived import rasters
from ingest.derived.grid import Values, Window, inside_mask, write_cog
from ingest.derived.rasters import SQL, RasterDefinition
from layers import storage
from layers.catalog import Catalog, Collection
from layers.statements import statement

ID = "distance-mairies"
SOURCES = ("communes", "mairies")
RESOLUTION = 250.0
_DECIMALS = 1


def sources_of(catalog: Catalog) -> dict[str, int] | None:
    """The editions to compute from, or None when a layer is missing or empty, or when the two do not go together."""
    found = [catalog.collections.get(layer_id) for layer_id in SOURCES]
    known = [one for one in found if one is not None and one.edition.total and one.is_public]
    if len(known) < len(SOURCES) or len({(one.srid, one.layer.licence.code) for one in known}) > 1:
        return None
    return {one.id: one.edition.number for one in known}


def build(conn: Connection[Any], settings: Settings, catalog: Catalog, sources: dict[str, int]) -> Path:
    """Compute, write and register the raster; return its file.

    The file that it replaces stays until the next time: another process may be reading it.
    """
    previous = [raster.path for raster in rasters.read_rasters(conn) if raster.id == ID]
    communes, mairies = (catalog.get(layer_id) for layer_id in SOURCES)
    territory = shapely.union_all(_geometries(conn, communes))
    window = distance_grid(territory, _geometries(conn, mairies), RESOLUTION)
    path = f"{rasters.FOLDER}/{ID}-{sources['communes']}-{sources['mairies']}.tif"
    definition = _definition(window, communes, mairies)
    tags = {f"EDITION_{layer_id.upper()}": str(number) for layer_id, number in sources.items()}
    tags |= {"TITLE": definition.title, "COPYRIGHT": definition.attribution}
    write_cog(settings.data_dir / path, window, communes.srid, definition.field_title, definition.unit, tags)
    rasters.register(conn, definition, path, sources)
    _remove_others(settings.data_dir, {path, *previous})
    return settings.data_dir / path


def distance_grid(territory: shapely.Geometry, points: Any, resolution: float) -> Window:
    """Distances from cell centres to the nearest of ``points``, NaN outside ``territory``; the grid is a multiple of the cell."""
    left, bottom, right, top = shapely.bounds(territory)
    left, bottom = (np.floor(value / resolution) * resolution for value in (left, bottom))
    columns, rows = (int(np.ceil((far - near) / resolution)) for near, far in ((left, right), (bottom, top)))
    empty = Window(np.full((rows, columns), np.nan, dtype=np.float32), float(left), float(bottom + rows * resolution), resolution)
    mask = inside_mask(empty, territory)
    values: Values = empty.values.copy()
    values[mask] = _nearest(empty, mask, points)
    return Window(values, empty.left, empty.top, resolution)


def _nearest(window: Window, mask: Any, points: Any) -> Values:
    row, column = np.nonzero(mask)
    centres = shapely.points(np.asarray(window.x_centres())[column], np.asarray(window.y_centres())[row])
    tree = shapely.STRtree(points)
    (_, _), distances = tree.query_nearest(centres, return_distance=True, all_matches=False)
    return np.asarray(np.round(distances, _DECIMALS), dtype=np.float32)


def _geometries(conn: Connection[Any], collection: Collection) -> Any:
    # Read by its number, the state is the one that is announced, even when a newer one was published meanwhile.
    source = storage.relation(collection.layer, collection.edition.number, storage.UNKNOWN)
    rows = conn.execute(statement("distance_geometries", SQL, source=source)).fetchall()
    return shapely.from_wkb([row[0] for row in rows])


def _definition(window: Window, communes: Collection, mairies: Collection) -> RasterDefinition:
    rows, columns = window.values.shape
    bounds = (window.left, window.top - rows * RESOLUTION, window.left + columns * RESOLUTION, window.top)
    to_degrees = pyproj.Transformer.from_crs(communes.srid, 4326, always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(*bounds)
    return RasterDefinition(
        id=ID,
        title="Distance à la mairie la plus proche",
        description=(
            f"Distance à vol d'oiseau, en mètres, du centre de chaque maille de {RESOLUTION:.0f} m à la mairie la plus proche du "
            "département. Calculée à partir des couches communes et mairies ; les mailles hors des communes n'ont pas de valeur. "
            "Les mairies des départements voisins ne sont pas prises en compte."
        ),
        keywords=("distance", "mairie", "accessibilité", "maillage"),
        srid=communes.srid,
        bounds=bounds,
        bbox=(round(west, 6), round(south, 6), round(east, 6), round(north, 6)),
        width=columns,
        height=rows,
        resolution=RESOLUTION,
        field="distance",
        field_title="Distance à la mairie la plus proche",
        unit="m",
        attribution=" ; ".join(dict.fromkeys((communes.layer.credit, mairies.layer.credit))),
        licence=communes.layer.licence.code,
        licence_url=communes.layer.licence.href,
    )


def _remove_others(data_dir: Path, kept: set[str]) -> None:
    for file in (data_dir / rasters.FOLDER).glob(f"{ID}-*.tif"):
        if str(file.relative_to(data_dir)) not in kept:
            file.unlink(missing_ok=True)
