"""The refusals of processes and jobs, with the URIs that the standard gives them, and pygeoapi's turned into ours."""

import json
import logging

from geoportal.errors import ProblemError, not_found

log = logging.getLogger(__name__)

_EXCEPTIONS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"
NO_PROCESS = f"{_EXCEPTIONS}/no-such-process"
NO_JOB = f"{_EXCEPTIONS}/no-such-job"
NOT_READY = f"{_EXCEPTIONS}/result-not-ready"


def no_process(sentence: str) -> ProblemError:
    """A process that does not exist."""
    return ProblemError(404, "Introuvable", sentence, type=NO_PROCESS)


def no_result(sentence: str, headers: dict[str, str] | None = None) -> ProblemError:
    """A job without a result, or not yet."""
    return ProblemError(404, "Résultat non disponible", sentence, headers=headers or {}, type=NOT_READY)


def refusal(status: int, content: str | bytes) -> ProblemError:
    """The problem that stands for one of pygeoapi's exceptions; its English text stays in the log."""
    try:
        document = json.loads(content)
        code, text = str(document["code"]), str(document["description"])
    except (ValueError, KeyError, TypeError):
        code, text = "", ""
    log.info("refus de pygeoapi : %s %s %s", status, code, text)
    match code:
        case "NoSuchProcess":
            return no_process("Ce traitement n'existe pas.")
        case "NoSuchJob":
            return no_job()
        case "ResultNotReady":
            return no_result("Ce travail n'est pas terminé.")
    if status == 404:
        return not_found("Cette adresse ne correspond à aucune ressource du portail.")
    # It says 500 for some values that it cannot read, with the code of a bad parameter.
    if status < 500 or code in ("InvalidParameterValue", "MissingParameterValue"):
        return ProblemError(400, "Demande refusée", "La demande n'est pas comprise : comparez-la à la description de l'API.")
    log.error("pygeoapi a échoué : %s %s", code, text)
    return ProblemError(500, "Erreur interne", "Le portail n'a pas su répondre ; l'erreur est enregistrée.")


def no_job() -> ProblemError:
    """A job that does not exist, or no longer."""
    sentence = "Ce travail n'existe pas, ou plus : les travaux terminés sont effacés après quelques jours."
    return ProblemError(404, "Introuvable", sentence, type=NO_JOB)
