"""The way from a question about a pack to who answers it: an organisation here, or at its own node.

`PackAsked` and `PackAnswered` travel between members, under their mutually authenticated TLS: the
responder judges for itself whether the member that asks may.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Protocol

import msgspec

from yilian.gateway.epcis.tokens import Token, Tokens
from yilian.gateway.members.errors import ELSEWHERE
from yilian.gateway.supply.directory import Directory, Listing
from yilian.gateway.supply.places import Places
from yilian.gateway.supply.scan import PublicAnswers, Shown
from yilian.gateway.supply.scan_errors import (
    REQUESTER_NOT_ALLOWED,
    REQUESTER_UNKNOWN,
    RESPONDER_UNREACHABLE,
)
from yilian.gateway.supply.verdict import Concern, Question, Reason, Verdict
from yilian.gateway.supply.verification import Answer, Verification
from yilian.ledger.codec import Millis
from yilian.ledger.errors import Refusal
from yilian.vault.envelope import Format

if TYPE_CHECKING:
    from yilian.gateway.supply.checks import Checks

Word = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_-]{0,64}$(?!\n)")]
Gln = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{13}$", max_length=13)]


class PackAsked(Format, frozen=True, kw_only=True):
    """Is this pack real? Asked by a member under a location number of its own."""

    question: Question
    requester: Gln
    context: Word = ""


class PackAnswered(Format, frozen=True, kw_only=True):
    """A responder's answer, and its signed receipt."""

    verification: Annotated[str, msgspec.Meta(max_length=22)]
    at: Millis
    responder: Annotated[str, msgspec.Meta(max_length=13)]
    verified: bool
    reason: Reason
    concern: Concern
    recall: Annotated[str, msgspec.Meta(max_length=22)] | None = None
    receipt: Annotated[str, msgspec.Meta(max_length=8192)] = ""


class Desk(Protocol):
    """What an organisation needs to answer (`supply.Supply`)."""

    @property
    def directory(self) -> Directory:
        """The directory on the chain."""

    @property
    def verification(self) -> Verification:
        """Its answers to those who ask by name."""

    @property
    def public(self) -> PublicAnswers:
        """What it adds for the public."""

    @property
    def checks(self) -> Checks:
        """What it asked of others."""

    @property
    def places(self) -> Places:
        """The sites that it knows."""

    @property
    def tokens(self) -> Tokens:
        """Its bearer tokens."""


class Host(Protocol):
    """An organisation of this node (`organisation.Organisation`)."""

    def counterpart(self, name: str) -> Any:
        """Give another organisation as this one may ask it."""


class Requester(NamedTuple):
    """Who asks: an organisation and its location number; `asked_by` shows that it did."""

    organisation: str
    gln: str
    asked_by: str


def desk_of(organisation: object) -> Desk | None:
    """Give an organisation's supply chain; None for one that has none."""
    found: Desk | None = getattr(organisation, "supply", None)
    return found


class Responders:
    """All who may answer, as this node reaches them."""

    def __init__(self, directory: Directory, organisations: Mapping[str, Host]) -> None:
        self.directory = directory
        self._organisations = organisations

    def show(self, listing: Listing, question: Question) -> Shown:
        """Ask for what the public may see.

        Refuses `supply.responder_unreachable`, and as the responder does.
        """
        here = self._here(listing)
        if here is not None:
            return here.public.show(question)
        for host in self._organisations.values():
            shown: Shown = self._elsewhere(host, listing, "show_pack", question)
            return shown
        raise RESPONDER_UNREACHABLE(id=listing.responder)

    def answer(
        self, listing: Listing, question: Question, requester: Requester, context: str
    ) -> Answer:
        """Ask for an answer that is kept as evidence.

        Refuses `supply.responder_unreachable` where the responder is at a node that is not reached,
        or that this node has no way to for this requester: a member asks by its own node.
        """
        here = self._here(listing)
        if here is not None:
            return here.verification.answer(
                question, requester.gln, context=context, asked_by=requester.asked_by
            )
        host = self._organisations.get(requester.organisation)
        if host is None:
            raise RESPONDER_UNREACHABLE(id=listing.responder)
        asked = PackAsked(question=question, requester=requester.gln, context=context)
        said: PackAnswered = self._elsewhere(host, listing, "verify_pack", asked)
        verdict = Verdict(said.verified, said.reason, said.concern, said.recall)
        return Answer(said.verification, said.at, said.responder, verdict, listing, said.receipt)

    def requester(self, organisation: str, gln: str, asked_by: str) -> Requester:
        """Judge who asks under a location number.

        Refuses `supply.requester_unknown` for a number under which nobody trades, and
        `supply.requester_not_allowed` for another's number and for who holds no credential.
        """
        trading = self.directory.organisation_of(gln)
        if trading is None:
            raise REQUESTER_UNKNOWN()
        if trading != organisation or not self.directory.may_ask(organisation):
            raise REQUESTER_NOT_ALLOWED()
        return Requester(organisation, gln, asked_by)

    def bearer(self, text: str) -> Token:
        """Find a bearer token among those of this node's organisations.

        Refuses `supply.requester_unknown`, and `epcis.token_expired` as its issuer does.
        """
        refused: Refusal = REQUESTER_UNKNOWN()
        for host in self._organisations.values():
            desk = desk_of(host)
            if desk is None:
                continue
            try:
                return desk.tokens.judge(text)
            except Refusal as refusal:
                if refusal.code.name == "epcis.token_expired":
                    refused = refusal
        raise refused

    def organisation_of(self, partner: str) -> str:
        """Name the organisation that a token's partner is; refuses `supply.requester_unknown`."""
        if len(partner) != 13:
            return partner
        found = self.directory.organisation_of(partner)
        if found is None:
            raise REQUESTER_UNKNOWN()
        return found

    def _here(self, listing: Listing) -> Desk | None:
        return desk_of(self._organisations.get(listing.responder))

    @staticmethod
    def _elsewhere(host: Host, listing: Listing, question: str, asked: Any) -> Any:
        try:
            return getattr(host.counterpart(listing.responder), question)(asked)
        except Refusal as refusal:
            if refusal.code not in ELSEWHERE:
                raise
            raise RESPONDER_UNREACHABLE(id=listing.responder) from refusal


def answer_member(desk: Desk, caller: str, asked: PackAsked) -> PackAnswered:
    """Answer a member that asks over its own connection.

    Refuses `supply.requester_not_allowed` for a number that is not the member's, and for a member
    that holds no credential in force.
    """
    directory = desk.directory
    if directory.organisation_of(asked.requester) != caller or not directory.may_ask(caller):
        raise REQUESTER_NOT_ALLOWED()
    made = desk.verification.answer(
        asked.question, asked.requester, context=asked.context, asked_by=f"member {caller}"
    )
    return PackAnswered(
        verification=made.verification,
        at=made.at,
        responder=made.responder,
        verified=made.verdict.verified,
        reason=made.verdict.reason,
        concern=made.verdict.concern,
        recall=made.verdict.recall,
        receipt=made.receipt,
    )
