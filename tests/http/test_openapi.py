"""Schemathesis against our own document: whatever it sends, the answers are those described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.chain import Chain, engine, name_of
from tests.scale import scale
from yilian.gateway.app import build
from yilian.gateway.http import ALL
from yilian.gateway.http.log import routes as log_routes
from yilian.gateway.index import ChainIndex
from yilian.gateway.openapi import operations
from yilian.ledger.modules.consent import messages as consent
from yilian.node.log import CheckpointLog

EXAMPLES = scale(6, 600)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The document of an application in this process, with a few records behind it."""
    folder = tmp_path_factory.mktemp("api")
    running, cast = engine(folder / "chain")
    index = ChainIndex(f"sqlite:///{folder / 'index.db'}", running)
    log = CheckpointLog(running, folder)
    app = build(running, index, routes=log_routes(log))
    alice = cast.actor("alice", cast.hospital)
    running.submit(cast.sign(cast.hospital, Chain.enrol_person("alice", alice.signer.key))).result()
    now = running.now()
    grant = consent.Grant(grant=name_of("g"), terms="A" * 43, starts=now, ends=now + 10**8)
    running.submit(cast.sign(alice, grant)).result()
    yield schemathesis.openapi.from_asgi("/openapi.json", app)
    app.state.door.close()
    log.close()
    index.close()
    running.close()


def _not_promised(case: schemathesis.Case[Any]) -> list[Any]:
    """A schema cannot say which cursor we gave out, nor which signature fits."""
    opaque = "cursor" in (case.query or {}) or case.method == "POST"
    return [positive_data_acceptance] if opaque else []


_NO_LOG: CheckpointLog = None  # type: ignore[assignment]  # Nothing is asked of it.
OPERATIONS = [(each.path, each.method) for each in operations((*ALL, *log_routes(_NO_LOG)))]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda each: each.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation(api: Any, path: str, method: str, mode: GenerationMode) -> None:
    """Statuses, media types, headers and bodies are those of the document; bad input is refused."""
    described = api[path][method]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=described.as_strategy(generation_mode=mode))
    def holds(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(excluded_checks=_not_promised(case))

    try:
        holds()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing to get wrong in what takes nothing
