"""A new key for a person who lost theirs: the person asks, their guardians approve."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.audit import noting
from yilian.gateway.errors import BAD_PARAMETER, FORBIDDEN
from yilian.gateway.http.asking import query, require_id
from yilian.gateway.http.operation import Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import COMMON, Rooms, answers, body, path_id
from yilian.gateway.practice.key_requests import (
    NOT_A_GUARDIAN,
    Counted,
    KeyRequests,
    Standing,
)
from yilian.ledger.codec import Binary, Digest, Id, Millis, Whole
from yilian.ledger.errors import KEY_REFUSED, MALFORMED
from yilian.ledger.keys import PublicKey
from yilian.ledger.modules.identity.errors import (
    BAD_PROOF,
    KEY_TAKEN,
    NO_GUARDIANS,
    NOT_ENOUGH_GUARDIANS,
    RECOVERY_RUNNING,
)
from yilian.ledger.modules.identity.messages import Approval
from yilian.vault.key_requests import KEY_REQUEST_UNKNOWN

BASE = "/v1/organisations/{organisation}/persons/{person}/new-key"
GUARDED = "/v1/organisations/{organisation}/guarded"
PERSON = path_id("person", "The person's id here.")
MOST = 32
_COMMITMENT = re.compile(r"[A-Za-z0-9_-]{43}")


class NewKeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A key that a new device of the person made; `proof` is its signature on the key's proof."""

    key: PublicKey
    proof: Binary


class WaitingKey(msgspec.Struct, frozen=True, kw_only=True):
    """A request that waits for guardians: since when (ms), and how many have approved."""

    recovery: Id
    key: PublicKey
    asked: Millis
    approved: Whole
    threshold: Whole


class RunningRecovery(msgspec.Struct, frozen=True, kw_only=True):
    """A recovery on the chain: `key` takes over at `due` (ms), unless the old key cancels."""

    recovery: Id
    key: PublicKey
    due: Millis


class PersonNewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A person's guardians (how many, and how many suffice), and what waits."""

    person: Id
    guardians: Whole
    threshold: Whole
    request: WaitingKey | None
    running: RunningRecovery | None


class GuardedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom the caller guards waits for a new key; `guardian` is the caller's commitment.

    Approve by signing `identity.recovery_approval` of these three.
    """

    guardian: Digest
    recovery: Id
    person: Id
    key: PublicKey
    asked: Millis
    approved: Whole
    threshold: Whole


class Guarded(msgspec.Struct, frozen=True, kw_only=True):
    """Who waits for the caller's approval."""

    waiting: tuple[GuardedRequest, ...]


class ApprovalTaken(msgspec.Struct, frozen=True, kw_only=True):
    """`proposed`: enough have approved, and the waiting time has begun on the chain."""

    recovery: Id
    approved: Whole
    threshold: Whole
    state: Literal["waiting", "proposed"]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(
        _ask(rooms), _stands(rooms), _withdraw(rooms), _guarded(rooms), _approve(rooms)
    )


def _ask(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        BASE,
        tag="organisations",
        summary="Ask one's guardians for a new key: the person, and nobody else",
        parameters=(*COMMON, PERSON),
        body=NewKeyRequest,
        answers=answers(PersonNewKey, "It waits for the guardians; the chain does not know of it."),
        problems=(
            MALFORMED,
            NO_GUARDIANS,
            RECOVERY_RUNNING,
            KEY_REFUSED,
            BAD_PROOF,
            KEY_TAKEN,
            FORBIDDEN,
        ),
    )
    async def ask(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person)
        query(request)
        noting(subjects=(person,))
        asked = await body(request, NewKeyRequest)
        requests = KeyRequests(organisation)
        found = await to_thread.run_sync(requests.ask, person, asked.key, asked.proof)
        return answer(request, _shown(person, found))

    return ask


