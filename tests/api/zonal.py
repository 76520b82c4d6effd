"""Layers for the tests of processes: a grid of square zones, and shapes laid over it whose figures are known otherwise."""

import random
from collections.abc import Iterable
from typing import Any

import shapely
from psycopg import Connection
from shapely.geometry.base import BaseGeometry

from layers.editions import publish_edition
from layers.model import Layer
from layers.staging import Record

SRID = 2154
ORIGIN = (350_000.0, 6_690_000.0)  # near Nantes
SIDE = 1000.0
COUNT = 4

Shapes = dict[str, tuple[BaseGeometry, float | None]]


def make_layer(layer_id: str, geometry: str, *, access: str = "public") -> Layer:
    return Layer.model_validate(
        {
            "id": layer_id,
            "title": layer_id,
            "description": "Couche d'essai.",
            "theme": "essai",
            "producer": {"name": "Essai"},
            "licence": "etalab-2.0",
            "geometry": geometry,
            "key": "code",
            "label": "nom",
            "access": access,
            "fields": [
                {"name": "code", "title": "Code"},
                {"name": "nom", "title": "Nom"},
                {"name": "valeur", "title": "Valeur", "type": "number", "unit": "habitants"},
                {"name": "secret", "title": "Secret", "type": "number", "hidden": True},
            ],
        }
    )


def publish(conn: Connection[Any], layer: Layer, shapes: Shapes) -> None:
    records: Iterable[Record] = (
        Record({"code": key, "nom": f"Nom {key}", "valeur": value, "secret": value}, shapely.to_wkb(geometry))
        for key, (geometry, value) in shapes.items()
    )
    publish_edition(conn, layer, records, srid=SRID, storage_srid=SRID, author="essai", force=True)


def grid_zones() -> Shapes:
    """COUNT × COUNT squares of SIDE metres; codes « z00 » to « z33 », column then row."""
    x0, y0 = ORIGIN
    return {
        f"z{i}{j}": (
            shapely.MultiPolygon([shapely.box(x0 + i * SIDE, y0 + j * SIDE, x0 + (i + 1) * SIDE, y0 + (j + 1) * SIDE)]),
            float(i),
        )
        for i in range(COUNT)
        for j in range(COUNT)
    }


def random_points(rng: random.Random, count: int) -> Shapes:
    extent = COUNT * SIDE
    return {
        f"p{n:05}": (
            shapely.Point(ORIGIN[0] + rng.uniform(-500, extent + 500), ORIGIN[1] + rng.uniform(-500, extent + 500)),
            rng.choice([None, float(rng.randint(0, 50))]),
        )
        for n in range(count)
    }


def random_polygons(rng: random.Random, count: int) -> Shapes:
    """Blobs of 8 vertices, up to 300 m across, that often straddle zones; some with two parts."""

    def blob() -> shapely.Polygon:
        x, y = (ORIGIN[axis] + rng.uniform(0, COUNT * SIDE) for axis in (0, 1))
        return shapely.Point(x, y).buffer(rng.uniform(20, 300), quad_segs=2)

    shapes: Shapes = {}
    for n in range(count):
        parts = [blob() for _ in range(rng.choice([1, 1, 2]))]
        union = shapely.union_all(parts)
        polygons = shapely.get_parts(union).tolist()
        shapes[f"s{n:04}"] = (shapely.MultiPolygon(polygons), float(n))
    return shapes


def random_lines(rng: random.Random, count: int) -> Shapes:
    def point() -> tuple[float, float]:
        return ORIGIN[0] + rng.uniform(-300, COUNT * SIDE), ORIGIN[1] + rng.uniform(-300, COUNT * SIDE)

    return {f"l{n:04}": (shapely.MultiLineString([[point(), point(), point()]]), None) for n in range(count)}
