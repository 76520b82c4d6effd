"""The layers that come with the product: ``layers/definitions/<id>/`` with ``layer.yaml``, ``style.json`` and a README."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from layers.model import Layer

DIRECTORY = Path(__file__).resolve().parent / "definitions"
SCHEMA = Path(__file__).resolve().parent / "layer.schema.json"


class DefinitionError(ValueError):
    """A definition cannot be used; the sentence names the file and what is wrong."""


class UnknownDefinitionError(LookupError):
    """The product has no layer of this id."""

    def __init__(self, layer_id: str) -> None:
        known = ", ".join(definition.layer.id for definition in list_definitions())
        super().__init__(f"La couche « {layer_id} » n'est pas fournie : choisissez parmi {known}.")


class Definition(NamedTuple):
    """A layer, its MapLibre style fragment (``layers`` and ``metadata``) and its rank in lists."""

    layer: Layer
    style: dict[str, Any]
    position: int


def load_definition(folder: Path) -> Definition:
    """Read and check one folder. Raises DefinitionError."""
    path = folder / "layer.yaml"
    try:
        layer = Layer.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        path = folder / "style.json"
        style: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, ValidationError, json.JSONDecodeError) as error:
        raise DefinitionError(f"{path} ne peut pas être lu : {error}") from error
    if layer.id != folder.name:
        raise DefinitionError(f"{folder / 'layer.yaml'} nomme la couche « {layer.id} » : le dossier doit porter ce nom.")
    return Definition(layer, style, layer.position)


def list_definitions(directory: Path = DIRECTORY) -> list[Definition]:
    """Every definition, in the order of the lists."""
    found = (load_definition(path.parent) for path in sorted(directory.glob("*/layer.yaml")))
    return sorted(found, key=lambda definition: (definition.position, definition.layer.id))


def find_definition(layer_id: str) -> Definition:
    """The definition of this id. Raises UnknownDefinitionError, DefinitionError."""
    # Compared with names that exist, never joined to a path: the id comes from outside.
    for path in DIRECTORY.glob("*/layer.yaml"):
        if path.parent.name == layer_id:
            return load_definition(path.parent)
    raise UnknownDefinitionError(layer_id)


def schema_text() -> str:
    """The JSON Schema of ``layer.yaml``, as kept in ``layers/layer.schema.json``."""
    schema = Layer.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    # A licence may be written as its code alone.
    licence = schema["properties"]["licence"]
    reference = licence.pop("$ref")
    code = schema["$defs"]["Licence"]["properties"]["code"]["enum"]
    schema["properties"]["licence"] = {**licence, "anyOf": [{"$ref": reference}, {"type": "string", "enum": code}]}
    return json.dumps(schema, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def write_schema() -> None:
    """Renew ``layers/layer.schema.json`` (``python -c "from layers.library import write_schema; write_schema()"``)."""
    SCHEMA.write_text(schema_text(), encoding="utf-8")
