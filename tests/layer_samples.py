"""Small layers for tests: squares laid along a line, whose content is a dictionary that a reader can see at once."""

from collections.abc import Iterator, Mapping
from typing import Any

import shapely
from psycopg import Connection, sql

from layers.catalog import Collection, read_catalog
from layers.editions import Outcome, publish_edition
from layers.model import Layer
from layers.staging import Record
from layers.storage import relation

# (number, position along the line) by key
Content = Mapping[str, tuple[int, int]]

SQUARES = Layer.model_validate(
    {
        "id": "carres-essai",
        "title": "Carrés",
        "description": "Des carrés de cent mètres.",
        "theme": "essais",
        "producer": {"name": "Essais"},
        "licence": "etalab-2.0",
        "geometry": "MultiPolygon",
        "key": "code",
        "label": "nom",
        "datetime": "jour",
        "fields": [
            {"name": "code", "title": "Code"},
            {"name": "nom", "title": "Nom", "tiles": True, "index": True},
            {"name": "nombre", "title": "Nombre", "type": "integer", "tiles": True},
            {"name": "part", "title": "Part", "type": "number"},
            {"name": "jour", "title": "Jour", "type": "date"},
            {"name": "vu", "title": "Vu", "type": "timestamp"},
            {"name": "actif", "title": "Actif", "type": "boolean"},
            {"name": "details", "title": "Détails", "type": "json"},
            {"name": "secret", "title": "Secret", "hidden": True},
        ],
        "checks": {"max_loss": 1},
    }
)


def square(position: int) -> shapely.Polygon:
    """The square of this position, in EPSG:2154, well inside Loire-Atlantique."""
    return shapely.box(330_000 + 150 * position, 6_690_000, 330_100 + 150 * position, 6_690_100)


def square_records(content: Content) -> Iterator[Record]:
    for key, (number, position) in content.items():
        values: dict[str, Any] = {
            "code": key,
            "nom": f"Carré {key}",
            "nombre": number,
            "part": number / 3,
            "jour": f"2026-01-{1 + abs(number) % 28:02d}",
            "vu": f"2026-01-{1 + abs(number) % 28:02d}T12:00:00+01:00",
            "actif": number % 2 == 0,
            "details": {"b": number, "a": [1, None, "é"]},
            "secret": "caché",
        }
        yield Record(values, shapely.to_wkb(square(position)))


def publish_squares(conn: Connection[Any], content: Content, **options: Any) -> Outcome:
    return publish_edition(conn, SQUARES, square_records(content), srid=2154, storage_srid=2154, author="essai", **options)


def collection_of(conn: Connection[Any], layer_id: str = SQUARES.id) -> Collection:
    return read_catalog(conn).get(layer_id)


def read_state(conn: Connection[Any], layer: Layer, number: int) -> dict[str, tuple[int, bytes]]:
    """The state of an edition as {key: (nombre, geometry)}."""
    current = collection_of(conn, layer.id).edition.number
    query = sql.SQL("SELECT key, nombre, ST_AsBinary(geom) FROM {} s").format(relation(layer, number, current))
    return {key: (number, bytes(wkb)) for key, number, wkb in conn.execute(query).fetchall()}
