"""For those who run a node: is it alive, is it ready, and its counters."""

from __future__ import annotations

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from yilian.gateway import errors, problems
from yilian.gateway.door import Door, door
from yilian.gateway.http import asking
from yilian.gateway.http.answers import Alive, Ready
from yilian.gateway.http.operation import JSON, Answer, answer, operation, routes
from yilian.gateway.metrics import CONTENT_TYPE

MAX_LAG = 10


@operation(
    "GET",
    "/livez",
    tag="operation",
    summary="Tell that the process answers.",
    answers=(Answer(status=200, description="It does.", content={JSON: Alive}),),
)
async def livez(request: Request) -> Response:
    """Answer while the process does."""
    asking.query(request)
    return answer(request, Alive())


@operation(
    "GET",
    "/readyz",
    tag="operation",
    summary="Tell whether the node writes blocks and its index keeps up.",
    answers=(Answer(status=200, description="It is ready.", content={JSON: Ready}),),
    problems=(errors.NOT_READY,),
)
async def readyz(request: Request) -> Response:
    """Answer 200 where requests should come to this node."""
    asking.query(request)
    reasons = await to_thread.run_sync(_reasons, door(request))
    if reasons:
        return problems.respond(request, errors.NOT_READY(), reasons=reasons)
    return answer(request, Ready())


def _reasons(at: Door) -> list[str]:
    reasons = []
    if not at.running():
        reasons.append("engine_stopped")
    if at.engine.height - at.index.height > MAX_LAG:
        reasons.append("index_behind")
    if at.index.fault is not None:
        reasons.append("index_fault")
    return reasons


@operation(
    "GET",
    "/metrics",
    tag="operation",
    summary="Read the node's counters in Prometheus' text format.",
    answers=(Answer(status=200, description="The counters.", content={"text/plain": str}),),
)
def metrics(request: Request) -> Response:
    """Give the counters."""
    asking.query(request)
    return Response(door(request).metrics.text(), 200, None, CONTENT_TYPE)


ROUTES = routes(livez, readyz, metrics)
