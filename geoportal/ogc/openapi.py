"""The OpenAPI 3.0 document: what the parts declare, put together."""

from collections.abc import Sequence
from typing import Any

from geoportal.context import Portal
from geoportal.links import OPENAPI
from geoportal.ogc.operations import operation, parameter
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

_TAG = "Portail"


OWN_PATHS = OpenApiFragment(
    paths={
        "/": operation("landing", "Page d'entrée de l'API", _TAG, ["f"]),
        "/conformance": operation("conformance", "Normes respectées", _TAG, ["f"]),
        "/api": operation("api", "Ce document", _TAG, ["f"], OPENAPI),
        "/collections": operation("collections", "Les couches", _TAG, ["f"]),
        "/collections/{collectionId}": operation("collection", "Une couche", _TAG, ["collectionId", "f"]),
    },
    parameters={"collectionId": parameter("collectionId", "Identifiant de la couche.", {"type": "string"}, where="path")},
    schemas={"Problem": _PROBLEM_SCHEMA},
    responses=_RESPONSES,
    tags=({"name": _TAG, "description": "Ce que l'API propose et où le trouver."},),
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
