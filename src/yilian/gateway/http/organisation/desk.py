"""The registration desk: persons enrolled, provisional ones too, cards, and looking a person up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.audit import noting
from yilian.gateway.auth import Caller
from yilian.gateway.auth.qr import QrCode, qr_code
from yilian.gateway.errors import FORBIDDEN
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    OPERATORS,
    STAFF,
    Rooms,
    answers,
    body,
    path_id,
)
from yilian.gateway.organisation import Organisation
from yilian.gateway.practice.desks import new_entry
from yilian.ledger.codec import Id, Millis, Whole
from yilian.ledger.errors import MALFORMED
from yilian.ledger.keys import PublicKey
from yilian.ledger.modules.identity.errors import ALREADY_ENROLLED, KEY_TAKEN
from yilian.vault.desk import CARD_UNKNOWN, NOT_FOUND, PERSON_UNKNOWN, TOO_MANY
from yilian.vault.desk_formats import Contacts
from yilian.vault.errors import NUMBER_REFUSED

PERSON = path_id("person", "The person's id here.")
Language = Literal["en", "zh-CN"]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Birth = Annotated[str, msgspec.Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", max_length=10)]


class Addresses(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where notices go besides the inbox; `phone` as +8613800138000, `wechat` an account's id."""

    webhook: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    email: Annotated[str, msgspec.Meta(max_length=254)] | None = None
    phone: Annotated[str, msgspec.Meta(max_length=16)] | None = None
    wechat: Annotated[str, msgspec.Meta(max_length=64)] | None = None

    def contacts(self) -> Contacts:
        """Give them as the desk keeps them, which checks each."""
        return Contacts(
            webhook=self.webhook, email=self.email, phone=self.phone, wechat=self.wechat
        )


class NewPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Enrol a person by a number (`system` is a FHIR identifier system); `born` is YYYY-MM-DD.

    Without `key` the organisation acts for the person, in custody.
    """

    system: Text
    number: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    name: Text
    language: Language = "zh-CN"
    born: Birth | None = None
    contacts: Addresses = Addresses()
    key: PublicKey | None = None


class NewProvisional(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Enrol somebody who cannot be identified yet; `label` is what the ward calls them."""

    label: Text
    language: Language = "zh-CN"


class EnrolledPerson(msgspec.Struct, frozen=True, kw_only=True):
    """A person's new id here, and the block that has it."""

    person: Id
    transaction: str
    height: Whole


class LookUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Look up by `card` (the text of its QR code), or by `system` and `number`.

    A number is for who treats the person now, or takes part in `encounter`, which goes on; with
    `reason` `registration` it is for the organisation's own desk, and nobody need be treated.
    """

    card: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    system: Text | None = None
    number: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    encounter: Id | None = None
    reason: Literal["registration"] | None = None


class FoundPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Who was found."""

    person: Id


class DeskEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What the desk knows of a person."""

    person: Id
    name: str
    language: Language
    born: str | None
    provisional: bool
    contacts: Addresses


class IssuedCard(msgspec.Struct, frozen=True, kw_only=True):
    """A new card: `text` is for its QR code, which `qr` draws; both are shown this once."""

    card: Id
    person: Id
    text: str
    qr: QrCode


class CardLine(msgspec.Struct, frozen=True, kw_only=True):
    """A card that was given out, without its text; `ended` where it finds nobody any more (ms)."""

    card: Id
    issued: Millis
    ended: Millis | None


class PersonCards(msgspec.Struct, frozen=True, kw_only=True):
    """A person's cards, oldest first."""

    person: Id
    cards: tuple[CardLine, ...]


