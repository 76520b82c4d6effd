"""How the parts write their operations in the OpenAPI document."""

from collections.abc import Sequence

from geoportal.links import HTML as HTML_TYPE
from geoportal.links import JSON as JSON_TYPE
from geoportal.ogc.part import Json

PROBLEMS: Json = {
    "304": {"description": "La version que vous avez est encore la bonne."},
    "400": {"$ref": "#/components/responses/BadRequest"},
    "404": {"$ref": "#/components/responses/NotFound"},
    "406": {"$ref": "#/components/responses/NotAcceptable"},
    "503": {"$ref": "#/components/responses/Unavailable"},
}


def reference(name: str) -> Json:
    """A reference to a shared parameter."""
    return {"$ref": f"#/components/parameters/{name}"}


def parameter(name: str, description: str, schema: Json, *, where: str = "query", **more: object) -> Json:
    """A parameter; one of the path is required."""
    return {"name": name, "in": where, "description": description, "schema": schema, "required": where == "path", **more}


def list_parameter(name: str, description: str, values: list[str]) -> Json:
    """A parameter that takes some of ``values``, separated by commas."""
    schema = {"type": "array", "items": {"type": "string", "enum": values}, "minItems": 1}
    return parameter(name, description, schema, style="form", explode=False)


def choice(values: list[str], default: str) -> Json:
    return {"type": "string", "enum": values, "default": default}


def operation(name: str, summary: str, tag: str, parameters: Sequence[str | Json], *types: str) -> Json:
    """A path with its GET: ``parameters`` are names of shared ones or whole, ``types`` the media types besides HTML."""
    content: Json = {media: {"schema": {"type": "object" if "json" in media else "string"}} for media in types or (JSON_TYPE,)}
    content[HTML_TYPE] = {"schema": {"type": "string"}}
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "tags": [tag],
            "parameters": [reference(one) if isinstance(one, str) else one for one in parameters],
            "responses": {"200": {"description": summary, "content": content}, **PROBLEMS},
        }
    }
