"""Category keys for a person's own device, which then opens sealed records itself."""

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
from yilian.gateway.practice.reading_keys import IN_CUSTODY, OWN_KEY_WANTED, ReadingKeys
from yilian.ledger import codec
from yilian.ledger.codec import Binary, Id
from yilian.ledger.errors import MALFORMED
from yilian.vault.envelope import PublicKey, WrappedCategoryKey
from yilian.vault.errors import FORMAT_UNKNOWN, KEY_NOT_ACCEPTED


class ReadingKeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The public key (HPKE, 1,217 bytes, base64url) of a reading key that the device made."""

    public: Binary


class ReadingKeysGiven(msgspec.Struct, frozen=True, kw_only=True):
    """Category keys of `person` at `holder`, each wrapped to the reading key `recipient`.

    `info` of each wrap: canonical JSON of `purpose` (`reading-key`), `category_key`, `holder` and
    `person`. Inside is the private key of the category, as in a recovery bundle.
    """

    person: Id
    holder: Id
    recipient: Id
    keys: tuple[WrappedCategoryKey, ...]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_give(rooms))


def _give(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/persons/{person}/reading-keys",
        tag="organisations",
        summary="Give a person's device their category keys; their own key asks, no session",
        parameters=(*COMMON, path_id("person", "The person's id here.")),
        body=ReadingKeyRequest,
        answers=answers(
            ReadingKeysGiven, "They open the person's sealed records; nothing is kept."
        ),
        problems=(
            MALFORMED,
            KEY_NOT_ACCEPTED,
            FORMAT_UNKNOWN,
            IN_CUSTODY,
            OWN_KEY_WANTED,
            FORBIDDEN,
        ),
    )
    async def give(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, caller = await rooms.enter_for(request, person)
        if caller.sender != person:
            raise FORBIDDEN()
        query(request)
        noting(subjects=(person,), purpose="patient-request")
        if caller.subject.custody:
            raise IN_CUSTODY()
        if caller.session is not None:
            raise OWN_KEY_WANTED()
        asked = await body(request, ReadingKeyRequest)
        public = PublicKey(codec.to_bytes(asked.public))
        give_ = ReadingKeys(organisation).given
        keys = await to_thread.run_sync(give_, person, caller.subject, public)
        made = ReadingKeysGiven(
            person=person, holder=organisation.id, recipient=public.id, keys=keys
        )
        return answer(request, made)

    return give
