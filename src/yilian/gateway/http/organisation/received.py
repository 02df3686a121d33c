"""Grants that others gave this organisation, as far as the asker may read under them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.audit import noting
from yilian.gateway.auth import Caller
from yilian.gateway.errors import FORBIDDEN
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import COMMON, STAFF, Rooms, answers
from yilian.gateway.organisation import Organisation
from yilian.ledger.codec import Id, Millis, Name
from yilian.ledger.modules.consent.state import GRANTS
from yilian.vault.envelope import Terms

MAX_LISTED = 200
REPLICA = "replica"


class ReceivedGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A grant held here that stands: who gave it, what it opens, what for, until when (ms).

    `person` is the holder's id of the person. `role` is asked of who opens a session, where it is
    not null; `named`: the grant names the asker, alone or in a team.
    """

    grant: Id
    holder: Id
    person: Id
    categories: tuple[Name, ...]
    purposes: tuple[Name, ...]
    role: Name | None
    conditions: tuple[str, ...]
    ends: Millis
    named: bool


class ReceivedGrants(msgspec.Struct, frozen=True, kw_only=True):
    """Standing grants that the asker may read under, the one that ends last first."""

    grants: tuple[ReceivedGrant, ...]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_received(rooms))


def _received(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/grants",
        tag="organisations",
        summary="List standing grants from elsewhere that the asker may read under",
        parameters=COMMON,
        answers=answers(ReceivedGrants, "At most 200, the one that ends last first."),
        problems=(FORBIDDEN,),
    )
    async def received(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *STAFF)
        found = await to_thread.run_sync(lambda: tuple(_standing(organisation, caller)))
        last_first = sorted(found, key=lambda each: (-each.ends, each.grant))[:MAX_LISTED]
        noting(grants=tuple(each.grant for each in last_first))
        return answer(request, ReceivedGrants(grants=tuple(last_first)))

    return received


def _standing(organisation: Organisation, caller: Caller) -> Iterator[ReceivedGrant]:
    state, now = organisation.engine.state(), organisation.engine.now()
    for row in organisation.vault.catalogue.all_received():
        stands = GRANTS.get(state, row.grant_id)
        if stands is None or not stands.valid(now) or stands.terms != row.commitment:
            continue
        terms = organisation.vault.terms_of(row.grant_id)
        if REPLICA in terms.purposes or not _may_read(caller, terms):
            continue
        yield ReceivedGrant(
            grant=row.grant_id,
            holder=row.holder,
            person=row.patient,
            categories=terms.categories,
            purposes=terms.purposes,
            role=terms.role,
            conditions=terms.conditions,
            ends=terms.ends,
            named=caller.sender in _readers(terms),
        )


def _readers(terms: Terms) -> tuple[str, ...]:
    return terms.team if terms.practitioner is None else (terms.practitioner, *terms.team)


def _may_read(caller: Caller, terms: Terms) -> bool:
    """Tell whether a grant is the asker's to know of: a practitioner is named, or nobody is."""
    named = _readers(terms)
    return caller.subject.kind != "practitioner" or not named or caller.sender in named
