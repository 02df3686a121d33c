"""A person's own key: from then on they sign themselves, and nobody acts for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.audit import noting
from yilian.gateway.errors import FORBIDDEN
from yilian.gateway.http.asking import query
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import COMMON, Rooms, answers, body, path_id
from yilian.gateway.organisation import Organisation
from yilian.ledger.codec import Binary, Id, Whole
from yilian.ledger.errors import MALFORMED
from yilian.ledger.keys import PublicKey, key_id
from yilian.ledger.modules.identity.errors import BAD_PROOF, HAS_OWN_KEY, KEY_TAKEN
from yilian.ledger.modules.identity.messages import HandOverKey


class DeviceKeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A key that a device of the person made; `proof` is its signature on the proof of the key."""

    key: PublicKey
    proof: Binary


class HandedOver(msgspec.Struct, frozen=True, kw_only=True):
    """From this height on the person signs, with `key` (its id)."""

    person: Id
    key: Id
    transaction: str
    height: Whole


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_hand_over(rooms))


def _hand_over(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/persons/{person}/device-key",
        tag="organisations",
        summary="End custody: the person, and nobody else, asks to sign with a key of their own",
        parameters=(*COMMON, path_id("person", "The person's id here.")),
        body=DeviceKeyRequest,
        answers=answers(HandedOver, "The key is on the chain; it cannot be taken back."),
        problems=(MALFORMED, BAD_PROOF, HAS_OWN_KEY, KEY_TAKEN, FORBIDDEN),
    )
    async def hand_over(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, caller = await rooms.enter_for(request, person)
        if caller.sender != person:
            raise FORBIDDEN()
        query(request)
        asked = await body(request, DeviceKeyRequest)
        noting(subjects=(person,), on_behalf_of=person)
        made = await to_thread.run_sync(_write, organisation, person, asked)
        noting(transaction=made.transaction)
        return answer(request, made)

    return hand_over


def _write(organisation: Organisation, person: str, asked: DeviceKeyRequest) -> HandedOver:
    message = HandOverKey(person=person, key=asked.key, proof=asked.proof)
    outcome = organisation.write(message)
    return HandedOver(
        person=person,
        key=key_id(asked.key),
        transaction=outcome.hash,
        height=outcome.height,
    )
