"""The one door for writing: transactions in, what became of them out."""

from __future__ import annotations

import re
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from yilian.gateway import errors, problems
from yilian.gateway.audit import noting_transaction
from yilian.gateway.body import read_body, require_media_type
from yilian.gateway.door import Door, door
from yilian.gateway.http import asking
from yilian.gateway.http.answers import Committed, Pending, Transaction
from yilian.gateway.http.operation import JSON, Answer, Parameter, answer, operation, routes
from yilian.ledger import errors as law
from yilian.ledger.errors import OK, Refusal, by_number
from yilian.ledger.keys import sha256
from yilian.ledger.transaction import MAX_BYTES
from yilian.node.engine import NotYet
from yilian.node.history import Outcome

DEFAULT_WAIT = 10
MAX_WAIT = 30
RECEIPT_SECONDS = 5.0
_INDEX_SECONDS = 2.0
_HASH = re.compile("[0-9a-f]{64}")

_HASH_PARAMETER = Parameter(
    name="hash",
    where="path",
    schema={"type": "string", "pattern": "^[0-9a-f]{64}$"},
    description="The SHA-256 of the transaction's bytes, in hex.",
    required=True,
)
_ANSWERS = (
    Answer(status=200, description="Committed and visible.", content={JSON: Committed}),
    Answer(status=202, description="Waiting for a block.", content={JSON: Pending}),
)
_REFUSALS = tuple(each for each in law.every() if each.number < 9000)


@operation(
    "POST",
    "/v1/transactions",
    tag="transactions",
    summary="Hand in a signed transaction; the same bytes again give the same answer.",
    parameters=(
        Parameter(
            name="Prefer",
            where="header",
            schema={"type": "string", "pattern": "^wait(=[0-9]{1,2})?$"},
            description="`wait` or `wait=N` (seconds, at most 30): answer once it is visible.",
        ),
    ),
    body=Transaction,
    answers=_ANSWERS,
    problems=(
        *_REFUSALS,
        errors.BODY_TOO_LARGE,
        errors.UNSUPPORTED_MEDIA_TYPE,
        errors.REQUEST_TIMEOUT,
        errors.ENGINE_STOPPED,
    ),
)
async def submit(request: Request) -> Response:
    """Hand in a transaction."""
    asking.query(request)
    asking.require_acceptable(request, JSON)
    require_media_type(request, JSON)
    seconds = _wait_wanted(request)
    raw = await read_body(request, MAX_BYTES)
    at = door(request)
    noting_transaction(raw, proved=False)
    committing = await at.submissions.hand_in(raw)
    noting_transaction(raw, proved=True)
    if not committing.done() and seconds is None:
        return _pending(request, sha256(raw).hex())
    outcome = await at.submissions.visible(
        committing, _INDEX_SECONDS if seconds is None else seconds
    )
    if outcome is None:
        return _pending(request, sha256(raw).hex())
    return _outcome(request, outcome)


def _wait_wanted(request: Request) -> float | None:
    """Read `Prefer` (RFC 7240): the seconds to wait, or None; other preferences are passed over."""
    for item in ",".join(request.headers.getlist("prefer"))[:1024].split(","):
        name, equals, value = item.strip().partition(";")[0].partition("=")
        if name.strip().lower() != "wait":
            continue
        if not equals:
            return DEFAULT_WAIT
        return min(MAX_WAIT, asking.whole(value.strip().strip('"'), "Prefer"))
    return None


def _pending(request: Request, name: str) -> Response:
    headers = {"Location": f"/v1/transactions/{name}"}
    return answer(request, Pending(hash=name), 202, headers)


def _outcome(request: Request, outcome: Outcome) -> Response:
    if outcome.code != OK:
        refusal = Refusal(by_number(outcome.code), outcome.parameters)
        return problems.respond(
            request, refusal, hash=outcome.hash, height=outcome.height, index=outcome.index
        )
    return answer(
        request,
        Committed(
            hash=outcome.hash,
            height=outcome.height,
            index=outcome.index,
            time=outcome.time,
            events=outcome.events,
        ),
    )


@operation(
    "GET",
    "/v1/transactions/{hash}",
    tag="transactions",
    summary="Read what became of a transaction.",
    parameters=(_HASH_PARAMETER,),
    answers=_ANSWERS,
    problems=(errors.NOT_FOUND, *_REFUSALS),
)
def read_transaction(request: Request) -> Response:
    """Read a transaction's outcome."""
    asking.query(request)
    name = _hash(request)
    at = door(request)
    if at.submissions.pending(name) is not None:
        return answer(request, Pending(hash=name.hex()), 202)
    place = at.engine.store.where(name)
    if place is None:
        raise errors.NOT_FOUND()
    if not at.index.wait(place[0], _INDEX_SECONDS):
        return answer(request, Pending(hash=name.hex()), 202)
    return _outcome(request, _indexed(at, place))


def _indexed(at: Door, place: tuple[int, int]) -> Outcome:
    """Read an outcome from the index, which need not read the whole block for it."""
    found = at.index.read.transaction(*place)
    if found is None:
        raise NotYet(place[0])
    events: list[Any] = list(at.index.read.events_of(*place))
    return Outcome(
        hash=found.hash,
        height=found.height,
        index=found.position,
        time=found.time,
        code=found.code,
        parameters=found.parameters,
        events=events,
    )


@operation(
    "GET",
    "/v1/transactions/{hash}/receipt",
    tag="transactions",
    summary="Take the receipt of a transaction, to be verified offline.",
    parameters=(_HASH_PARAMETER,),
    answers=(Answer(status=200, description="The receipt.", content={JSON: dict[str, Any]}),),
    problems=(
        errors.NOT_FOUND,
        errors.HEIGHT_NOT_KEPT,
        errors.NOT_YET,
        errors.ENGINE_STOPPED,
    ),
)
async def read_receipt(request: Request) -> Response:
    """Read a transaction's receipt; waits for the block that closes it."""
    asking.query(request)
    name = _hash(request)
    at = door(request)
    found = await to_thread.run_sync(
        lambda: at.engine.receipt(name, RECEIPT_SECONDS), limiter=at.proofs
    )
    if found is None:
        if at.submissions.pending(name) is not None:
            raise errors.NOT_YET()
        raise errors.NOT_FOUND()
    return answer(request, found)


def _hash(request: Request) -> bytes:
    text = request.path_params["hash"]
    if not _HASH.fullmatch(text):
        raise errors.BAD_PARAMETER(name="hash")
    return bytes.fromhex(text)


ROUTES = routes(submit, read_receipt, read_transaction)
