"""Grants: given for a person in custody, prepared for others to sign, handed over, taken back."""

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
from yilian.gateway.errors import FORBIDDEN
from yilian.gateway.http.asking import require_id
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    DAY_MS,
    OPERATORS,
    Rooms,
    answers,
    body,
    path_id,
    require_for,
)
from yilian.gateway.organisation import GRANT_UNKNOWN, KEY_SERVICE_UNKNOWN, Organisation
from yilian.gateway.practice.consents import (
    GRANT_OVER,
    NOT_ON_CHAIN,
    TO_ITSELF,
    Consents,
    Given,
    Listed,
    checked_terms,
)
from yilian.ledger import codec
from yilian.ledger.codec import Digest, Id, Millis, Name, Positive, Whole
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.consent.messages import Power
from yilian.ledger.modules.consent.state import custodian
from yilian.vault.asks import ASK_REFUSED, ASK_UNKNOWN
from yilian.vault.conditions import CONDITION_UNKNOWN
from yilian.vault.envelope import Condition, Terms
from yilian.vault.giving import GRANTEE_FIXED
from yilian.vault.replica_terms import REPLICA_TERMS

Some = Annotated[tuple[Name, ...], msgspec.Meta(max_length=64)]
Purposes = Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=64)]
ANY_POWER: tuple[Power, ...] = ("change", "grant", "read", "revoke")


class GrantRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Let an organisation read records of a person, by category or by id, for some time.

    `practitioner` and `team` name who may read; with neither, anybody there (`role`). `denied`
    categories stay closed, and what carries a label of `redact` is taken out. `ends` (ms) instead
    of `days`. The purpose `replica`, alone, lets the organisation keep a copy that it cannot read
    and answer others with it. `grant` gives new terms to a grant that stands; `ask` names the
    question answered.
    """

    person: Id
    grantee: Id
    categories: Some = ()
    records: Annotated[tuple[Id, ...], msgspec.Meta(max_length=1000)] = ()
    denied: Some = ()
    sensitivities: Some = ("normal",)
    redact: Some = ()
    purposes: Purposes = ("treat",)
    days: Annotated[int, msgspec.Meta(ge=1, le=3660)] | None = None
    starts: Millis | None = None
    ends: Millis | None = None
    practitioner: Id | None = None
    team: Annotated[tuple[Id, ...], msgspec.Meta(max_length=200)] = ()
    role: Name | None = None
    conditions: Annotated[tuple[Condition, ...], msgspec.Meta(max_length=64)] = ()
    grant: Id | None = None
    ask: Id | None = None


class GivenGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A grant: its place on the chain, and the sealed package where we could not deliver it."""

    grant: Id
    transaction: str
    height: Whole
    ends: Millis
    delivered: bool
    package: str | None
    version: Positive


