"""What one organisation may ask of another, and the answers of an organisation of this node.

`Here` is bound to its asker: `caller` is whom the connection is authenticated as, or the
organisation of this node that asks. Every answer is decided by the organisation asked, from its own
vault and its own node's state, and journalled before it leaves, wherever the asker is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from yilian.gateway.members.errors import NOT_ABOUT_YOU
from yilian.gateway.members.formats import ReleaseAnswer
from yilian.gateway.members.supply_formats import TraceAnswer
from yilian.gateway.practice import notices
from yilian.gateway.practice.asks import ASK_NOT_ON_CHAIN, Asking
from yilian.gateway.practice.care import Opened
from yilian.gateway.practice.treatment import ShownEncounter
from yilian.gateway.supply.recall_answers import SignedAnswer
from yilian.gateway.supply.responders import (
    PackAnswered,
    PackAsked,
    answer_member,
)
from yilian.gateway.supply.scan import Shown
from yilian.gateway.supply.shown import Page
from yilian.gateway.supply.verdict import Question
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.consent.errors import ASK_ENDED
from yilian.ledger.modules.consent.state import ASKS
from yilian.ledger.modules.identity.errors import LICENCE_NOT_IN_FORCE
from yilian.ledger.modules.identity.state import SUBJECTS, home, licensed
from yilian.vault import duplicates
from yilian.vault.asks import Kept
from yilian.vault.emergency_access import (
    EmergencyReleased,
    EmergencyRequest,
    EscrowAnswer,
    ShareRequest,
)
from yilian.vault.envelope import JournalLine
from yilian.vault.large import MEDIA_TYPE
from yilian.vault.large_manifest import SealedChunk
from yilian.vault.notice import Parameters
from yilian.vault.packages import MAX_RECORDS, GrantPackage, Released
from yilian.vault.receiving import OpenedSession
from yilian.vault.replica_formats import Changes

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

PORTION = 8 * 1024 * 1024
"""Bytes of contents in one answer, unless a single record has more."""


class Counterpart(Protocol):
    """Another organisation, as this one may ask it. Every method may refuse as the other does."""

    @property
    def id(self) -> str:
        """The organisation's id."""

    def release(
        self,
        session: OpenedSession,
        wanted: Sequence[str] | None = None,
        shown: ShownEncounter | None = None,
    ) -> list[Released]:
        """Release what a session opens; see `Organisation.release`."""

    def repackage(self, grant: str) -> bytes | None:
        """Package everything that a grant to the asker opens, anew."""

    def accept(self, grant: str, package: bytes) -> None:
        """Take the package of a grant by the asker."""

    def ask(self, kept: Kept) -> None:
        """Take a question for access; says nothing of whether the person is known."""

    def tell(self, reader: str, kind: str, parameters: Parameters, cause: str) -> None:
        """Tell somebody who reads there."""

    def find(self, system: str, number: str, reader: str) -> str:
        """Give the id that an emergency names: the person's, or nobody's."""

    def emergency(self, request: EmergencyRequest) -> EmergencyReleased:
        """Answer as holder in an emergency."""

    def share(self, request: ShareRequest) -> EscrowAnswer:
        """Answer as escrow service in an emergency."""

    def keep_share(self, package: bytes) -> None:
        """Keep a share of the asker's emergency key."""

    def drop_share(self, pair: str) -> None:
        """Drop a share of the asker's emergency key."""

    def partial(self, point: bytes) -> duplicates.Partial:
        """Multiply a blinded point by the member's share."""

    def referral(self, referral: str) -> Opened:
        """Show a referral to the asker."""

    def staff(self, practitioners: Sequence[str]) -> dict[str, str]:
        """Give the names of practitioners who read records of the asker."""

    def claims(self, count: int) -> Sequence[bytes]:
        """Give holder keys, for notes that the asker will give."""

    def history(self, shipment: str, after: int) -> Page:
        """Give the next events of the packs in a shipment to the asker."""

    def trace_pack(self, unit: str) -> TraceAnswer:
        """Tell what it saw of a pack."""

    def openings(self, intervals: Sequence[int]) -> Sequence[bytes]:
        """Give a regulator the sealed openings of posts."""

    def slices(
        self, session: OpenedSession, content: bytes, start: int, length: int
    ) -> Iterator[bytes]:
        """Give a range of a large object whose manifest a session released, in checked pieces."""

    def replica_put(self, allowance: str, changes: Changes) -> None:
        """Take what changed of a replica of the asker's records."""

    def replica_fresh(self, time: int, copies: Mapping[str, str]) -> Sequence[str]:
        """Take word that replicas are complete; gives those that are not."""

    def replica_drop(self, allowance: str) -> None:
        """Destroy a replica of the asker's records."""

    def replica_read(
        self,
        holder: str,
        session: OpenedSession,
        wanted: Sequence[str] | None = None,
        shown: ShownEncounter | None = None,
    ) -> list[Released]:
        """Release in a holder's place what a session opens."""

    def replica_package(self, holder: str, grant: str) -> bytes | None:
        """Give the package of a grant to the asker, in its holder's place."""

    def verify_pack(self, asked: PackAsked) -> PackAnswered:
        """Answer whether a pack is real, and keep that it was asked."""

    def show_pack(self, question: Question) -> Shown:
        """Say what the public may see of a pack."""


