"""Recovery of reading: bundles under guardians' shares, and a person's own ciphertexts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.errors import FORBIDDEN
from yilian.gateway.http.asking import ID_SCHEMA, query, require_id
from yilian.gateway.http.operation import Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.emergencies import require_custody
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    OPERATORS,
    Rooms,
    answers,
    body,
    path_id,
)
from yilian.gateway.practice.recoveries import Kept, Recoveries
from yilian.ledger import codec
from yilian.ledger.codec import Binary, Id, Positive
from yilian.ledger.errors import MALFORMED
from yilian.vault.errors import KEY_NOT_ACCEPTED
from yilian.vault.packages import ReleasedRecord
from yilian.vault.recovery import NO_BUNDLE, GuardianShare, RecoveryBundle
from yilian.vault.shares import KEEPERS_REFUSED, MAX_SHARES, Count


class Guardian(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A guardian: an id, and the public key (HPKE, base64url) that the share is wrapped to."""

    id: Id
    public: Binary


class BundleRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Have `threshold` of these guardians suffice to read again."""

    threshold: Count
    guardians: Annotated[tuple[Guardian, ...], msgspec.Meta(min_length=1, max_length=MAX_SHARES)]


class ReadingBundle(msgspec.Struct, frozen=True, kw_only=True):
    """How a person's recovery of reading stands.

    `bundle` is the one that is accepted (null: none yet), `complete` whether it has all keys;
    `waiting` are the shares that guardians still have to be given, each wrapped to its own.
    """

    bundle: RecoveryBundle | None
    complete: bool
    waiting: tuple[GuardianShare, ...]


class DeliveryRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """These guardians have their shares of the bundle `number`."""

    number: Positive
    guardians: Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=MAX_SHARES)]


class SealedRecords(msgspec.Struct, frozen=True, kw_only=True):
    """A person's records as ciphertexts, by id; `next` is what to pass as `after`, null: no more.

    They open with the category keys of a recovery bundle.
    """

    person: Id
    holder: Id
    records: tuple[ReleasedRecord, ...]
    next: Id | None


_PERSON = path_id("person", "The person's id here.")
_AFTER = Parameter(
    name="after", where="query", schema=ID_SCHEMA, description="Records behind this id."
)
_STANDS = answers(ReadingBundle, "The bundle that is accepted, and shares still to be handed over.")


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_make(rooms), _kept(rooms), _delivered(rooms), _sealed(rooms))


def _make(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/persons/{person}/reading-bundles",
        tag="organisations",
        summary="Seal a person's reading keys under a secret that guardians share",
        parameters=(*COMMON, _PERSON),
        body=BundleRequest,
        answers=_STANDS,
        problems=(MALFORMED, KEEPERS_REFUSED, KEY_NOT_ACCEPTED, FORBIDDEN),
    )
    async def make(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, caller = await rooms.enter_for(request, person, *OPERATORS)
        require_custody(organisation, caller, person)
        asked = await body(request, BundleRequest)
        guardians = [(each.id, codec.to_bytes(each.public)) for each in asked.guardians]
        recoveries = Recoveries(organisation)
        await to_thread.run_sync(recoveries.make, person, asked.threshold, guardians)
        return answer(request, _shown(await to_thread.run_sync(recoveries.kept, person)))

    return make


def _shown(kept: Kept) -> ReadingBundle:
    return ReadingBundle(bundle=kept.bundle, complete=kept.complete, waiting=kept.waiting)


def _kept(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/reading-bundles",
        tag="organisations",
        summary="Give the reading bundle that is accepted, sealed; guardians' answers open it",
        parameters=(*COMMON, _PERSON),
        answers=_STANDS,
        problems=(NO_BUNDLE, FORBIDDEN),
    )
    async def kept(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, caller = await rooms.enter_for(request, person, *OPERATORS)
        require_custody(organisation, caller, person)
        found = await to_thread.run_sync(Recoveries(organisation).kept, person)
        return answer(request, _shown(found))

    return kept


def _delivered(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/persons/{person}/reading-bundles/delivered",
        tag="organisations",
        summary="Say which guardians have their shares; with enough the new bundle stands",
        parameters=(*COMMON, _PERSON),
        body=DeliveryRequest,
        answers=_STANDS,
        problems=(MALFORMED, NO_BUNDLE, FORBIDDEN),
    )
    async def delivered(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, caller = await rooms.enter_for(request, person, *OPERATORS)
        require_custody(organisation, caller, person)
        asked = await body(request, DeliveryRequest)
        note = Recoveries(organisation).delivered
        found = await to_thread.run_sync(note, person, asked.number, asked.guardians)
        return answer(request, _shown(found))

    return delivered


def _sealed(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/sealed-records",
        tag="organisations",
        summary="Give a person their own records as ciphertexts, journalled before they leave",
        parameters=(*COMMON, _PERSON, _AFTER),
        answers=answers(SealedRecords, "They open with the person's own category keys alone."),
        problems=(FORBIDDEN,),
    )
    async def sealed(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, caller = await rooms.enter_for(request, person, power="read")
        after = query(request, "after").get("after", "")
        if after:
            require_id(after, "after")
        give = Recoveries(organisation).copies
        found = await to_thread.run_sync(give, person, caller.sender, after)
        made = SealedRecords(
            person=person, holder=organisation.id, records=found.records, next=found.more
        )
        return answer(request, made)

    return sealed
