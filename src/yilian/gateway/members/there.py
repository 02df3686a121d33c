"""Another organisation at its own node: every question goes there, every answer is checked here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from yilian.gateway.members import formats, replica_formats, supply_formats
from yilian.gateway.members.errors import ANSWER_REFUSED
from yilian.gateway.members.formats import MIB, Known
from yilian.gateway.members.peers import Peers
from yilian.gateway.practice.care import Opened
from yilian.gateway.practice.treatment import ShownEncounter
from yilian.gateway.supply.recall_answers import SignedAnswer
from yilian.gateway.supply.responders import PackAnswered, PackAsked
from yilian.gateway.supply.scan import Shown
from yilian.gateway.supply.shown import Page
from yilian.gateway.supply.verdict import Question
from yilian.vault import duplicates
from yilian.vault.asks import Kept
from yilian.vault.emergency_access import (
    EmergencyReleased,
    EmergencyRequest,
    EscrowAnswer,
    ShareRequest,
)
from yilian.vault.large import RANGE_REFUSED
from yilian.vault.large_manifest import SealedChunk, open_chunk, read_manifest
from yilian.vault.notice import Parameters
from yilian.vault.packages import MAX_RECORDS, Released
from yilian.vault.receiving import OpenedSession
from yilian.vault.replica_formats import Changes

T = TypeVar("T")

KIB = 1024
LARGEST = 272 * MIB
"""One record of the largest size that a vault takes in, sealed."""


class Operation(NamedTuple):
    """One question: its name in the address, what is asked and answered, and its bounds."""

    name: str
    asked: Any
    answered: Any
    bounds: Known


def _of(name: str, asked: Any, answered: Any, bounds: Known) -> Operation:
    return Operation(name, asked, answered, bounds)


_SMALL = Known(64 * KIB, 64 * KIB, 5.0)
_QUICK = Known(64 * KIB, 64 * KIB, 1.5)

RELEASE = _of(
    "release", formats.ReleaseAsked, formats.ReleaseAnswer, Known(256 * KIB, LARGEST, 30.0)
)
REPACKAGE = _of("repackage", formats.GrantNamed, formats.PackageAnswer, Known(KIB, 5 * MIB, 10.0))
ACCEPT = _of("accept", formats.PackageSent, formats.Nothing, Known(5 * MIB, KIB, 10.0))
ASK = _of("ask", formats.AskSent, formats.Nothing, _SMALL)
TELL = _of("tell", formats.NoticeSent, formats.Nothing, _SMALL)
FIND = _of("emergency-find", formats.PersonSought, formats.PersonAnswer, _QUICK)
EMERGENCY = _of(
    "emergency-release", EmergencyRequest, EmergencyReleased, Known(256 * KIB, LARGEST, 10.0)
)
SHARE = _of("emergency-share", ShareRequest, EscrowAnswer, _QUICK)
KEEP_SHARE = _of("escrow-keep", formats.SharePackage, formats.Nothing, _SMALL)
DROP_SHARE = _of("escrow-drop", formats.PairNamed, formats.Nothing, _SMALL)
PARTIAL = _of("partial", formats.Blinded, formats.PartialAnswer, _QUICK)
REFERRAL = _of("referral", formats.ReferralNamed, formats.ReferralAnswer, _SMALL)
STAFF = _of("staff", formats.StaffNamed, formats.StaffAnswer, Known(64 * KIB, 256 * KIB, 1.5))
PRIVATE = _of("private", formats.PrivateSent, formats.Nothing, Known(6 * MIB, KIB, 20.0))
SLICE = _of("slice", formats.SliceAsked, SealedChunk, Known(16 * KIB, 17 * MIB, 15.0))
SUPPLY_VERIFY = _of("supply-verify", PackAsked, PackAnswered, _SMALL)
SUPPLY_SCAN = _of("supply-scan", Question, Shown, _SMALL)

SUPPLY_CLAIMS = _of("supply-claims", formats.ClaimsAsked, formats.ClaimsAnswer, _SMALL)
SUPPLY_SHIPMENT = _of(
    "supply-shipment", formats.ShipmentSent, formats.Nothing, Known(65 * MIB, KIB, 60.0)
)
SUPPLY_ENDED = _of(
    "supply-ended", supply_formats.EndsSent, formats.Nothing, Known(9 * MIB, KIB, 60.0)
)
SUPPLY_OPENING = _of(
    "supply-opening", formats.OpeningsAsked, formats.OpeningsAnswer, Known(16 * KIB, LARGEST, 60.0)
)
SUPPLY_HISTORY = _of(
    "supply-history", formats.HistoryAsked, formats.HistoryAnswer, Known(KIB, LARGEST, 60.0)
)
SUPPLY_RECALL = _of("supply-recall", SignedAnswer, formats.Nothing, _SMALL)
SUPPLY_RECALLED = _of(
    "supply-recalled", supply_formats.MadeOfRecalled, formats.Nothing, Known(MIB, KIB, 10.0)
)
SUPPLY_TRACE = _of(
    "supply-trace", supply_formats.TraceAsked, supply_formats.TraceAnswer, Known(4 * KIB, MIB, 10.0)
)

REPLICA_PUT = _of(
    "replica-put", replica_formats.ReplicaPut, formats.Nothing, Known(32 * MIB, KIB, 60.0)
)
REPLICA_FRESH = _of(
    "replica-fresh",
    replica_formats.ReplicasFresh,
    replica_formats.ReplicasDiffer,
    Known(128 * KIB, 64 * KIB, 20.0),
)
REPLICA_DROP = _of("replica-drop", replica_formats.ReplicaNamed, formats.Nothing, _SMALL)
REPLICA_TELL = _of("replica-tell", replica_formats.ReplicasTold, formats.Nothing, _SMALL)
REPLICA_READ = _of(
    "replica-read",
    replica_formats.ReplicaAsked,
    formats.ReleaseAnswer,
    Known(256 * KIB, 64 * MIB, 30.0),
)
REPLICA_PACKAGE = _of(
    "replica-package",
    replica_formats.ReplicaPackageAsked,
    formats.PackageAnswer,
    Known(KIB, 5 * MIB, 10.0),
)
REPLICA_LINES = _of(
    "replica-lines", replica_formats.ReplicaLines, formats.Nothing, Known(4 * MIB, KIB, 20.0)
)


def encode(value: Any) -> bytes:
    """Write a question or an answer."""
    return msgspec.msgpack.encode(value)


class There:
    """A member at another node, asked by an organisation of this one. Holds nothing itself."""

    def __init__(self, peers: Peers, caller: str, organisation: str) -> None:
        """Refuses `members.unknown` and `members.no_endpoint`."""
        peers.require(organisation)
        self._peers = peers
        self._caller = caller
        self._organisation = organisation

    @property
    def id(self) -> str:
        """The organisation's id."""
        return self._organisation

    def _call(self, operation: Operation, asked: Any, type_: type[T]) -> T:
        answer = self._peers.call(
            self._caller, self._organisation, operation.name, encode(asked), operation.bounds
        )
        try:
            return msgspec.msgpack.decode(answer, type=type_)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise ANSWER_REFUSED(id=self._organisation) from None

    # -- records under a grant -----------------------------------------------------------------

    def release(
        self,
        session: OpenedSession,
        wanted: Sequence[str] | None = None,
        shown: ShownEncounter | None = None,
    ) -> list[Released]:
        """Ask portion by portion until nothing is left to be asked for."""

        def ask(some: tuple[str, ...] | None) -> formats.ReleaseAnswer:
            asked = formats.ReleaseAsked(session=session, wanted=some, shown=shown)
            return self._call(RELEASE, asked, formats.ReleaseAnswer)

        return self._portions(ask, wanted)

    def _portions(
        self,
        ask: Callable[[tuple[str, ...] | None], formats.ReleaseAnswer],
        wanted: Sequence[str] | None,
    ) -> list[Released]:
        found: list[Released] = []
        names: tuple[str, ...] | None = None if wanted is None else tuple(wanted)
        while names is None or names:
            some = None if names is None else names[:MAX_RECORDS]
            answer = ask(some)
            found += answer.released
            rest = () if names is None else names[MAX_RECORDS:]
            before = None if some is None else len(some)
            if before is not None and len(answer.more) >= before:
                # It says that nothing was done: it would say so for ever.
                raise ANSWER_REFUSED(id=self._organisation)
            names = (*answer.more, *rest)
        return found

    def slices(
        self, session: OpenedSession, content: bytes, start: int, length: int
    ) -> Iterator[bytes]:
        """Fetch slice by slice; each is checked against the manifest."""
        manifest = read_manifest(content)
        if start < 0 or length < 0 or start + length > manifest.size:
            raise RANGE_REFUSED(size=manifest.size)
        return self._slices(session.terms.session, content, start, start + length)

    def _slices(self, session: str, content: bytes, start: int, end: int) -> Iterator[bytes]:
        manifest = read_manifest(content)
        if start == end:
            return
        for index in range(start // manifest.chunk, -(-end // manifest.chunk)):
            asked = formats.SliceAsked(session=session, manifest=content, index=index)
            piece = open_chunk(manifest, self._call(SLICE, asked, SealedChunk))
            at = index * manifest.chunk
            yield piece[max(0, start - at) : end - at]

    # -- replicas ------------------------------------------------------------------------------

    def replica_put(self, allowance: str, changes: Changes) -> None:
        """Send what changed of a replica."""
        asked = replica_formats.ReplicaPut(allowance=allowance, **changes._asdict())
        self._call(REPLICA_PUT, asked, formats.Nothing)

    def replica_fresh(self, time: int, copies: Mapping[str, str]) -> Sequence[str]:
        """Say which replicas are complete, by their digests."""
        named = tuple(
            replica_formats.ReplicaCopy(allowance=name, digest=digest)
            for name, digest in copies.items()
        )
        asked = replica_formats.ReplicasFresh(time=time, copies=named)
        return self._call(REPLICA_FRESH, asked, replica_formats.ReplicasDiffer).differ

    def replica_drop(self, allowance: str) -> None:
        """Have a replica destroyed."""
        asked = replica_formats.ReplicaNamed(allowance=allowance)
        self._call(REPLICA_DROP, asked, formats.Nothing)

    def replica_read(
        self,
        holder: str,
        session: OpenedSession,
        wanted: Sequence[str] | None = None,
        shown: ShownEncounter | None = None,
    ) -> list[Released]:
        """Ask a replica as its holder would be asked."""

        def ask(some: tuple[str, ...] | None) -> formats.ReleaseAnswer:
            asked = replica_formats.ReplicaAsked(
                holder=holder, session=session, wanted=some, shown=shown
            )
            return self._call(REPLICA_READ, asked, formats.ReleaseAnswer)

        return self._portions(ask, wanted)

    def replica_package(self, holder: str, grant: str) -> bytes | None:
        """Ask a replica for the package of a grant."""
        asked = replica_formats.ReplicaPackageAsked(holder=holder, grant=grant)
        return self._call(REPLICA_PACKAGE, asked, formats.PackageAnswer).package

    # -- grants --------------------------------------------------------------------------------

    def repackage(self, grant: str) -> bytes | None:
        """Have a grant packaged anew."""
        return self._call(REPACKAGE, formats.GrantNamed(grant=grant), formats.PackageAnswer).package

    def accept(self, grant: str, package: bytes) -> None:
        """Send a package."""
        self._call(ACCEPT, formats.PackageSent(grant=grant, package=package), formats.Nothing)

    def ask(self, kept: Kept) -> None:
        """Send a question for access."""
        self._call(ASK, formats.AskSent(terms=kept.terms, salt=kept.salt), formats.Nothing)

    def tell(self, reader: str, kind: str, parameters: Parameters, cause: str) -> None:
        """Send word to a reader."""
        self._call(TELL, notice(reader, kind, parameters, cause), formats.Nothing)

    # -- emergencies ---------------------------------------------------------------------------

    def find(self, system: str, number: str, reader: str) -> str:
        """Ask whose number it is."""
        asked = formats.PersonSought(system=system, number=number, reader=reader)
        return self._call(FIND, asked, formats.PersonAnswer).person

    def emergency(self, request: EmergencyRequest) -> EmergencyReleased:
        """Ask the holder."""
        return self._call(EMERGENCY, request, EmergencyReleased)

    def share(self, request: ShareRequest) -> EscrowAnswer:
        """Ask an escrow service."""
        return self._call(SHARE, request, EscrowAnswer)

    def keep_share(self, package: bytes) -> None:
        """Send a share."""
        self._call(KEEP_SHARE, formats.SharePackage(package=package), formats.Nothing)

    def drop_share(self, pair: str) -> None:
        """Have a share dropped."""
        self._call(DROP_SHARE, formats.PairNamed(pair=pair), formats.Nothing)

    # -- duplicates, referrals, names ----------------------------------------------------------

    def partial(self, point: bytes) -> duplicates.Partial:
        """Ask for a member's part."""
        found = self._call(PARTIAL, formats.Blinded(point=point), formats.PartialAnswer)
        return duplicates.Partial(found.index, found.point, found.threshold)

    def referral(self, referral: str) -> Opened:
        """Ask for a referral's terms."""
        asked = formats.ReferralNamed(referral=referral)
        found = self._call(REFERRAL, asked, formats.ReferralAnswer)
        return Opened(found.terms, found.salt)

    def staff(self, practitioners: Sequence[str]) -> dict[str, str]:
        """Ask for names."""
        asked = formats.StaffNamed(practitioners=tuple(practitioners))
        names = self._call(STAFF, asked, formats.StaffAnswer).names
        return {each: names[each] for each in practitioners if each in names}

    # -- packs ---------------------------------------------------------------------------------

    def verify_pack(self, asked: PackAsked) -> PackAnswered:
        """Ask whether a pack is real."""
        return self._call(SUPPLY_VERIFY, asked, PackAnswered)

    def show_pack(self, question: Question) -> Shown:
        """Ask for what the public may see of a pack."""
        return self._call(SUPPLY_SCAN, question, Shown)

    # -- the trade -----------------------------------------------------------------------------

    def claims(self, count: int) -> Sequence[bytes]:
        """Ask for holder keys."""
        return self._call(
            SUPPLY_CLAIMS, formats.ClaimsAsked(count=count), formats.ClaimsAnswer
        ).keys

    def history(self, shipment: str, after: int) -> Page:
        """Ask for the next events of a shipment's packs."""
        asked = formats.HistoryAsked(shipment=shipment, after=after)
        found = self._call(SUPPLY_HISTORY, asked, formats.HistoryAnswer)
        return Page(found.events, found.next)

    def trace_pack(self, unit: str) -> supply_formats.TraceAnswer:
        """Ask what it saw of a pack."""
        asked = supply_formats.TraceAsked(unit=unit)
        return self._call(SUPPLY_TRACE, asked, supply_formats.TraceAnswer)

    def openings(self, intervals: Sequence[int]) -> Sequence[bytes]:
        """Ask for openings, as long as some are given."""
        found: list[bytes] = []
        while len(found) < len(intervals):
            rest = intervals[len(found) : len(found) + formats.MAX_INTERVALS]
            asked = formats.OpeningsAsked(intervals=tuple(rest))
            given = self._call(SUPPLY_OPENING, asked, formats.OpeningsAnswer).sealed
            if not given or len(given) > len(rest):
                raise ANSWER_REFUSED(id=self._organisation)
            found += given
        return found


def notice(reader: str, kind: str, parameters: Parameters, cause: str) -> formats.NoticeSent:
    """Write word to a reader elsewhere; refuses nothing that this node makes itself."""
    return msgspec.convert(
        {"reader": reader, "kind": kind, "parameters": dict(parameters), "cause": cause},
        formats.NoticeSent,
    )
