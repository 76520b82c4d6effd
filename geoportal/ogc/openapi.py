"""The OpenAPI 3.0 document: what the parts declare, put together."""

from collections.abc import Sequence
from typing import Any

from geoportal.context import Portal
from geoportal.ogc.part import Json, OpenApiFragment

_PROBLEM_SCHEMA: Json = {
    "type": "object",
    "description": "Erreur (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "Nature de l'erreur."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "Ce qui ne va pas, et que faire."},
        "parameter": {"type": "string", "description": "Le paramètre en cause."},
    },
}


def _problem(description: str) -> Json:
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        "description": description,
        "content": {"application/problem+json": schema, "text/html": {"schema": {"type": "string"}}},
    }


_RESPONSES: Json = {
    "BadRequest": _problem("Un paramètre est inconnu ou mal rempli : son nom est dans la réponse."),
    "NotFound": _problem("La ressource n'existe pas."),
    "NotAcceptable": _problem("Aucun des formats demandés n'est proposé."),
    "Unavailable": _problem("Le service ne peut pas répondre pour l'instant, ou la demande exige trop de calcul."),
}

_F: Json = {
    "name": "f",
    "in": "query",
    "description": "Format.",
    "schema": {"type": "string", "enum": ["json", "html"], "default": "json"},
}


def _own_path(operation: str, summary: str, media: str = "application/json") -> Json:
    content = {media: {"schema": {"type": "object"}}, "text/html": {"schema": {"type": "string"}}}
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "tags": ["Portail"],
            "parameters": [_F],
            "responses": {
                "200": {"description": summary, "content": content},
                "304": {"description": "La version que vous avez est encore la bonne."},
                "400": {"$ref": "#/components/responses/BadRequest"},
                "406": {"$ref": "#/components/responses/NotAcceptable"},
            },
        }
    }


_COLLECTION_ID: Json = {
    "name": "collectionId",
    "in": "path",
    "required": True,
    "description": "Identifiant de la couche.",
    "schema": {"type": "string"},
}
_COLLECTION_PATH = _own_path("collection", "Une couche")
_COLLECTION_PATH["get"]["parameters"] = [{"$ref": "#/components/parameters/collectionId"}, _F]
_COLLECTION_PATH["get"]["responses"]["404"] = {"$ref": "#/components/responses/NotFound"}

OWN_PATHS = OpenApiFragment(
    paths={
        "/": _own_path("landing", "Page d'entrée de l'API"),
        "/conformance": _own_path("conformance", "Normes respectées"),
        "/api": _own_path("api", "Ce document", "application/vnd.oai.openapi+json;version=3.0"),
        "/collections": _own_path("collections", "Les couches"),
        "/collections/{collectionId}": _COLLECTION_PATH,
    },
    parameters={"collectionId": _COLLECTION_ID},
    schemas={"Problem": _PROBLEM_SCHEMA},
    responses=_RESPONSES,
    tags=({"name": "Portail", "description": "Ce que l'API propose et où le trouver."},),
)


def openapi_document(portal: Portal, fragments: Sequence[OpenApiFragment]) -> Json:
    """Merge the fragments; the first to declare a path or a component wins."""
    settings = portal.settings
    merged: dict[str, Any] = {"paths": {}, "parameters": {}, "schemas": {}, "responses": {}}
    tags: dict[str, Json] = {}
    for fragment in fragments:
        for kind, target in merged.items():
            for name, value in getattr(fragment, kind).items():
                target.setdefault(name, value)
        for tag in fragment.tags:
            tags.setdefault(tag["name"], tag)
    contact = {
        name: value for name, value in (("name", settings.portal["editeur"]), ("email", settings.portal["courriel"])) if value
    }
    return {
        "openapi": "3.0.3",
        "info": {
            "title": f"{settings.portal['titre']} : {settings.territory_info.name}",
            "description": "Toutes les couches du portail, selon les normes OGC API. Les réponses sont en GeoJSON, "
            "CSV, FlatGeobuf et tuiles vectorielles ; l'accès est libre et sans clé.",
            "version": "1.0.0",
            "contact": contact,
            "license": {"name": "Chaque couche porte sa licence", "url": portal.links.ogc("collections") + "?f=html"},
        },
        "servers": [{"url": f"{portal.links.root}/ogc"}],
        "tags": list(tags.values()),
        "paths": merged["paths"],
        "components": {kind: merged[kind] for kind in ("parameters", "schemas", "responses")},
    }