class CardToRevoke(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """End a card that was lost or stolen."""

    card: Id


class RevokedCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card that finds nobody any more; `at` is when it was asked for (ms)."""

    card: Id
    at: Millis


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(
        _enrol(rooms),
        _provisional(rooms),
        _look_up(rooms),
        _entry(rooms),
        _issue_card(rooms),
        _cards(rooms),
        _revoke_card(rooms),
    )


def _enrol(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/persons",
        tag="organisations",
        summary="Enrol a person: an id on the chain, name and contacts sealed at the desk",
        parameters=COMMON,
        body=NewPerson,
        answers=answers(EnrolledPerson, "The person has an id here."),
        problems=(MALFORMED, NUMBER_REFUSED, ALREADY_ENROLLED, KEY_TAKEN, FORBIDDEN),
    )
    async def enrol(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        asked = await body(request, NewPerson)

        def run() -> EnrolledPerson:
            entry = new_entry(asked.name, asked.language, asked.contacts.contacts(), asked.born)
            made = organisation.desks.enrol(asked.system, asked.number, entry, asked.key)
            return EnrolledPerson(
                person=made.person, transaction=made.outcome.hash, height=made.outcome.height
            )

        return answer(request, await to_thread.run_sync(run))

    return enrol


def _provisional(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/persons/provisional",
        tag="organisations",
        summary="Enrol somebody who cannot be identified yet",
        parameters=COMMON,
        body=NewProvisional,
        answers=answers(EnrolledPerson, "Join it to the person's own id by a link once known."),
        problems=(MALFORMED, FORBIDDEN),
    )
    async def provisional(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        asked = await body(request, NewProvisional)
        made = await to_thread.run_sync(organisation.desks.provisional, asked.label, asked.language)
        enrolled = EnrolledPerson(
            person=made.person, transaction=made.outcome.hash, height=made.outcome.height
        )
        return answer(request, enrolled)

    return provisional


def _look_up(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/persons/look-up",
        tag="organisations",
        summary="Find a person by card, or by number while treating them",
        parameters=COMMON,
        body=LookUp,
        answers=answers(FoundPerson, "The person's id here."),
        problems=(MALFORMED, NUMBER_REFUSED, NOT_FOUND, TOO_MANY, FORBIDDEN),
    )
    async def look_up(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *STAFF)
        asked = await body(request, LookUp)
        if asked.reason is not None:
            if caller.subject.kind not in OPERATORS:
                raise FORBIDDEN()
            noting(purpose=asked.reason)
        found = await to_thread.run_sync(_found, organisation, caller, asked)
        noting(subjects=(found,))
        return answer(request, FoundPerson(person=found))

    return look_up


def _found(organisation: Organisation, caller: Caller, asked: LookUp) -> str:
    by_number = (asked.system, asked.number, asked.encounter, asked.reason)
    if asked.card is not None:
        if by_number != (None, None, None, None):
            raise MALFORMED()
        return organisation.vault.desk.look_up_card(asked.card, caller.sender)
    if asked.system is None or asked.number is None:
        raise MALFORMED()
    if asked.reason is not None and asked.encounter is not None:
        raise MALFORMED()
    practitioner = caller.sender if caller.subject.kind == "practitioner" else None
    return organisation.desks.look_up_number(
        asked.system,
        asked.number,
        caller.sender,
        practitioner,
        asked.encounter,
        registering=asked.reason is not None,
    )


def _entry(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}",
        tag="organisations",
        summary="Show what the registration desk knows of a person",
        parameters=(*COMMON, PERSON),
        answers=answers(DeskEntry, "Name, language, birth date and contacts."),
        problems=(PERSON_UNKNOWN, FORBIDDEN),
    )
    async def entry(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, *OPERATORS, power="read")
        found = await to_thread.run_sync(organisation.vault.desk.person, person)
        known = found.contacts
        shown = DeskEntry(
            person=person,
            name=found.name,
            language=found.language,
            born=found.born,
            provisional=found.provisional,
            contacts=Addresses(
                webhook=known.webhook, email=known.email, phone=known.phone, wechat=known.wechat
            ),
        )
        return answer(request, shown)

    return entry


def _issue_card(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/persons/{person}/cards",
        tag="organisations",
        summary="Make a card by which a person is found",
        parameters=(*COMMON, PERSON),
        answers=answers(IssuedCard, "Print the text as a QR code; it is not kept."),
        problems=(PERSON_UNKNOWN, FORBIDDEN),
    )
    async def issue(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        person = request.path_params["person"]
        made = await to_thread.run_sync(organisation.desks.issue_card, person)
        shown = IssuedCard(card=made.card, person=person, text=made.text, qr=qr_code(made.text))
        return answer(request, shown)

    return issue


def _cards(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/cards",
        tag="organisations",
        summary="List a person's cards, ended ones too",
        parameters=(*COMMON, PERSON),
        answers=answers(PersonCards, "When each was made and ended; never its text."),
        problems=(FORBIDDEN,),
    )
    async def cards(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, *OPERATORS, power="read")
        found = await to_thread.run_sync(organisation.vault.desk.cards, person)
        lines = tuple(
            CardLine(card=each.card, issued=each.issued, ended=each.ended) for each in found
        )
        return answer(request, PersonCards(person=person, cards=lines))

    return cards


def _revoke_card(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/cards/revoke",
        tag="organisations",
        summary="End a card that was lost or stolen",
        parameters=COMMON,
        body=CardToRevoke,
        answers=answers(RevokedCard, "The card finds nobody any more; again is fine."),
        problems=(MALFORMED, CARD_UNKNOWN, FORBIDDEN),
    )
    async def revoke(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        asked = await body(request, CardToRevoke)
        await to_thread.run_sync(organisation.vault.desk.revoke_card, asked.card)
        return answer(request, RevokedCard(card=asked.card, at=organisation.engine.now()))

    return revoke
