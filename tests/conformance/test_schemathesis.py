"""Odd requests by the hundred, made from the OpenAPI document: never a 5xx, never SQL or a traceback in a body."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.result import Ok

EXAMPLES = 12
LEAKS = ("Traceback", "psycopg", "SELECT ", "postgresql://", "st_transform(")


def check_operation(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode) -> None:
    """Ask one operation for many odd things, always the same ones."""

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Case[Any]) -> None:
        answer = case.call(timeout=30)
        assert answer.status_code < 500, (answer.status_code, answer.request.url, answer.text[:300])
        if answer.status_code >= 400:
            assert not any(leak in answer.text for leak in LEAKS), answer.text[:300]

    ask()


def test_no_odd_request_makes_the_server_fail(server: str) -> None:
    schema = schemathesis.openapi.from_url(f"{server}/ogc/api")
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) > 30
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            check_operation(operation, mode)
