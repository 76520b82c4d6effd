"""zonal-summary against geopandas, its refusals, and its use of the spatial index."""

import contextlib
import random
from typing import Any

import geopandas
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection

from geoportal.processes.base import InputError
from geoportal.processes.zonal_summary import INPUTS, PROCESS, read_bbox, read_inputs, summarize, summary_statement
from layers.catalog import EMPTY, Catalog, read_catalog
from tests.api import zonal

Conn = Connection[tuple[Any, ...]]


def frame(shapes: zonal.Shapes) -> geopandas.GeoDataFrame:
    return geopandas.GeoDataFrame(
        {"code": list(shapes), "valeur": [value for _, value in shapes.values()]},
        geometry=[geometry for geometry, _ in shapes.values()],
        crs=zonal.SRID,
    )


def table(conn: Conn, **inputs: Any) -> dict[str, Any]:
    outputs = summarize(conn, read_catalog(conn), inputs, ("table",), lambda *_: None)
    result: dict[str, Any] = outputs["table"]
    return result


@pytest.fixture
def zones(conn: Conn) -> zonal.Shapes:
    shapes = zonal.grid_zones()
    zonal.publish(conn, zonal.make_layer("communes", "MultiPolygon"), shapes)
    return shapes


def test_points_and_statistics_as_geopandas_says(conn: Conn, zones: zonal.Shapes) -> None:
    points = zonal.random_points(random.Random(1), 800)
    zonal.publish(conn, zonal.make_layer("points", "Point"), points)
    joined = geopandas.sjoin(frame(points), frame(zones), predicate="within", lsuffix="p", rsuffix="z")
    expected = joined.groupby("code_z")["valeur_p"].agg(["size", "count", "sum", "mean", "min", "max"])
    rows = {row["code"]: row for row in table(conn, collection="points", property="valeur")["rows"]}
    assert set(rows) == set(zones)
    for code, row in rows.items():
        wanted = expected.loc[code]
        assert (row["count"], row["values"]) == (wanted["size"], wanted["count"])
        assert (row["sum"], row["min"], row["max"]) == (wanted["sum"], wanted["min"], wanted["max"])
        assert row["mean"] == pytest.approx(wanted["mean"])


def test_areas_as_geopandas_says_and_each_shape_counted_once(conn: Conn, zones: zonal.Shapes) -> None:
    polygons = zonal.random_polygons(random.Random(2), 150)
    zonal.publish(conn, zonal.make_layer("surfaces", "MultiPolygon"), polygons)
    cut = geopandas.overlay(frame(polygons), frame(zones), how="intersection")
    expected = cut.assign(area=cut.area).groupby("code_2")["area"].sum()
    result = table(conn, collection="surfaces")
    for row in result["rows"]:
        assert row["area_m2"] == pytest.approx(expected.get(row["code"], 0.0), abs=0.01)
    inside = frame(zones).union_all().contains(frame(polygons).representative_point())
    assert abs(result["total"]["count"] - int(inside.sum())) <= 2  # PostGIS may choose another interior point
    assert result["total"]["area_m2"] == pytest.approx(expected.sum(), abs=0.1)


def test_lengths_as_geopandas_says(conn: Conn, zones: zonal.Shapes) -> None:
    lines = zonal.random_lines(random.Random(3), 120)
    zonal.publish(conn, zonal.make_layer("lignes", "MultiLineString"), lines)
    squares = frame(zones).set_index("code").geometry
    for row in table(conn, collection="lignes")["rows"]:
        expected = frame(lines).intersection(squares[row["code"]]).length.sum()
        assert row["length_m"] == pytest.approx(expected, abs=0.01)


def test_a_point_on_a_border_is_counted_once(conn: Conn, zones: zonal.Shapes) -> None:
    x, y = zonal.ORIGIN
    corner = shapely.Point(x + zonal.SIDE, y + zonal.SIDE)
    edge = shapely.Point(x, y + 10)
    zonal.publish(conn, zonal.make_layer("bornes", "Point"), {"coin": (corner, None), "bord": (edge, None)})
    counts = {row["code"]: row["count"] for row in table(conn, collection="bornes")["rows"] if row["count"]}
    assert counts == {"z00": 2}


def test_bbox_keeps_what_it_touches(conn: Conn, zones: zonal.Shapes) -> None:
    points = zonal.random_points(random.Random(4), 300)
    zonal.publish(conn, zonal.make_layer("points", "Point"), points)
    square = zones["z11"][0].buffer(-50)
    box = geopandas.GeoSeries([square], crs=zonal.SRID).to_crs(4326).total_bounds.tolist()
    result = table(conn, collection="points", bbox=box)
    degrees = frame(points).to_crs(4326)
    expected = int(degrees.within(shapely.box(*box)).sum())
    counts = {row["code"]: row["count"] for row in result["rows"]}
    assert counts["z11"] == expected > 0
    assert set(counts) <= {f"z{i}{j}" for i in range(3) for j in range(3)}
    assert result["bbox"] == box


def test_a_past_edition(conn: Conn, zones: zonal.Shapes) -> None:
    layer = zonal.make_layer("points", "Point")
    points = zonal.random_points(random.Random(5), 100)
    zonal.publish(conn, layer, points)
    zonal.publish(conn, layer, dict(list(points.items())[:40]))
    now, before = table(conn, collection="points"), table(conn, collection="points", edition=1)
    assert (now["edition"], before["edition"]) == (2, 1)
    assert now["total"]["count"] < before["total"]["count"]