def _shown(person: str, found: Standing) -> PersonNewKey:
    return PersonNewKey(
        person=person,
        guardians=found.guardians,
        threshold=found.threshold,
        request=None if found.request is None else _waiting(found.request),
        running=None
        if found.running is None
        else RunningRecovery(
            recovery=found.running[0], key=found.running[1].key, due=found.running[1].due
        ),
    )


def _waiting(found: Counted) -> WaitingKey:
    return WaitingKey(
        recovery=found.request.recovery,
        key=found.request.key,
        asked=found.request.asked,
        approved=found.approved,
        threshold=found.threshold,
    )


def _stands(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        BASE,
        tag="organisations",
        summary="Say how many guardians a person has, and whether a new key waits",
        parameters=(*COMMON, PERSON),
        answers=answers(PersonNewKey, "To the person alone."),
        problems=(FORBIDDEN,),
    )
    async def stands(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person)
        query(request)
        noting(subjects=(person,))
        found = await to_thread.run_sync(KeyRequests(organisation).standing, person)
        return answer(request, _shown(person, found))

    return stands


def _withdraw(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "DELETE",
        BASE,
        tag="organisations",
        summary="Take a request for a new key back; what the chain has, the old key cancels",
        parameters=(*COMMON, PERSON),
        answers=answers(PersonNewKey, "Nothing waits for guardians any more."),
        problems=(FORBIDDEN,),
    )
    async def withdraw(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person)
        query(request)
        noting(subjects=(person,))
        requests = KeyRequests(organisation)
        await to_thread.run_sync(requests.withdraw, person)
        return answer(request, _shown(person, await to_thread.run_sync(requests.standing, person)))

    return withdraw


def _guarded(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        GUARDED,
        tag="organisations",
        summary="List who waits for the approval of these guardians, without a name",
        parameters=(
            *COMMON,
            Parameter(
                name="guardian",
                where="query",
                schema={"type": "string", "pattern": "^[A-Za-z0-9_,-]{43,1407}$"},
                description="The caller's commitments as a guardian, by commas; 32 at most.",
                required=True,
            ),
        ),
        answers=answers(Guarded, "The requests that wait here."),
        problems=(BAD_PARAMETER, FORBIDDEN),
    )
    async def guarded(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, "person")
        asked = query(request, "guardian").get("guardian", "").split(",")
        if len(asked) > MOST or not all(map(_COMMITMENT.fullmatch, asked)):
            raise BAD_PARAMETER(name="guardian")
        found = await to_thread.run_sync(KeyRequests(organisation).for_guardian, asked)
        noting(subjects=sorted({each.request.person for _, each in found})[:MOST])
        return answer(request, Guarded(waiting=tuple(_guarding(*each) for each in found)))

    return guarded


def _guarding(guardian: str, found: Counted) -> GuardedRequest:
    return GuardedRequest(
        guardian=guardian,
        recovery=found.request.recovery,
        person=found.request.person,
        key=found.request.key,
        asked=found.request.asked,
        approved=found.approved,
        threshold=found.threshold,
    )


def _approve(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        GUARDED + "/{recovery}/approvals",
        tag="organisations",
        summary="Approve a new key as a guardian; the last approval puts it on the chain",
        parameters=(*COMMON, path_id("recovery", "The recovery's id.")),
        body=Approval,
        answers=answers(ApprovalTaken, "The approval is kept. Again is fine."),
        problems=(
            MALFORMED,
            KEY_REQUEST_UNKNOWN,
            NOT_A_GUARDIAN,
            KEY_REFUSED,
            RECOVERY_RUNNING,
            NOT_ENOUGH_GUARDIANS,
            FORBIDDEN,
        ),
    )
    async def approve(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, "person")
        query(request)
        recovery = require_id(request.path_params["recovery"], "recovery")
        asked = await body(request, Approval)
        taken = await to_thread.run_sync(KeyRequests(organisation).approve, recovery, asked)
        made = ApprovalTaken(
            recovery=recovery,
            approved=taken.approved,
            threshold=taken.threshold,
            state=taken.state,
        )
        return answer(request, made)

    return approve