class PreparedGrant(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever signs checks and signs: `commitment` is that of `terms` with `salt`.

    Signed as `consent.Grant`, or with a `version` above 1 as `consent.Change`.
    """

    grant: Id
    terms: Terms
    salt: Digest
    commitment: Digest
    starts: Millis
    ends: Millis
    version: Positive


class DeliveredGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A grant whose keys are with the grantee, or in `package` where it is at another node."""

    grant: Id
    version: Positive
    ends: Millis
    delivered: bool
    package: str | None


class StandingGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A grant as it stands; `by` acted for the person, `terms` is null where not known here."""

    grant: Id
    status: Literal["waiting", "standing", "ended", "revoked"]
    starts: Millis
    ends: Millis
    since: Whole
    revoked: Whole | None
    version: Positive
    by: Id | None
    countersigned: Id | None
    terms: Terms | None


class PersonGrants(msgspec.Struct, frozen=True, kw_only=True):
    """All grants of a person here, the newest first."""

    person: Id
    grants: tuple[StandingGrant, ...]


class RevocationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For a person in custody: take a grant back."""

    person: Id
    grant: Id


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """From which height on the grant opens nothing."""

    grant: Id
    transaction: str
    height: Whole


_ASKED = (
    MALFORMED,
    KEY_SERVICE_UNKNOWN,
    GRANT_UNKNOWN,
    GRANT_OVER,
    GRANTEE_FIXED,
    CONDITION_UNKNOWN,
    ASK_UNKNOWN,
    ASK_REFUSED,
    REPLICA_TERMS,
    FORBIDDEN,
)


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(
        _grant(rooms), _prepare(rooms), _deliver(rooms), _granted(rooms), _revoke(rooms)
    )


def _grant(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/grants",
        tag="organisations",
        summary="Give or change a grant for a person in custody and deliver its keys",
        parameters=COMMON,
        body=GrantRequest,
        answers=answers(GivenGrant, "The grant is on the chain."),
        problems=(*_ASKED, NOT_ON_CHAIN, TO_ITSELF),
    )
    async def grant(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, "person", *OPERATORS)
        asked = await body(request, GrantRequest)
        _require_person(
            organisation, caller, asked.person, "grant" if not asked.grant else "change"
        )
        noting(subjects=(asked.person,), on_behalf_of=asked.person)
        given = await to_thread.run_sync(_give, organisation, asked)
        noting(grants=(given.grant,), transaction=given.transaction)
        return answer(request, given)

    return grant


def _require_person(organisation: Organisation, caller: Caller, person: str, power: Power) -> None:
    """Refuse people who ask for somebody else; for whom a program may act is the law's to say."""
    if caller.subject.kind not in OPERATORS:
        require_for(organisation, caller, person, power=power)


def _give(organisation: Organisation, asked: GrantRequest) -> GivenGrant:
    terms = _terms(organisation, asked)
    given = Consents(organisation).give(asked.person, terms, asked.grant, asked.ask)
    assert given.outcome is not None
    return GivenGrant(
        grant=given.grant,
        transaction=given.outcome.hash,
        height=given.outcome.height,
        ends=given.ends,
        delivered=given.package is None,
        package=_package(given),
        version=given.version,
    )


def _terms(organisation: Organisation, asked: GrantRequest) -> Terms:
    if asked.days is not None and asked.ends is not None:
        raise MALFORMED()
    starts = organisation.engine.now() if asked.starts is None else asked.starts
    days = 30 if asked.days is None else asked.days
    return checked_terms(
        grantee=asked.grantee,
        practitioner=asked.practitioner,
        team=_sorted(asked.team),
        role=asked.role,
        categories=_sorted(asked.categories),
        sensitivities=_sorted(asked.sensitivities),
        denied=_sorted(asked.denied),
        redact=_sorted(asked.redact),
        purposes=_sorted(asked.purposes),
        conditions=_sorted(asked.conditions),
        records=_sorted(asked.records) or None,
        starts=starts,
        ends=starts + days * DAY_MS if asked.ends is None else asked.ends,
    )


def _sorted(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def _package(given: Given) -> str | None:
    return None if given.package is None else codec.to_text(given.package)


def _prepare(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/grants/prepare",
        tag="organisations",
        summary="Prepare a grant, or new terms of one, to be signed by the person or a custodian",
        parameters=COMMON,
        body=GrantRequest,
        answers=answers(PreparedGrant, "Check the commitment, sign it, then have it delivered."),
        problems=_ASKED,
    )
    async def prepare(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, "person", *OPERATORS)
        asked = await body(request, GrantRequest)
        power: Power = "grant" if asked.grant is None else "change"
        require_for(organisation, caller, asked.person, *OPERATORS, power=power)
        noting(subjects=(asked.person,))
        prepared = await to_thread.run_sync(_offer, organisation, asked)
        noting(grants=(prepared.grant,))
        return answer(request, prepared)

    return prepare


def _offer(organisation: Organisation, asked: GrantRequest) -> PreparedGrant:
    terms = _terms(organisation, asked)
    offer = Consents(organisation).prepare(asked.person, terms, asked.grant, asked.ask)
    return PreparedGrant(
        grant=offer.grant,
        terms=offer.opened.terms,
        salt=offer.opened.salt,
        commitment=offer.commitment,
        starts=terms.starts,
        ends=terms.ends,
        version=offer.opened.version,
    )


def _deliver(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/grants/{grant}/deliver",
        tag="organisations",
        summary="Hand a grant's keys to the grantee, once the chain holds exactly its terms",
        parameters=(*COMMON, path_id("grant", "The grant's id.")),
        answers=answers(DeliveredGrant, "The grantee has the keys, or takes them from `package`."),
        problems=(GRANT_UNKNOWN, NOT_ON_CHAIN, GRANT_OVER, KEY_SERVICE_UNKNOWN, FORBIDDEN),
    )
    async def deliver(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, "person", *OPERATORS)
        grant = require_id(request.path_params["grant"], "grant")
        noting(grants=(grant,))
        given = await to_thread.run_sync(_hand_over, organisation, caller, grant)
        return answer(request, given)

    return deliver


def _hand_over(organisation: Organisation, caller: Caller, grant: str) -> DeliveredGrant:
    consents = Consents(organisation)
    patient = consents.patient(grant)
    noting(subjects=(patient,))
    if caller.subject.kind == "person" and caller.sender != patient:
        acting = custodian(organisation.engine.state(), patient, caller.sender)
        now = organisation.engine.now()
        # Nobody learns from the answer whether there is such a grant of somebody else.
        if acting is None or not (acting.may("grant", now) or acting.may("change", now)):
            raise GRANT_UNKNOWN()
        noting(on_behalf_of=patient)
    given = consents.deliver(grant)
    return DeliveredGrant(
        grant=grant,
        version=given.version,
        ends=given.ends,
        delivered=given.package is None,
        package=_package(given),
    )


def _granted(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/grants",
        tag="organisations",
        summary="List a person's grants with their opened terms, and who acted",
        parameters=(*COMMON, path_id("person", "The person's id here.")),
        answers=answers(PersonGrants, "The grants that are on the chain, the newest first."),
        problems=(FORBIDDEN,),
    )
    async def granted(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, *OPERATORS, power=ANY_POWER)
        noting(subjects=(person,))
        found = await to_thread.run_sync(Consents(organisation).of_person, person)
        shown = tuple(_shown(each) for each in found)
        return answer(request, PersonGrants(person=person, grants=shown))

    return granted


def _shown(listed: Listed) -> StandingGrant:
    found = listed.on_chain
    return StandingGrant(
        grant=listed.grant,
        status=listed.status,
        starts=found.starts,
        ends=found.ends,
        since=found.since,
        revoked=found.revoked,
        version=found.version,
        by=found.by,
        countersigned=found.countersigned,
        terms=None if listed.opened is None else listed.opened.terms,
    )


def _revoke(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/revocations",
        tag="organisations",
        summary="Take a grant back for a person in custody",
        parameters=COMMON,
        body=RevocationRequest,
        answers=answers(Revocation, "The grant opens nothing from this height on."),
        problems=(MALFORMED, FORBIDDEN),
    )
    async def revoke(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, "person", *OPERATORS)
        asked = await body(request, RevocationRequest)
        _require_person(organisation, caller, asked.person, "revoke")
        noting(subjects=(asked.person,), grants=(asked.grant,), on_behalf_of=asked.person)
        outcome = await to_thread.run_sync(organisation.revoke, asked.person, asked.grant)
        noting(transaction=outcome.hash)
        revoked = Revocation(grant=asked.grant, transaction=outcome.hash, height=outcome.height)
        return answer(request, revoked)

    return revoke
