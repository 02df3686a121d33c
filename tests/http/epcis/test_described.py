"""Schemathesis with a token: whatever it sends, the answers are those of the node's document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from tests.http.epcis.place import Place
from tests.scale import scale
from yilian.gateway.http.epcis import routes
from yilian.gateway.openapi import operations

EXAMPLES = scale(4, 200)
OPERATIONS = sorted({(each.path, each.method) for each in operations(routes(lambda _: None))})
JUDGED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Place]]:
    place = Place(Path(tmp_path_factory.mktemp("described")))
    yield schemathesis.openapi.from_asgi("/openapi.json", place.node.app), place
    place.close()


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda each: each.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation(
    described: tuple[Any, Place], path: str, method: str, mode: GenerationMode
) -> None:
    api, place = described
    token = place.token()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=api[path][method].as_strategy(generation_mode=mode))
    def holds(case: schemathesis.Case[Any]) -> None:
        headers = dict(case.headers or {})
        headers.pop("Yilian-Request", None)
        case.headers = headers
        case.path_parameters = {**(case.path_parameters or {}), "organisation": place.hospital.id}
        answer = case.call(headers={"Authorization": f"Bearer {token}"})
        if answer.status_code == 501:  # the one operation that says it is not there
            return
        case.validate_response(answer, checks=[CHECKS.get_one(name) for name in JUDGED])

    try:
        holds()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing to get wrong in what takes nothing
