"""A raster as the register describes it, for tests that need no file."""

from datetime import UTC, datetime

from ingest.derived.rasters import Raster, RasterDefinition


def raster(sources: dict[str, int] | None = None) -> Raster:
    definition = RasterDefinition(
        id="distance-essai",
        title="Distance d'essai",
        description="Raster d'essai.",
        srid=2154,
        bounds=(276_000.0, 6_649_750.0, 402_750.0, 6_758_000.0),
        bbox=(-2.667, 46.813, -0.905, 47.855),
        width=507,
        height=433,
        resolution=250.0,
        field="distance",
        field_title="Distance",
        unit="m",
        attribution="Essai",
        licence="etalab-2.0",
        licence_url="https://exemple.fr/licence",
    )
    return Raster(definition, "rasters/essai.tif", sources or {}, datetime(2026, 11, 23, tzinfo=UTC))
