"""Questions for access: prepared, brought to the holder, shown to the person who is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.audit import noting
from yilian.gateway.errors import FORBIDDEN
from yilian.gateway.http.asking import query, require_id
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    DAY_MS,
    OPERATORS,
    STAFF,
    Rooms,
    answers,
    body,
    path_id,
)
from yilian.gateway.practice.asks import ASK_ANSWERED, ASK_NOT_ON_CHAIN, Asked, Asking
from yilian.ledger.codec import Digest, Id, Millis, Name
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.consent.errors import ASK_ENDED
from yilian.vault.asks import ASK_DIFFERS, ASK_UNKNOWN, AskTerms, ByCard, ByNumber, Names, Text
from yilian.vault.envelope import new_id


class AskRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Ask a person at another organisation, named by a number or by a card, to let the caller read.

    `reason` is a code; `days` is how long the grant should last, `waits` (days) how long the
    question stays open.
    """

    holder: Id
    system: Text | None = None
    number: Text | None = None
    card: Text | None = None
    categories: Names
    purposes: Names = ("treat",)
    reason: Name
    days: Annotated[int, msgspec.Meta(ge=1, le=3660)] = 30
    waits: Annotated[int, msgspec.Meta(ge=1, le=89)] = 14


class PreparedAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller signs as `consent.Ask` before the question is delivered."""

    ask: Id
    terms: Digest
    ends: Millis


class DeliveredAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the holder was reached; never whether it knows the person."""

    ask: Id
    delivered: bool


Status = Literal["waiting", "answered", "refused", "withdrawn", "ended"]


class ReceivedAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A question that a person was asked; `answer` is the grant that answers it.

    `refused` is when the person refused (ms); `words` are theirs, and shown to nobody else but who
    acts for them.
    """

    ask: Id
    status: Status
    asker: Id
    organisation: Id
    categories: tuple[Name, ...]
    purposes: tuple[Name, ...]
    reason: Name
    days: int
    ends: Millis
    answer: Id | None
    refused: Millis | None
    words: str


class PersonAsks(msgspec.Struct, frozen=True, kw_only=True):
    """All questions that a person was asked here."""

    person: Id
    asks: tuple[ReceivedAsk, ...]


class RefusalRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Refuse a question. `words` say why, for the person's own memory; they go nowhere."""

    words: Annotated[str, msgspec.Meta(max_length=500)] = ""

    def __repr__(self) -> str:
        return "<RefusalRequest>"


class RefusedAsk(msgspec.Struct, frozen=True, kw_only=True):
    """When the person refused (ms); the first time, where it was refused before."""

    ask: Id
    refused: Millis


class SentAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A question of the caller, with the number or card that they named the person by.

    It is not told which grant answers it: a grant names no question.
    """

    ask: Id
    status: Status
    holder: Id
    system: str | None
    number: str | None
    card: str | None
    categories: tuple[Name, ...]
    purposes: tuple[Name, ...]
    reason: Name
    days: int
    ends: Millis
    refused: Millis | None


class SentAsks(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller asked, at most 100."""

    asks: tuple[SentAsk, ...]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_ask(rooms), _deliver(rooms), _sent(rooms), _asked(rooms), _refuse(rooms))


def _ask(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/asks",
        tag="organisations",
        summary="Prepare a question to a person at another organisation, to be put on the chain",
        parameters=COMMON,
        body=AskRequest,
        answers=answers(PreparedAsk, "Sign these as consent.Ask, then deliver the question."),
        problems=(MALFORMED, FORBIDDEN),
    )
    async def ask(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *STAFF)
        asked = await body(request, AskRequest)
        terms = AskTerms(
            ask=new_id(),
            asker=caller.sender,
            organisation=organisation.id,
            holder=asked.holder,
            whom=_whom(asked),
            categories=tuple(sorted(set(asked.categories))),
            purposes=tuple(sorted(set(asked.purposes))),
            reason=asked.reason,
            days=asked.days,
            ends=organisation.engine.now() + asked.waits * DAY_MS,
        )
        kept = await to_thread.run_sync(Asking(organisation).prepare, terms)
        return answer(request, PreparedAsk(ask=terms.ask, terms=kept.commitment, ends=terms.ends))

    return ask


