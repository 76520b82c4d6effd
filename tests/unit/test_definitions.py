"""The layers that come with the product: complete, documented, and drawn with what their tiles carry."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from config.settings import ROOT
from layers.library import (
    DIRECTORY,
    SCHEMA,
    Definition,
    DefinitionError,
    UnknownDefinitionError,
    find_definition,
    list_definitions,
    load_definition,
    schema_text,
)

FOLDERS = sorted(path.parent for path in DIRECTORY.glob("*/layer.yaml"))
DEFINITIONS = list_definitions()
VALIDATOR = ROOT / "node_modules" / "@maplibre" / "maplibre-gl-style-spec" / "dist" / "gl-style-validate.mjs"

by_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
by_definition = pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.layer.id)


def attributes_read(node: Any) -> set[str]:
    """Names that a MapLibre style reads with ``["get", name]``."""
    if isinstance(node, dict):
        return set().union(*(attributes_read(value) for value in node.values()))
    if isinstance(node, list):
        here = {node[1]} if len(node) == 2 and node[0] == "get" else set()
        return here.union(*(attributes_read(value) for value in node))
    return set()


def test_the_schema_is_up_to_date() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), "lancez layers.library.write_schema()"


def test_every_key_of_the_schema_is_documented() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    models = {"Layer": schema, **schema["$defs"]}
    silent = [
        f"{model}.{key}"
        for model, definition in models.items()
        for key, value in definition.get("properties", {}).items()
        if not value.get("description")
    ]
    assert silent == []


@by_folder
def test_the_yaml_obeys_the_published_schema(folder: Path) -> None:
    document = yaml.safe_load((folder / "layer.yaml").read_text(encoding="utf-8"))
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_the_schema_refuses_an_unknown_key() -> None:
    document = yaml.safe_load((DIRECTORY / "communes" / "layer.yaml").read_text(encoding="utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "licance": "etalab-2.0"}, json.loads(SCHEMA.read_text(encoding="utf-8")))


@by_folder
def test_each_folder_explains_itself(folder: Path) -> None:
    assert (folder / "README.md").read_text(encoding="utf-8").startswith("# ")


@by_definition
def test_a_definition_says_where_its_data_come_from(definition: Definition) -> None:
    layer = definition.layer
    assert layer.licence.code == "etalab-2.0"
    assert layer.source is not None
    assert layer.source.frequency
    assert layer.source.page.startswith("https://")
    assert "Licence Ouverte" in layer.credit


@by_definition
def test_a_style_draws_its_own_layer_with_what_the_tiles_carry(definition: Definition) -> None:
    layer, style, _ = definition
    assert {part["source"] for part in style["layers"]} == {layer.id}
    assert {part["source-layer"] for part in style["layers"]} == {layer.id}
    assert all(part["id"].startswith(f"{layer.id}-") for part in style["layers"])
    carried = {field.name for field in layer.fields if field.tiles}
    assert attributes_read(style["layers"]) <= carried
    assert {layer.key, layer.label} <= carried
    assert style["metadata"]["legende"].endswith(".")


@by_definition
def test_a_style_is_right_for_maplibre(definition: Definition, tmp_path: Path) -> None:
    layer, style, _ = definition
    sources = {layer.id: {"type": "vector", "url": "https://example.org/tiles.json"}}
    document = {"version": 8, "sources": sources, "glyphs": "https://example.org/{fontstack}/{range}", "layers": style["layers"]}
    path = tmp_path / "style.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    done = subprocess.run(["node", str(VALIDATOR), str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_colours_are_those_of_the_charter() -> None:
    """The map uses the slate, salt and estuary tokens only: the warm accent is kept for what the user chooses."""
    charter = {"#16232c", "#2f404a", "#43545e", "#ffffff", "#fbfcfa", "#d7e0df", "#0d5566", "#dceaec"}
    used = {colour for definition in DEFINITIONS for colour in re.findall(r"#[0-9a-f]{6}", json.dumps(definition.style))}
    assert used <= charter


def test_lists_follow_the_position() -> None:
    assert [definition.layer.id for definition in DEFINITIONS][:4] == ["communes", "epci", "cantons", "mairies"]
    assert [definition.position for definition in DEFINITIONS] == sorted(definition.position for definition in DEFINITIONS)


@pytest.mark.parametrize("layer_id", ["commune", "", "../definitions/communes", "communes/", "."])
def test_an_unknown_id_is_refused_with_the_ids_that_exist(layer_id: str) -> None:
    with pytest.raises(UnknownDefinitionError, match="choisissez parmi communes, epci, cantons, mairies"):
        find_definition(layer_id)


@pytest.mark.parametrize(
    ("name", "yaml_text", "style_text"),
    [
        ("communes", "id: [", "{}"),
        ("communes", "id: communes", "{}"),
        ("autre", (DIRECTORY / "communes" / "layer.yaml").read_text(encoding="utf-8"), "{}"),
        ("communes", (DIRECTORY / "communes" / "layer.yaml").read_text(encoding="utf-8"), "{"),
    ],
    ids=["not yaml", "incomplete", "other name", "style not json"],
)
def test_a_wrong_definition_names_its_file(tmp_path: Path, name: str, yaml_text: str, style_text: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "layer.yaml").write_text(yaml_text, encoding="utf-8")
    (folder / "style.json").write_text(style_text, encoding="utf-8")
    with pytest.raises(DefinitionError, match=re.escape(str(folder))):
        load_definition(folder)
