"""Bulk files of a whole layer."""

import json
from pathlib import Path

import httpx
import pandas
import pyogrio
import pytest


@pytest.mark.parametrize("extension", ["geojson", "fgb", "geojsonl", "csv"])
def test_gdal_reads_the_whole_layer(server: str, tmp_path: Path, extension: str) -> None:
    answer = httpx.get(f"{server}/telechargements/communes/latest/communes.{extension}", timeout=60)
    assert answer.status_code == 200
    path = tmp_path / f"communes.{extension}"
    path.write_bytes(answer.content)
    info = pyogrio.read_info(path, force_feature_count=True)
    assert info["features"] == 207
    assert "nom" in list(info["fields"])


def test_flatgeobuf_keeps_every_value(server: str, tmp_path: Path) -> None:
    """Types and nulls, against the GeoJSON of the same edition."""
    path = tmp_path / "mairies.fgb"
    path.write_bytes(httpx.get(f"{server}/telechargements/mairies/latest/mairies.fgb", timeout=60).content)
    frame = pyogrio.read_dataframe(path).set_index("code_insee").sort_index()
    features = httpx.get(f"{server}/telechargements/mairies/latest/mairies.geojson", timeout=60).json()["features"]
    assert len(frame) == len(features)
    for feature in features:
        row = frame.loc[feature["id"]]
        for name, value in feature["properties"].items():
            if name == "code_insee" or isinstance(value, dict | list):
                continue
            assert (pandas.isna(row[name]) and value is None) or row[name] == value, (feature["id"], name)
        assert list(row.geometry.coords[0]) == pytest.approx(feature["geometry"]["coordinates"], abs=1e-6)


@pytest.mark.parametrize("extension", ["geojson", "fgb"])
def test_files_carry_their_crs(server: str, tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"mairies.{extension}"
    path.write_bytes(httpx.get(f"{server}/telechargements/mairies/latest/mairies.{extension}?crs=EPSG:2154", timeout=60).content)
    info = pyogrio.read_info(path, force_total_bounds=True)
    assert info["crs"] == "EPSG:2154"
    assert 270_000 < info["total_bounds"][0] < info["total_bounds"][2] < 420_000


def test_the_file_says_its_edition_and_licence(server: str) -> None:
    document = json.loads(httpx.get(f"{server}/telechargements/epci/1/epci.geojson", timeout=60).text)
    assert document["edition"] == 1
    assert document["licence"] == "Licence Ouverte 2.0"
    assert document["attribution"]


def test_a_file_is_asked_for_again_only_when_it_changed(server: str) -> None:
    for edition in ("1", "latest"):
        href = f"{server}/telechargements/epci/{edition}/epci.geojson"
        first = httpx.head(href)
        assert "must-revalidate" in first.headers["cache-control"]
        assert httpx.get(href, headers={"If-None-Match": first.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    "path", ["epci/9/epci.geojson", "epci/latest/epci.doc", "epci/latest/communes.csv", "rien/latest/rien.csv"]
)
def test_unknown_files_are_404(server: str, path: str) -> None:
    assert httpx.get(f"{server}/telechargements/{path}").status_code == 404


def test_a_bad_edition_is_a_400(server: str) -> None:
    answer = httpx.get(f"{server}/telechargements/epci/demain/epci.csv")
    assert answer.status_code == 400
    assert answer.json()["parameter"] == "edition"