class Here:
    """An organisation of this node, asked by another."""

    def __init__(self, organisation: Organisation, caller: str) -> None:
        """`caller` is the asking organisation, authenticated already."""
        self._organisation = organisation
        self._caller = caller

    @property
    def id(self) -> str:
        """The organisation's id."""
        return self._organisation.id

    # -- records under a grant -----------------------------------------------------------------

    def release(
        self,
        session: OpenedSession,
        wanted: Sequence[str] | None = None,
        shown: ShownEncounter | None = None,
    ) -> list[Released]:
        """Release all at once; refuses `members.not_about_caller` for another's grant."""
        self._require_grantee(session)
        released = self._organisation.release(session, self._caller, wanted, shown)
        self._admit(session, released)
        return released

    def portion(
        self,
        session: OpenedSession,
        wanted: Sequence[str] | None = None,
        shown: ShownEncounter | None = None,
    ) -> ReleaseAnswer:
        """Release as much as fits one answer; refuses as `release`."""
        self._require_grantee(session)
        names = self._organisation.opened(session) if wanted is None else list(wanted)
        count = self._fitting(names)
        released = self.release(session, names[:count], shown)
        return ReleaseAnswer(released=tuple(released), more=tuple(names[count:]))

    def _require_grantee(self, session: OpenedSession) -> None:
        """Refuse who was granted nothing: which records a grant opens is not theirs to know."""
        grantee = self._organisation.vault.giver.grantee(session.terms.grant)
        if grantee is not None and grantee != self._caller:
            raise NOT_ABOUT_YOU()

    def _fitting(self, names: Sequence[str]) -> int:
        """Count how many records from the first on fit one answer; at least one."""
        some = names[:MAX_RECORDS]
        rows = self._organisation.vault.catalogue.records(some)
        sizes = {row.record: row.size for row in rows}
        total = 0
        for at, name in enumerate(some):
            total += sizes.get(name, 0)
            if total > PORTION and at > 0:
                return at
        return len(some)

    def _admit(self, session: OpenedSession, released: Sequence[Released]) -> None:
        """Note which large objects this session may read slices of, until it ends."""
        for answer in released:
            for each in answer.records:
                if each.media_type == MEDIA_TYPE:
                    self._organisation.studies.admit(self._caller, session, each.proof.record)

    def slices(
        self, session: OpenedSession, content: bytes, start: int, length: int
    ) -> Iterator[bytes]:
        """Read from this node's own store."""
        return self._organisation.vault.large.read(content, start, length)

    def slice(self, session: str, manifest: bytes, index: int) -> SealedChunk:
        """Give one slice, still sealed, inside a session that released its record.

        Refuses `reading.denied` where it did not, or does not stand any more.
        """
        return self._organisation.studies.slice(self._caller, session, manifest, index)

    # -- grants --------------------------------------------------------------------------------

    def repackage(self, grant: str) -> bytes | None:
        """Package a grant to the caller; refuses `members.not_about_caller` for another's."""
        if self._organisation.vault.giver.grantee(grant) != self._caller:
            raise NOT_ABOUT_YOU()
        return self._organisation.watch.repackage(grant)

    def accept(self, grant: str, package: bytes) -> None:
        """Take a package; it opens what the chain holds, or is refused.

        Refuses `members.not_about_caller` for another holder's, and as `Organisation.accept`.
        """
        outer = codec.decode(package, GrantPackage)
        if (outer.grant, outer.holder) != (grant, self._caller):
            raise NOT_ABOUT_YOU()
        self._organisation.accept(grant, package)

    def ask(self, kept: Kept) -> None:
        """Keep a question that the chain has, from somebody of the caller's.

        Refuses `members.not_about_caller`, `consents.ask_not_on_chain`, `consent.ask_ended`,
        `ask_differs_from_chain`.
        """
        terms, engine = kept.terms, self._organisation.engine
        asker = SUBJECTS.get(engine.state(), terms.asker)
        if asker is None or self._caller not in (terms.organisation, home(terms.asker, asker)):
            raise NOT_ABOUT_YOU()
        found = ASKS.get(engine.state(), terms.ask)
        if found is None or found.asker != terms.asker:
            raise ASK_NOT_ON_CHAIN()
        if not found.open_at(engine.now()):
            raise ASK_ENDED(id=terms.ask)
        Asking(self._organisation).receive(kept, found.terms)

    def tell(self, reader: str, kind: str, parameters: Parameters, cause: str) -> None:
        """Tell a practitioner of this organisation; refuses `members.not_about_caller`."""
        subject = SUBJECTS.get(self._organisation.engine.state(), reader)
        if subject is None or home(reader, subject) != self.id:
            raise NOT_ABOUT_YOU()
        if parameters.get("organisation") != self._caller:
            raise NOT_ABOUT_YOU()
        if kind == "result_shared":
            grant = str(parameters.get("grant", ""))
            held = self._organisation.vault.catalogue.received(grant)
            if held is None or held.holder != self._caller:
                raise NOT_ABOUT_YOU()
        if kind == "ask_refused":
            Asking(self._organisation).hear_refusal(self._caller, reader, parameters)
        notices.tell(self._organisation, reader, kind, parameters, cause=cause)

    # -- emergencies ---------------------------------------------------------------------------

    def find(self, system: str, number: str, reader: str) -> str:
        """Give the person's id, or nobody's: the same again for the same number.

        Refuses `members.not_about_caller` and `identity.licence_not_in_force` for a reader who is
        no licensed practitioner of the caller's.
        """
        engine = self._organisation.engine
        subject = SUBJECTS.get(engine.state(), reader)
        if subject is None or home(reader, subject) != self._caller:
            raise NOT_ABOUT_YOU()
        if not licensed(engine.state(), reader, engine.now()):
            raise LICENCE_NOT_IN_FORCE()
        return self._organisation.emergencies.find_or_nobody(system, number)

    def emergency(self, request: EmergencyRequest) -> EmergencyReleased:
        """Answer as holder."""
        return self._organisation.emergencies.release(request, self._caller)

    def share(self, request: ShareRequest) -> EscrowAnswer:
        """Answer as escrow service."""
        return self._organisation.emergencies.share(request, self._caller)

    def keep_share(self, package: bytes) -> None:
        """Keep a share of the caller's."""
        self._organisation.vault.emergencies.escrow.keep(package, self._caller)

    def drop_share(self, pair: str) -> None:
        """Drop a share of the caller's."""
        self._organisation.vault.emergencies.escrow.drop(pair, self._caller)

    # -- duplicates, referrals, names ----------------------------------------------------------

    def partial(self, point: bytes) -> duplicates.Partial:
        """Answer with this member's share; refuses `duplicate_share_missing`."""
        keystore = self._organisation.vault.keystore
        index, scalar = keystore.duplicate_share()
        held = duplicates.Share(index, scalar, keystore.duplicate_threshold() or 1)
        return duplicates.partial(held, point)

    def referral(self, referral: str) -> Opened:
        """Show a referral to the organisation it is addressed to."""
        return self._organisation.care.show(referral, self._caller)

    def private(self, package: bytes) -> None:
        """Take a document of the caller's for this organisation."""
        self._organisation.private.receive(package, self._caller)

    def staff(self, practitioners: Sequence[str]) -> dict[str, str]:
        """Give names by id, of those whom the staff directory has."""
        names: dict[str, str] = {}
        for each in practitioners:
            try:
                names[each] = self._organisation.vault.desk.staff(each).name
            except Refusal:
                continue
        return names

    # -- replicas ------------------------------------------------------------------------------

    def replica_put(self, allowance: str, changes: Changes) -> None:
        """Take what changed; refuses as `Keeping.take`."""
        self._organisation.replicas.keeping.take(self._caller, allowance, changes)

    def replica_fresh(self, time: int, copies: Mapping[str, str]) -> Sequence[str]:
        """Take word that replicas are complete."""
        return self._organisation.vault.replicas.kept.fresh(self._caller, time, copies)

    def replica_drop(self, allowance: str) -> None:
        """Destroy a replica; refuses `members.not_about_caller` for another's."""
        self._organisation.replicas.keeping.drop(self._caller, allowance)

    def replica_tell(self, grant: str, members: Sequence[str]) -> None:
        """Keep which members have a replica for a grant of the caller's."""
        self._organisation.replicas.reading.hear(self._caller, grant, members)

    def replica_read(
        self,
        holder: str,
        session: OpenedSession,
        wanted: Sequence[str] | None = None,
        shown: ShownEncounter | None = None,
    ) -> list[Released]:
        """Release all at once; refuses as `Keeping.portion`."""
        found: list[Released] = []
        names: Sequence[str] | None = wanted
        while names is None or names:
            answer = self.replica_portion(holder, session, names, shown)
            found += answer.released
            names = answer.more
        return found

    def replica_portion(
        self,
        holder: str,
        session: OpenedSession,
        wanted: Sequence[str] | None = None,
        shown: ShownEncounter | None = None,
    ) -> ReleaseAnswer:
        """Release as much as fits one answer."""
        keeping = self._organisation.replicas.keeping
        return keeping.portion(self._caller, holder, session, wanted, shown)

    def replica_package(self, holder: str, grant: str) -> bytes | None:
        """Give the package of a grant to the caller."""
        return self._organisation.replicas.keeping.package(self._caller, holder, grant)

    def replica_lines(self, session: OpenedSession, lines: Sequence[JournalLine]) -> None:
        """Take journal lines of a replica that the caller keeps."""
        self._organisation.replicas.report(self._caller, session, lines)

    # -- packs ---------------------------------------------------------------------------------

    def verify_pack(self, asked: PackAsked) -> PackAnswered:
        """Answer as responder; see `supply.responders.answer_member`."""
        return answer_member(self._organisation.trade(), self._caller, asked)

    def show_pack(self, question: Question) -> Shown:
        """Answer the public that asks through the caller's node."""
        return self._organisation.trade().public.show(question)

    # -- the trade -----------------------------------------------------------------------------

    def claims(self, count: int) -> Sequence[bytes]:
        """Give holder keys to the caller; refuses as `Titles.promise`."""
        return self._organisation.trade().titles.promise(self._caller, count)

    def shipment(self, package: bytes) -> None:
        """Take a shipment of the caller's; refuses as `Titles.receive`."""
        self._organisation.trade().titles.receive(package, self._caller)

    def ended(self, package: bytes) -> None:
        """Take the caller's word of packs that ended; refuses as `Ends.take`."""
        self._organisation.trade().ends.take(package, self._caller)

    def history(self, shipment: str, after: int) -> Page:
        """Show the caller what the packs of its shipment went through; see `Showing.page`."""
        return self._organisation.trade().showing.page(shipment, self._caller, after)

    def trace_pack(self, unit: str) -> TraceAnswer:
        """Tell the caller what was seen of a pack here; see `Tracing.answer`."""
        return self._organisation.trade().recalling.tracing.answer(self._caller, unit)

    def recall_answer(self, signed: SignedAnswer) -> None:
        """Take the caller's answer to a recall of this organisation; see `Progress.take`."""
        self._organisation.trade().recalling.progress.take(self._caller, signed)

    def made_of_recalled(self, recall: str, units: Sequence[str]) -> None:
        """Take the caller's word about packs it shipped here; see `Recalls.hear`."""
        found = self._organisation.trade()
        found.recalling.recalls.hear(self._caller, recall, units)
        found.wake()

    def openings(self, intervals: Sequence[int]) -> Sequence[bytes]:
        """Give the openings of all these intervals; refuses as `Openings.give`."""
        return self._organisation.trade().openings.give(self._caller, intervals)

    def some_openings(self, intervals: Sequence[int]) -> Sequence[bytes]:
        """Give the first of these openings, as many as fit one answer; at least one."""
        found: list[bytes] = []
        size = 0
        for each in intervals:
            found += self._organisation.trade().openings.give(self._caller, [each])
            size += len(found[-1])
            if size > PORTION:
                break
        return found
