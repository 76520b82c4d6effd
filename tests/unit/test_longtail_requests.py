"""What the door reads: any JSON and any parameter is either understood or refused with a 400 that names it."""

import json
from collections.abc import Callable
from types import MappingProxyType
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings
from geoportal.errors import ProblemError
from geoportal.links import Links
from geoportal.ogc.longtail.config import STAC_COLLECTION, pygeoapi_config
from geoportal.ogc.longtail.coverage_request import as_numbers, read_box, read_coords, read_subset
from geoportal.ogc.longtail.execution import read_execution, wants_async
from geoportal.ogc.longtail.problems import NO_JOB, NO_PROCESS, refusal
from geoportal.processes import PROCESSES
from layers.catalog import EMPTY, Catalog, Collection, Edition
from layers.model import Layer
from tests.unit.rasters import raster

PROCESS = PROCESSES["zonal-summary"]
ONE = raster().definition
SRIDS = (2154, 3857, 4326)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
members = st.sampled_from(["inputs", "outputs", "response", "subscriber", "mode"]) | st.text(max_size=8)


def attempt(read: Callable[..., Any], *args: Any) -> Any:
    """What the reader gives, or the problem that it raises; any other exception is a failure."""
    try:
        return read(*args)
    except ProblemError as problem:
        return problem


@given(document=json_values | st.dictionaries(members, json_values, max_size=4))
def test_any_json_is_read_or_refused(document: Any) -> None:
    outcome = attempt(read_execution, PROCESS, json.dumps(document).encode())
    if isinstance(outcome, ProblemError):
        assert outcome.status == 400
    else:
        assert outcome.outputs
        assert set(outcome.outputs) <= set(PROCESS.outputs)


@given(body=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    outcome = attempt(read_execution, PROCESS, body)
    assert not isinstance(outcome, ProblemError) or outcome.status == 400


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b'"texte"', None),
        (b"\xff\xfe", None),
        (b"[" * 100_000, None),
        (b'{"inputs": {"collection": NaN}}', None),
        (b'{"inputs": []}', "inputs"),
        (b'{"inputs": {}, "outputs": []}', "outputs"),
        (b'{"inputs": {}, "outputs": {"image": {}}}', "outputs"),
        (b'{"inputs": {}, "outputs": {"table": 3}}', "outputs"),
        (b'{"inputs": {}, "outputs": {"table": {"transmissionMode": "reference"}}}', "outputs"),
        (b'{"inputs": {}, "response": "xml"}', "response"),
        (b'{"inputs": {}, "outputs": {"table": {}, "zones": {}}}', "response"),
        (b'{"inputs": {"collection": {"href": "http://exemple.fr/"}}}', "collection"),
        (b'{"inputs": {}, "subscriber": {"successUri": "http://169.254.169.254/"}}', "subscriber"),
    ],
)
def test_bodies_refused(body: bytes, parameter: str | None) -> None:
    with pytest.raises(ProblemError) as caught:
        read_execution(PROCESS, body)
    assert caught.value.status == 400
    assert caught.value.parameter == parameter


def test_qualified_values_are_unwrapped() -> None:
    execution = read_execution(PROCESS, b'{"inputs": {"collection": {"value": "mairies"}}, "outputs": {"zones": {}}}')
    assert execution.inputs == {"collection": "mairies"}
    assert execution.outputs == ("zones",)


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        ("respond-async", True),
        ("respond-async, wait=10", True),
        ("wait=10,  Respond-Async; x=1", True),
        ("", False),
        ("wait=10", False),
        ("respond-asynchronously", False),
    ],
)
def test_prefer_header(prefer: str, expected: bool) -> None:
    assert wants_async(prefer) is expected


