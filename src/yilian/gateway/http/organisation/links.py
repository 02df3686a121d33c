"""Links: two ids said to be one person, shown to the person, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.errors import FORBIDDEN
from yilian.gateway.http.asking import require_id
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.desk import PERSON
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    OPERATORS,
    Rooms,
    answers,
    body,
    path_id,
)
from yilian.gateway.practice.desks import Joined
from yilian.ledger import codec
from yilian.ledger.codec import Digest, Id, Millis, Whole
from yilian.ledger.errors import MALFORMED
from yilian.vault.desk import PERSON_UNKNOWN, STAFF_UNKNOWN
from yilian.vault.links import (
    LINK_CIRCLE,
    LINK_ENDED,
    LINK_STANDS,
    LINK_TO_ITSELF,
    LINK_UNKNOWN,
    Ground,
    Link,
    LinkTerms,
)


class NewLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say that `other` is the person of `kept`; `witness` is the practitioner who saw it."""

    kept: Id
    other: Id
    ground: Ground
    witness: Id


class LinkEnd(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say that two ids are not one person; `witness` is the practitioner who says so."""

    witness: Id


class MadeLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link and the block that has its commitment, or its end."""

    link: Id
    commitment: Digest
    ended: Millis | None
    transaction: str
    height: Whole


class ShownLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link in full; `salt` and `terms` open the commitment that the chain has."""

    terms: LinkTerms
    salt: Digest
    commitment: Digest
    ended: Millis | None
    ended_by: Id | None


class PersonLinks(msgspec.Struct, frozen=True, kw_only=True):
    """Every link that names a person, ended ones too, and all ids that are that person now."""

    person: Id
    ids: tuple[Id, ...]
    links: tuple[ShownLink, ...]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_link(rooms), _end(rooms), _links(rooms))


def _link(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/links",
        tag="organisations",
        summary="State that two ids are one person; the chain learns neither",
        parameters=COMMON,
        body=NewLink,
        answers=answers(MadeLink, "The link's commitment is on the chain; the person is told."),
        problems=(
            MALFORMED,
            PERSON_UNKNOWN,
            STAFF_UNKNOWN,
            LINK_TO_ITSELF,
            LINK_STANDS,
            LINK_CIRCLE,
            FORBIDDEN,
        ),
    )
    async def link(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        asked = await body(request, NewLink)
        made = await to_thread.run_sync(
            organisation.desks.link, asked.kept, asked.other, asked.ground, asked.witness
        )
        return answer(request, _made(made))

    return link


def _end(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/links/{link}/end",
        tag="organisations",
        summary="Take a link back",
        parameters=(*COMMON, path_id("link", "The link's id.")),
        body=LinkEnd,
        answers=answers(MadeLink, "The two ids stand apart again."),
        problems=(MALFORMED, STAFF_UNKNOWN, LINK_UNKNOWN, LINK_ENDED, FORBIDDEN),
    )
    async def end(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        link = require_id(request.path_params["link"], "link")
        asked = await body(request, LinkEnd)
        made = await to_thread.run_sync(organisation.desks.end_link, link, asked.witness)
        return answer(request, _made(made))

    return end


def _links(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/links",
        tag="organisations",
        summary="List the links that name a person, ended ones too",
        parameters=(*COMMON, PERSON),
        answers=answers(PersonLinks, "Each with what opens its commitment."),
        problems=(FORBIDDEN,),
    )
    async def links(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, *OPERATORS, power="read")
        kept = organisation.vault.desk.links
        found = await to_thread.run_sync(kept.of, person)
        ids = await to_thread.run_sync(kept.one_person, [person])
        shown = PersonLinks(person=person, ids=ids, links=tuple(map(_shown, found)))
        return answer(request, shown)

    return links


def _made(made: Joined) -> MadeLink:
    return MadeLink(
        link=made.link.terms.link,
        commitment=made.link.commitment,
        ended=made.link.ended,
        transaction=made.outcome.hash,
        height=made.outcome.height,
    )


def _shown(link: Link) -> ShownLink:
    return ShownLink(
        terms=link.terms,
        salt=codec.to_text(link.salt),
        commitment=link.commitment,
        ended=link.ended,
        ended_by=link.ended_by,
    )