def test_an_edition_published_meanwhile_changes_nothing(conn: Conn, zones: zonal.Shapes) -> None:
    """The result names the editions of the catalogue that it was asked with: it must hold those."""
    layer = zonal.make_layer("points", "Point")
    points = zonal.random_points(random.Random(5), 100)
    zonal.publish(conn, layer, points)
    catalog, before = read_catalog(conn), table(conn, collection="points")
    zonal.publish(conn, layer, dict(list(points.items())[:40]))
    zonal.publish(conn, zonal.make_layer("communes", "MultiPolygon"), dict(list(zones.items())[:8]))
    late = summarize(conn, catalog, {"collection": "points"}, ("table",), lambda *_: None)["table"]
    assert late == before
    assert table(conn, collection="points")["total"]["count"] < before["total"]["count"]


def test_geojson_output(conn: Conn, zones: zonal.Shapes) -> None:
    outputs = summarize(conn, read_catalog(conn), {"collection": "communes"}, ("zones",), lambda *_: None)
    features = outputs["zones"]["features"]
    assert [feature["id"] for feature in features] == sorted(zones)
    first = shapely.geometry.shape(features[0]["geometry"])
    assert -1.9 < first.centroid.x < -1.3
    assert features[0]["properties"]["area_m2"] == pytest.approx(zonal.SIDE**2)


@pytest.fixture
def catalog(conn: Conn, zones: zonal.Shapes) -> Catalog:
    zonal.publish(conn, zonal.make_layer("points", "Point"), zonal.random_points(random.Random(6), 10))
    zonal.publish(conn, zonal.make_layer("reserve", "Point", access="agents"), zonal.random_points(random.Random(7), 10))
    return read_catalog(conn)


REFUSED = [
    ({}, "collection", "manque"),
    ({"collection": None}, "collection", "minuscules"),
    ({"collection": 3}, "collection", "minuscules"),
    ({"collection": "rien"}, "collection", "n'existe pas"),
    ({"collection": "points; DROP TABLE"}, "collection", "minuscules"),
    ({"collection": "points", "zones": "points"}, "zones", "surfaces"),
    ({"collection": "points", "zones": ["communes"]}, "zones", "minuscules"),
    ({"collection": "points", "property": "nom"}, "property", "valeur"),
    ({"collection": "points", "property": ["valeur"]}, "property", "numérique"),
    ({"collection": "points", "property": "secret"}, "property", "numérique"),
    ({"collection": "points", "edition": 0}, "edition", "de 1 à 1"),
    ({"collection": "points", "edition": 9}, "edition", "de 1 à 1"),
    ({"collection": "points", "edition": True}, "edition", "de 1 à 1"),
    ({"collection": "points", "edition": "1"}, "edition", "de 1 à 1"),
    ({"collection": "points", "bbox": "1,2,3,4"}, "bbox", "quatre nombres"),
    ({"collection": "points", "bbox": [1, 2, 3]}, "bbox", "quatre nombres"),
    ({"collection": "points", "bbox": [1, 2, 3, "x"]}, "bbox", "quatre nombres"),
    ({"collection": "points", "bbox": [3, 2, 1, 4]}, "bbox", "dépasse"),
    ({"collection": "points", "bbox": [0, 0, 1, 99]}, "bbox", "dépasse"),
    ({"collection": "points", "bbox": {"bbox": [0, 0, 1, 1], "crs": "EPSG:2154"}}, "bbox", "CRS84"),
    ({"collection": "points", "couleur": "bleu"}, "couleur", "n'existe pas"),
]


@pytest.mark.parametrize(("inputs", "name", "word"), REFUSED)
def test_refusals_name_the_input(catalog: Catalog, inputs: dict[str, Any], name: str, word: str) -> None:
    with pytest.raises(InputError) as caught:
        read_inputs(catalog, inputs)
    assert caught.value.name == name
    assert word in str(caught.value)


def test_a_restricted_layer_is_unknown(catalog: Catalog) -> None:
    sentences = []
    for layer_id in ("reserve", "absente"):
        with pytest.raises(InputError) as caught:
            read_inputs(catalog, {"collection": layer_id})
        sentences.append(str(caught.value).replace(layer_id, "X"))
    assert sentences[0] == sentences[1]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(inputs=st.dictionaries(st.sampled_from(sorted(INPUTS)) | st.text(max_size=8), json_values, max_size=5))
def test_any_json_is_refused_in_words(inputs: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        read_inputs(EMPTY, inputs)


@given(value=json_values)
def test_bbox_reader_gives_a_box_or_a_sentence(value: Any) -> None:
    with contextlib.suppress(InputError):
        box = read_bbox(value)
        assert box is None or (box[0] <= box[2] and box[1] <= box[3])


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Every node of an EXPLAIN plan."""
    return [plan, *(node for child in plan.get("Plans", ()) for node in nodes(child))]


def test_the_spatial_index_serves(conn: Conn, zones: zonal.Shapes) -> None:
    zonal.publish(conn, zonal.make_layer("grande", "Point"), zonal.random_points(random.Random(8), 20_000))
    conn.execute("ANALYZE data.grande")
    request = read_inputs(read_catalog(conn), {"collection": "grande", "property": "valeur", "bbox": [-2.0, 47.0, -1.0, 48.0]})
    query = b"EXPLAIN (FORMAT JSON) " + summary_statement(request, with_geometry=False).as_bytes(conn)
    row = conn.execute(query).fetchone()
    assert row
    scans = [node["Node Type"] for node in nodes(row[0][0]["Plan"]) if node.get("Relation Name") == "grande"]
    indexes = {node.get("Index Name") for node in nodes(row[0][0]["Plan"])}
    assert scans
    assert "Seq Scan" not in scans
    assert "grande_geom_idx" in indexes


def test_example_runs(conn: Conn, catalog: Catalog) -> None:
    zonal.publish(conn, zonal.make_layer("mairies", "Point"), zonal.random_points(random.Random(9), 20))
    assert table(conn, **PROCESS.example["inputs"])["rows"]
