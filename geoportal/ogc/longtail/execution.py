"""An execute request (OGC API Processes, part 1, clause 7.11), read and checked before anything runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from geoportal.errors import ProblemError, bad_parameter
from geoportal.processes.base import Process

MAX_BODY = 1_000_000
_MEMBERS = ("inputs", "outputs", "response")


@dataclass(frozen=True)
class Execution:
    """``outputs`` are the names wanted, in the process's order; ``response`` is « raw » or « document »."""

    inputs: dict[str, Any]
    outputs: tuple[str, ...]
    response: str

    def as_request(self) -> dict[str, Any]:
        """What is stored with a queued job."""
        return {"inputs": self.inputs, "outputs": list(self.outputs), "response": self.response}


def read_execution(process: Process, body: bytes) -> Execution:
    """Read the body of an execution; raises a 400 that names the member at fault."""
    document = _parse(body)
    for name in document:
        if name not in _MEMBERS:
            raise bad_parameter(
                name[:60],
                f"« {name[:60]} » n'est pas accepté dans une demande d'exécution ; membres acceptés : {', '.join(_MEMBERS)}.",
            )
    inputs = document.get("inputs", {})
    if not isinstance(inputs, dict):
        raise bad_parameter("inputs", "« inputs » attend un objet JSON : une valeur par nom d'entrée.")
    outputs = _read_outputs(process, document.get("outputs"))
    response = document.get("response", "raw")
    if response not in ("raw", "document"):
        raise bad_parameter("response", "« response » attend « raw » ou « document ».")
    if response == "raw" and len(outputs) > 1:
        raise bad_parameter("response", "Plusieurs sorties à la fois ne se donnent qu'avec « response » à « document ».")
    return Execution({name: _plain_value(name, value) for name, value in inputs.items()}, outputs, response)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise ProblemError(400, "Demande illisible", "Le corps de la demande n'est pas du JSON valable.") from None
    if not isinstance(document, dict):
        raise ProblemError(400, "Demande illisible", "Le corps de la demande doit être un objet JSON, avec un membre « inputs ».")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _plain_value(name: str, value: Any) -> Any:
    """The value itself, or the one inside the standard's qualified form ``{"value": …}``."""
    if isinstance(value, Mapping):
        if "href" in value:
            raise bad_parameter(name[:60], "Une entrée donnée par adresse (« href ») n'est pas acceptée : donnez la valeur.")
        if "value" in value:
            return value["value"]
    return value


def _read_outputs(process: Process, wanted: Any) -> tuple[str, ...]:
    if wanted is None or wanted == {}:
        return (next(iter(process.outputs)),)
    if not isinstance(wanted, dict):
        raise bad_parameter("outputs", "« outputs » attend un objet JSON dont les noms sont ceux des sorties voulues.")
    for name, options in wanted.items():
        if name not in process.outputs:
            accepted = ", ".join(process.outputs)
            raise bad_parameter("outputs", f"La sortie « {name[:60]} » n'existe pas ; sorties possibles : {accepted}.")
        if not isinstance(options, dict):
            raise bad_parameter("outputs", f"La sortie « {name} » attend un objet JSON, qui peut être vide.")
        if options.get("transmissionMode", "value") != "value":
            raise bad_parameter(
                "outputs", f"La sortie « {name} » n'est transmise que par valeur (« transmissionMode » à « value »)."
            )
    return tuple(name for name in process.outputs if name in wanted)


def wants_async(prefer: str) -> bool:
    """Whether a Prefer header (RFC 7240) asks not to wait for the result; what it says besides is ignored."""
    preferences = [part.split(";")[0].strip().lower() for part in prefer.split(",")]
    return "respond-async" in preferences
