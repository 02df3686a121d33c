"""Calling packs back, widening that, and ending it: what the organisation says on the chain.

The organisation itself and its agents; its agent signs. Whether it may is the law's to say: the
product's owner, or a regulator (`supply.IssueRecall`). Who only works there looks and confirms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.errors import FORBIDDEN, NOT_FOUND
from yilian.gateway.http.asking import require_id
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import COMMON, OPERATORS, Rooms, answers, body
from yilian.gateway.http.organisation.supply import ROOM
from yilian.gateway.http.organisation.supply_recalls import RECALL
from yilian.gateway.organisation import Organisation
from yilian.ledger.codec import Id, Millis, Whole
from yilian.ledger.errors import MALFORMED
from yilian.ledger.module import Message
from yilian.ledger.modules.supply import errors as law
from yilian.ledger.modules.supply.messages import (
    MAX_LOTS,
    MAX_SERIALS,
    EndRecall,
    ExtendRecall,
    Grade,
    IssueRecall,
    Reason,
)
from yilian.ledger.modules.supply.numbers import Gtin, Lot, serial_digest
from yilian.ledger.modules.supply.state import RECALLS

Lots = Annotated[tuple[Lot, ...], msgspec.Meta(max_length=MAX_LOTS)]
Serials = Annotated[tuple[Lot, ...], msgspec.Meta(max_length=MAX_SERIALS)]
"""Serial numbers as they are printed: the characters and length of a lot (GS1 AI 21)."""


class RecallRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Call packs of a product back: those of `lots`, those of `serials`, or `every` one.

    `recall` is drawn by whoever asks, so that it is issued once. `every` has to be said: a list
    that was forgotten is no recall of all. Without `ends` (ms) it stands until it is ended.
    """

    recall: Id
    gtin: Gtin
    grade: Grade
    reason: Reason
    lots: Lots = ()
    serials: Serials = ()
    every: bool = False
    ends: Millis | None = None


class WiderRecallRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Call more packs back by a recall that stands, or have it end later."""

    lots: Lots = ()
    serials: Serials = ()
    ends: Millis | None = None


class RecallOnChain(msgspec.Struct, frozen=True, kw_only=True):
    """From which height on it holds, and by which transaction."""

    recall: Id
    transaction: str
    height: Whole


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_issue(rooms), _extend(rooms), _end(rooms))


async def _written(
    request: Request, organisation: Organisation, recall: str, message: Message
) -> Response:
    outcome = await to_thread.run_sync(organisation.write, message)
    made = RecallOnChain(recall=recall, transaction=outcome.hash, height=outcome.height)
    return answer(request, made)


def _digests(gtin: str, serials: Sequence[str]) -> list[str]:
    return sorted({serial_digest(gtin, each) for each in serials})


def _issue(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        ROOM + "/recalls",
        tag="organisations",
        summary="Call packs of a product back, as its owner or as a regulator",
        parameters=COMMON,
        body=RecallRequest,
        answers=answers(RecallOnChain, "It holds from this height on, at every member."),
        problems=(
            MALFORMED,
            FORBIDDEN,
            NOT_FOUND,
            law.ID_TAKEN,
            law.BAD_CHECK_DIGIT,
            law.UNKNOWN_PRODUCT,
            law.NOT_YOUR_PRODUCT,
            law.BAD_PERIOD,
            law.TOO_MANY_RECALLS,
        ),
    )
    async def issue(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        asked = await body(request, RecallRequest)
        if asked.every == bool(asked.lots or asked.serials):
            raise MALFORMED()
        message = IssueRecall(
            recall=asked.recall,
            gtin=asked.gtin,
            grade=asked.grade,
            reason=asked.reason,
            lots=sorted(set(asked.lots)),
            serials=_digests(asked.gtin, asked.serials),
            ends=asked.ends,
        )
        return await _written(request, organisation, asked.recall, message)

    return issue


def _extend(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        ROOM + "/recalls/{recall}/extend",
        tag="organisations",
        summary="Call more packs back by a recall that stands, or have it end later",
        parameters=(*COMMON, RECALL),
        body=WiderRecallRequest,
        answers=answers(RecallOnChain, "It is wider from this height on."),
        problems=(
            MALFORMED,
            FORBIDDEN,
            NOT_FOUND,
            law.UNKNOWN_RECALL,
            law.NOT_YOUR_RECALL,
            law.RECALL_ENDED,
            law.BAD_LIST,
            law.NOTHING_TO_EXTEND,
            law.RECALL_TOO_LONG,
            law.BAD_PERIOD,
        ),
    )
    async def extend(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        name = require_id(request.path_params["recall"], "recall")
        asked = await body(request, WiderRecallRequest)
        stands = RECALLS.get(organisation.engine.state(), name)
        if stands is None:
            raise law.UNKNOWN_RECALL(id=name)
        message = ExtendRecall(
            recall=name,
            lots=sorted(set(asked.lots)),
            serials=_digests(stands.gtin, asked.serials),
            ends=asked.ends,
        )
        return await _written(request, organisation, name, message)

    return extend


def _end(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        ROOM + "/recalls/{recall}/end",
        tag="organisations",
        summary="End a recall, as who issued it or as a regulator",
        parameters=(*COMMON, RECALL),
        answers=answers(RecallOnChain, "It is over from this height on."),
        problems=(
            FORBIDDEN,
            NOT_FOUND,
            law.UNKNOWN_RECALL,
            law.NOT_YOUR_RECALL,
            law.RECALL_ENDED,
        ),
    )
    async def end(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        name = require_id(request.path_params["recall"], "recall")
        return await _written(request, organisation, name, EndRecall(recall=name))

    return end