def _whom(asked: AskRequest) -> ByNumber | ByCard:
    if asked.card is not None and asked.system is None and asked.number is None:
        return ByCard(card=asked.card)
    if asked.card is None and asked.system is not None and asked.number is not None:
        return ByNumber(system=asked.system, number=asked.number)
    raise MALFORMED()


def _deliver(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/asks/{ask}/deliver",
        tag="organisations",
        summary="Bring a question to the holder, once the chain has it",
        parameters=(*COMMON, path_id("ask", "The question's id.")),
        answers=answers(DeliveredAsk, "The same whether the holder knows the person or not."),
        problems=(ASK_UNKNOWN, ASK_NOT_ON_CHAIN, ASK_ENDED, ASK_DIFFERS, FORBIDDEN),
    )
    async def deliver(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *STAFF)
        ask = require_id(request.path_params["ask"], "ask")
        delivered = await to_thread.run_sync(Asking(organisation).deliver, ask, caller.sender)
        return answer(request, DeliveredAsk(ask=ask, delivered=delivered))

    return deliver


def _sent(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/asks",
        tag="organisations",
        summary="List the questions that the caller asked, and which were refused",
        parameters=COMMON,
        answers=answers(SentAsks, "The questions, the one that ends last first."),
        problems=(FORBIDDEN,),
    )
    async def sent(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *STAFF)
        query(request)
        found = await to_thread.run_sync(Asking(organisation).of_asker, caller.sender)
        return answer(request, SentAsks(asks=tuple(map(_sent_as, found))))

    return sent


def _sent_as(asked: Asked) -> SentAsk:
    terms = asked.kept.terms
    card = terms.whom.card if isinstance(terms.whom, ByCard) else None
    number = terms.whom if isinstance(terms.whom, ByNumber) else None
    return SentAsk(
        ask=terms.ask,
        status=asked.status,
        holder=terms.holder,
        system=None if number is None else number.system,
        number=None if number is None else number.number,
        card=card,
        categories=terms.categories,
        purposes=terms.purposes,
        reason=terms.reason,
        days=terms.days,
        ends=terms.ends,
        refused=asked.kept.refused,
    )


def _asked(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/asks",
        tag="organisations",
        summary="List the questions for access that a person was asked",
        parameters=(*COMMON, path_id("person", "The person's id here.")),
        answers=answers(PersonAsks, "The questions, the one that ends last first."),
        problems=(FORBIDDEN,),
    )
    async def asked(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, caller = await rooms.enter_for(
            request, person, *OPERATORS, power=("grant", "read")
        )
        noting(subjects=(person,))
        found = await to_thread.run_sync(Asking(organisation).of_person, person)
        own = caller.subject.kind == "person"
        shown = tuple(_shown(each, with_words=own) for each in found)
        return answer(request, PersonAsks(person=person, asks=shown))

    return asked


def _refuse(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/persons/{person}/asks/{ask}/refusal",
        tag="organisations",
        summary="Refuse a question for access: the person, or a custodian who may grant",
        parameters=(
            *COMMON,
            path_id("person", "The person's id here."),
            path_id("ask", "The question's id."),
        ),
        body=RefusalRequest,
        answers=answers(RefusedAsk, "Who asked is told that, and when. Again is fine."),
        problems=(MALFORMED, ASK_UNKNOWN, ASK_ANSWERED, ASK_ENDED, FORBIDDEN),
    )
    async def refuse(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, power="grant")
        ask = require_id(request.path_params["ask"], "ask")
        noting(subjects=(person,))
        asked = await body(request, RefusalRequest)
        words = asked.words.strip()
        time = await to_thread.run_sync(Asking(organisation).refuse, ask, person, words)
        return answer(request, RefusedAsk(ask=ask, refused=time))

    return refuse


def _shown(asked: Asked, *, with_words: bool) -> ReceivedAsk:
    terms = asked.kept.terms
    return ReceivedAsk(
        ask=terms.ask,
        status=asked.status,
        asker=terms.asker,
        organisation=terms.organisation,
        categories=terms.categories,
        purposes=terms.purposes,
        reason=terms.reason,
        days=terms.days,
        ends=terms.ends,
        answer=asked.answer,
        refused=asked.kept.refused,
        words=asked.kept.words if with_words else "",
    )
