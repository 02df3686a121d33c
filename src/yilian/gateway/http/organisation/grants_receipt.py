"""The consent receipt of a grant, as a PDF for the person who gave it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.audit import noting
from yilian.gateway.auth.accounts import accounts_of
from yilian.gateway.door import door
from yilian.gateway.errors import FORBIDDEN
from yilian.gateway.http.asking import query, require_acceptable, require_id
from yilian.gateway.http.operation import Answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.grants import ANY_POWER
from yilian.gateway.http.organisation.rooms import COMMON, OPERATORS, Rooms, path_id
from yilian.gateway.organisation import GRANT_UNKNOWN
from yilian.gateway.practice.consent_paper import MEDIA_TYPE, paper
from yilian.gateway.practice.consent_receipts import Place, consent_receipt
from yilian.text import negotiate

_Pdf = Annotated[msgspec.Raw, msgspec.Meta(description="A PDF file.")]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_receipt(rooms))


def _receipt(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/grants/{grant}/receipt",
        tag="organisations",
        summary="Write the consent receipt of a grant, in the language that is accepted",
        parameters=(
            *COMMON,
            path_id("person", "The person's id here."),
            path_id("grant", "The grant's id."),
        ),
        answers=[
            Answer(
                status=200,
                description="Who may see what, what for, until when, how to stop it, its proof.",
                content={MEDIA_TYPE: _Pdf},
            )
        ],
        problems=(GRANT_UNKNOWN, FORBIDDEN),
    )
    async def receipt(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, *OPERATORS, power=ANY_POWER)
        grant = require_id(request.path_params["grant"], "grant")
        noting(subjects=(person,), grants=(grant,))
        query(request)
        require_acceptable(request, MEDIA_TYPE)
        origin = accounts_of(request).site(request).origin
        wanted = request.headers.get("accept-language")
        index = door(request).index.read

        def make() -> tuple[str, bytes]:
            known = organisation.vault.desk.find(person)
            language = known.language if known and wanted is None else negotiate(wanted)
            place = Place(origin, language)
            return language, paper(consent_receipt(organisation, index, person, grant, place))

        language, made = await to_thread.run_sync(make)
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": 'attachment; filename="consent-receipt.pdf"',
            "Content-Language": language,
        }
        return Response(made, 200, headers, MEDIA_TYPE)

    return receipt
