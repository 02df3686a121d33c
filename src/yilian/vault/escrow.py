"""A member's escrow service: keeps shares of emergency keys, and releases them by rule alone.

A share lies here as it came, wrapped to this organisation's key service (HPKE; its `info` names the
use, so that no grant and no share opens as the other). `release` asks no human: the request opens
the commitment of a `consent.BreakGlass`, this member's OWN node says that it stands, and the share
is re-wrapped to the key service that the chain gives for the reader's organisation. Every release
and every refusal is journalled before the answer leaves.

What a single member can do: withhold its share, or give it to somebody against the rule, which
tells nothing unless `threshold` members do so. On an embedded chain one member is all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.codec import Id
from yilian.ledger.errors import Refusal, code
from yilian.vault.database import Database, table, values
from yilian.vault.emergency_access import (
    EmergencyFacts,
    EmergencyView,
    EscrowAnswer,
    ShareRequest,
    answer_binding,
    decide_emergency,
    line,
)
from yilian.vault.envelope import (
    EmergencyTerms,
    Format,
    JournalLine,
    PublicKey,
    binding,
    emergency_commitment,
    unwrap,
    wrap,
)
from yilian.vault.errors import NOT_FOR_US
from yilian.vault.keystore import Keystore
from yilian.vault.shares import Share, check_share

SHARE_EXISTS = code(9339, "escrow_share_exists", 409, "pair")
NOT_THE_HOLDER = code(9340, "escrow_not_the_holder", 403, "pair")


class EscrowContent(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-escrow-content/1"
):
    """The inside of a package: whose emergency key it is (the holder's id), and the share."""

    patient: Id
    share: Share


class EscrowPackage(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-escrow-package/1"
):
    """A share on its way to one keeper; the envelope does not name the patient."""

    holder: Id
    keeper: Id
    pair: Id
    recipient: Id
    sealed: bytes


def package_binding(holder: str, keeper: str, pair: str) -> bytes:
    """Say which share a package is."""
    return binding("escrow-share", holder=holder, keeper=keeper, pair=pair)


@dataclass(frozen=True, slots=True)
class ShareRow:
    """A share kept for another organisation (or this one); `sealed` as it came."""

    pair: str
    holder: str
    recipient: str
    sealed: bytes


_shares = table("escrow_shares", ShareRow, ["pair"])


class Escrow:
    """The escrow service of one organisation. Safe for threads."""

    def __init__(
        self,
        organisation: str,
        keystore: Keystore,
        database: Database,
        journal: Callable[[Sequence[JournalLine]], None],
        clock: Callable[[], int],
    ) -> None:
        self._organisation = organisation
        self._keystore = keystore
        self._database = database
        self._journal = journal
        self._clock = clock

    def keep(self, package: bytes, caller: str) -> str:
        """Keep a share durably and return its pair's id; the same package again is fine.

        `caller` is whom the connection is authenticated as. Refuses
        `package_not_for_this_organisation`, `escrow_not_the_holder`, `escrow_share_exists` for
        another package of the same pair, and what does not open or is no share, before it is kept.
        """
        outer = codec.decode(package, EscrowPackage)
        if outer.keeper != self._organisation:
            raise NOT_FOR_US()
        if outer.holder != caller:
            raise NOT_THE_HOLDER(pair=outer.pair)
        row = ShareRow(outer.pair, outer.holder, outer.recipient, outer.sealed)
        check_share(self._opened(row).share)
        with self._database.write() as database:
            database.execute(sql.insert(_shares).prefix_with("OR IGNORE"), [values(row)])
        if self._share(outer.pair) != row:
            raise SHARE_EXISTS(pair=outer.pair)
        return outer.pair

    def drop(self, pair: str, caller: str) -> None:
        """Destroy a share that its holder has replaced; an absent one is fine.

        Refuses `escrow_not_the_holder`.
        """
        row = self._share(pair)
        if row is None:
            return
        if row.holder != caller:
            raise NOT_THE_HOLDER(pair=pair)
        with self._database.write() as database:
            database.execute(sql.delete(_shares).where(_shares.c.pair == pair))

    def held(self, holder: str) -> list[str]:
        """List the pairs of a holder whose shares are here."""
        query = sql.select(_shares).where(_shares.c.holder == holder).order_by(_shares.c.pair)
        return [row.pair for row in self._database.rows(ShareRow, query)]

    def release(self, request: ShareRequest, view: EmergencyView, caller: str) -> EscrowAnswer:
        """Decide, journal durably, then answer: the re-wrapped share, or every reason why not.

        `view` comes from this organisation's own node. Again within the access the answer is made
        anew, for the same organisation. Refuses `malformed` only.
        """
        codec.decode(codec.encode(request), ShareRequest)
        terms, clock = request.terms, self._clock()
        facts = EmergencyFacts(
            view=view,
            clock=clock,
            caller=caller,
            commitment=emergency_commitment(codec.to_bytes(request.salt), terms),
            here=None,
        )
        about = list(decide_emergency(terms, facts).reasons)
        share, reason = self._share_of(request.pair, terms)
        recipient, reason_key = _key(view.recipient)
        reasons = [*about, *reason_key, *reason]
        now = max(clock, view.block_time)
        answer = EscrowAnswer(
            keeper=self._organisation,
            access=terms.access,
            pair=request.pair,
            # Whether a share is here is told only to whom it could be given.
            reasons=tuple([*about, *reason_key] or reason),
        )
        if not reasons and share is not None and recipient is not None:
            answer = EscrowAnswer(
                keeper=self._organisation,
                access=terms.access,
                pair=request.pair,
                recipient=recipient.id,
                wrapped=wrap(
                    recipient, codec.encode(share), answer_binding(answer, terms.organisation)
                ),
            )
        self._journal([line(terms, request.pair, reasons, now)])
        return answer

    def _share_of(self, pair: str, terms: EmergencyTerms) -> tuple[Share | None, list[str]]:
        row = self._share(pair)
        if row is None:
            return None, ["share_not_held"]
        try:
            opened = self._opened(row)
        except Refusal:
            return None, ["share_unreadable"]
        if (row.holder, opened.patient) != (terms.holder, terms.patient):
            return None, ["share_of_other_patient"]
        return opened.share, []

    def _opened(self, row: ShareRow) -> EscrowContent:
        private = self._keystore.service_key_by_id(row.recipient)
        info = package_binding(row.holder, self._organisation, row.pair)
        return codec.decode(unwrap(private, row.sealed, info), EscrowContent)

    def _share(self, pair: str) -> ShareRow | None:
        return self._database.one(ShareRow, sql.select(_shares).where(_shares.c.pair == pair))


def _key(data: bytes | None) -> tuple[PublicKey | None, list[str]]:
    """Read the requester's key; without one the decision has said so already."""
    if data is None:
        return None, []
    try:
        return PublicKey(data), []
    except Refusal:
        return None, ["key_service_unreadable"]