@pytest.mark.parametrize(
    "text", ["", "x", "z(1:2)", "x(1:2),x(1:2)", "x(a:b)", "x(2:1)", "x(1:2:3)", "x(1e400)", "x(nan)", "x(1),", 'x("1":"2")']
)
def test_subsets_refused(text: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read_subset(ONE, text)
    assert (caught.value.status, caught.value.parameter) == (400, "subset")


@given(text=st.text(alphabet="xy(:*),-0123456789.e ", max_size=30))
def test_any_subset_is_read_or_refused(text: str) -> None:
    outcome = attempt(read_subset, ONE, text)
    if isinstance(outcome, ProblemError):
        assert (outcome.status, outcome.parameter) == (400, "subset")
    else:
        left, bottom, right, top = outcome
        assert left <= right
        assert bottom <= top


def test_a_missing_axis_and_a_star_take_the_whole() -> None:
    left, bottom, right, top = ONE.bounds
    assert read_subset(ONE, "x(*:*)") == ONE.bounds
    assert read_subset(ONE, f"x({left + 250}:*)") == (left + 250, bottom, right, top)
    assert read_subset(ONE, "y(6690000)") == (left, 6690000.0, right, 6690000.0)


def test_a_box_in_another_crs_encloses_its_image() -> None:
    box = read_box(ONE, {"bbox": "-1.6,47.1,-1.4,47.3"}, SRIDS)
    flipped = read_box(ONE, {"bbox": "47.1,-1.6,47.3,-1.4", "bbox-crs": "http://www.opengis.net/def/crs/EPSG/0/4326"}, SRIDS)
    assert box == flipped
    assert box
    assert 345_000 < box[0] < box[2] < 372_000
    native = ",".join(map(str, box))
    again = read_box(ONE, {"bbox": native, "bbox-crs": "http://www.opengis.net/def/crs/EPSG/0/2154"}, SRIDS)
    assert again == pytest.approx(box)


@given(box=st.tuples(*[st.floats(-1e9, 1e9)] * 4))
def test_numbers_are_plain(box: tuple[float, float, float, float]) -> None:
    assert "e" not in as_numbers(box)
    assert [float(part) for part in as_numbers(box).split(",")] == pytest.approx(list(box), abs=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "POINT",
        "POINT EMPTY",
        "POINT(nan 1)",
        "POINT(200 10)",
        "LINESTRING(0 0,1 1)",
        "SELECT 1",
        "POINT(1 2" + " " * 30_000,
    ],
)
def test_coords_refused(text: str | None) -> None:
    with pytest.raises(ProblemError) as caught:
        read_coords(ONE, "position", text)
    assert (caught.value.status, caught.value.parameter) == (400, "coords")


def test_coords_far_away_are_not_found() -> None:
    with pytest.raises(ProblemError) as caught:
        read_coords(ONE, "position", "POINT(100 -40)")
    assert caught.value.status == 404


def test_configuration_is_made_from_the_catalogue() -> None:
    settings, links = Settings(), Links("https://geo.exemple.fr")
    empty = pygeoapi_config(settings, links, EMPTY, [])
    assert set(empty["resources"]) == set(PROCESSES)
    assert empty["server"]["url"] == "https://geo.exemple.fr/ogc"
    assert empty["server"]["languages"] == ["fr"]
    full = pygeoapi_config(settings, links, EMPTY, [raster()])
    assert set(full["resources"]) == {*PROCESSES, ONE.id, STAC_COLLECTION}
    assert {provider["type"] for provider in full["resources"][ONE.id]["providers"]} == {"coverage", "edr"}


def test_a_layer_of_ours_is_never_given_to_pygeoapi() -> None:
    layer = Layer.model_validate(
        {
            "id": ONE.id,
            "title": "Couche",
            "description": "Couche d'essai.",
            "theme": "essai",
            "producer": {"name": "Essai"},
            "licence": "etalab-2.0",
            "geometry": "Point",
            "key": "code",
            "label": "code",
            "fields": [{"name": "code", "title": "Code"}],
        }
    )
    edition = Mock(spec=Edition)
    catalog = Catalog(1, MappingProxyType({ONE.id: Collection(layer, {}, 2154, edition)}))
    config = pygeoapi_config(Settings(), Links("https://geo.exemple.fr"), catalog, [raster()])
    assert set(config["resources"]) == set(PROCESSES)


def test_a_raster_made_from_a_layer_that_left_is_not_served() -> None:
    config = pygeoapi_config(Settings(), Links("https://geo.exemple.fr"), EMPTY, [raster({"reserve": 1})])
    assert set(config["resources"]) == set(PROCESSES)


@pytest.mark.parametrize(
    ("status", "content", "expected", "uri"),
    [
        (404, b'{"code":"NoSuchProcess","description":"Identifier not found"}', 404, NO_PROCESS),
        (404, b'{"code":"NoSuchJob","description":"x"}', 404, NO_JOB),
        (500, b'{"code":"InvalidParameterValue","description":"bad bbox"}', 400, "about:blank"),
        (400, b"<html>", 400, "about:blank"),
        (500, b'{"code":"NoApplicableCode","description":"SELECT secret"}', 500, "about:blank"),
    ],
)
def test_refusals_of_pygeoapi_become_ours(status: int, content: bytes, expected: int, uri: str) -> None:
    problem = refusal(status, content)
    assert (problem.status, problem.type) == (expected, uri)
    assert "SELECT" not in problem.detail
