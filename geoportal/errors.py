"""One exception → status table, one problem+json shape (RFC 9457)."""

import json
import logging
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response

from geoportal.links import PROBLEM
from layers.catalog import UnknownEditionError, UnknownLayerError

log = logging.getLogger(__name__)


@dataclass
class ProblemError(Exception):
    """An answer that is not the one asked for: a status, a sentence in French, the parameter at fault."""

    status: int
    title: str
    detail: str
    parameter: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    type: str = "about:blank"  # the URI that a standard gives to this kind of error, when it gives one

    def __str__(self) -> str:
        return self.detail

    def document(self) -> dict[str, Any]:
        """The problem as RFC 9457 writes it."""
        body = {"type": self.type, "title": self.title, "status": self.status, "detail": self.detail}
        return {**body, "parameter": self.parameter} if self.parameter else body


def bad_parameter(name: str, detail: str) -> ProblemError:
    """A 400 that names the parameter and says what is accepted."""
    return ProblemError(400, "Paramètre refusé", detail, parameter=name)


def not_found(detail: str) -> ProblemError:
    return ProblemError(404, "Introuvable", detail)


_HTTP_TITLES = {
    404: "Introuvable",
    405: "Méthode refusée",
    413: "Demande trop volumineuse",
    415: "Format d'envoi refusé",
}
_HTTP_DETAILS = {
    404: "Cette adresse ne correspond à aucune ressource du portail.",
    405: "Cette ressource ne se lit pas avec cette méthode.",
}


STARTING = ProblemError(
    503,
    "Service en cours de démarrage",
    "Le portail lit son catalogue : réessayez dans un instant.",
    headers={"Retry-After": "2"},
)


def to_problem(error: Exception) -> ProblemError:
    """Translate any exception into the problem that the client receives; the cause stays in the log."""
    match error:
        case ProblemError():
            return error
        case UnknownLayerError() | UnknownEditionError():
            return not_found(str(error))
        case HTTPException(status_code=status):
            headers = dict(error.headers or {})
            return ProblemError(
                status,
                _HTTP_TITLES.get(status, "Demande refusée"),
                _HTTP_DETAILS.get(status, str(error.detail)),
                headers=headers,
            )
        case psycopg.errors.QueryCanceled():
            return ProblemError(
                503,
                "Demande trop longue",
                "La réponse demande trop de calcul : réduisez la zone ou le filtre.",
                headers={"Retry-After": "5"},
            )
        case psycopg.errors.DataError():
            # A value that reached PostgreSQL and that it cannot read (a date out of range, an impossible geometry).
            log.info("valeur refusée par la base : %s", type(error).__name__)
            return ProblemError(
                400,
                "Valeur refusée",
                "Une valeur de la demande n'est pas acceptée : vérifiez les dates, nombres et géométries.",
            )
        case psycopg.errors.InternalError_(sqlstate="XX000"):
            # PostGIS and PROJ report so what they cannot compute: a geometry that the projection cannot reach, say.
            log.warning("calcul refusé par PostGIS : %s", error)
            return ProblemError(
                400, "Valeur refusée", "Une géométrie de la demande ne se calcule pas : vérifiez ses coordonnées et leur système."
            )
        case psycopg.OperationalError() | PoolTimeout():
            log.error("base injoignable : %s", error)
            return ProblemError(
                503,
                "Service momentanément indisponible",
                "La base de données ne répond pas : réessayez dans un instant.",
                headers={"Retry-After": "5"},
            )
        case _:
            log.exception("erreur imprévue", exc_info=error)
            return ProblemError(500, "Erreur interne", "Le portail n'a pas su répondre ; l'erreur est enregistrée.")


def problem_response(problem: ProblemError) -> Response:
    return Response(json.dumps(problem.document(), ensure_ascii=False), problem.status, problem.headers, media_type=PROBLEM)
