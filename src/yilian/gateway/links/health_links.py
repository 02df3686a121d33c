"""Links of one organisation's persons: made, listed, taken back, and ended with the records.

make     the records are read as the person may read them, journalled as every reading; one JWE is
         made of them, and what is kept is its ciphertext under a key that lives as long as the
         records do (`shares.py`)
open     `opening.py`
end      by hand, by its last opening, by time, by ten wrong passcodes, with any record in it, and
         by a restore of the vault; the ciphertext goes then

Nothing of it is on the chain but the journal's batches. Grants are not touched.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from yilian.gateway.content.bundle import Withheld
from yilian.gateway.content.export import Exported, gather
from yilian.gateway.links import epoch, passcodes, payload, shares
from yilian.gateway.links.bundle import Source, bundle
from yilian.gateway.links.errors import (
    DIRECT_WITH_PASSCODE,
    NOTHING_CHOSEN,
    NOTHING_TO_SHARE,
    RECORD_NOT_OPEN,
    TOO_MANY,
    TOO_MANY_RECORDS,
    UNKNOWN,
)
from yilian.gateway.links.facts import (
    Facts,
    open_content,
    open_facts,
    open_said,
    seal_content,
    seal_facts,
)
from yilian.gateway.links.jwe import encrypt
from yilian.gateway.links.payload import Flag, ShlPayload
from yilian.gateway.links.store import LinkStore
from yilian.gateway.links.tables import LinkRow
from yilian.gateway.practice.notices import public_name
from yilian.gateway.practice.records import OwnRecords
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault.catalogue import KEPT, RecordRow
from yilian.vault.certificates import Extent
from yilian.vault.envelope import new_id
from yilian.vault.large import MEDIA_TYPE as LARGE
from yilian.vault.policy import NORMAL

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation
    from yilian.gateway.practice.timelines import Reader

MAX_RECORDS = 1_000
MAX_STANDING = 100
"""Links of one person that have not ended."""
MINUTE_MS = 60_000
DAY_MINUTES = 1_440
MAX_MINUTES = 30 * DAY_MINUTES
MAX_OPENINGS = 100

log = logging.getLogger("yilian.gateway")


class Asked(NamedTuple):
    """What a link is to be. Nothing is chosen unless it is named here."""

    categories: tuple[str, ...] = ()
    sensitivities: tuple[str, ...] = (NORMAL,)
    records: tuple[str, ...] = ()
    label: str = ""
    minutes: int = DAY_MINUTES
    passcode: str | None = None
    openings: int = 1
    direct: bool = False


class Place(NamedTuple):
    """Where the link leads: the address of this node for people, and the language of its page."""

    origin: str
    language: str


class Opened(NamedTuple):
    """An opening: when, and who the recipient said to be, which nobody has checked."""

    opening: str
    time: int
    recipient: str | None


class Shown(NamedTuple):
    """A link as it stands. `state` is `standing` or why it ended; `facts` None once erased."""

    row: LinkRow
    state: str
    facts: Facts | None
    records: tuple[str, ...]
    openings: tuple[Opened, ...]


class Made(NamedTuple):
    """A new link. The key stands in `link` and `viewer`, and nowhere else.

    `left_out`: records of the chosen categories whose sensitivity was not named.
    """

    shown: Shown
    link: str
    viewer: str
    left_out: int


class HealthLinks:
    """The links of one organisation. It keeps nothing in memory; safe for threads."""

    def __init__(self, organisation: Organisation) -> None:
        self.organisation = organisation
        self.vault = organisation.vault
        self.store = LinkStore(organisation.vault.catalogue)

    def now(self) -> int:
        """Give the later of block time and this machine's clock, in ms."""
        return self.organisation.engine.now()

    # -- making --------------------------------------------------------------------------------

    def make(self, person: str, reader: Reader, asked: Asked, place: Place) -> Made:
        """Make a link of a person's records, as far as the reader may have them.

        Refuses `links.nothing_chosen`, `links.nothing_to_share`, `links.record_not_open`,
        `links.too_many_records`, `links.too_large`, `links.direct_with_passcode`, `links.too_many`,
        `links.address_too_long`, and as the records' own reading.
        """
        if asked.direct and asked.passcode is not None:
            raise DIRECT_WITH_PASSCODE()
        address = payload.new_address()
        url = payload.manifest_url(place.origin, address)
        self.tidy()
        if self.store.standing(person) >= MAX_STANDING:
            raise TOO_MANY(limit=MAX_STANDING)
        chosen, left_out = self._chosen(person, reader, asked)
        jwe, key = encrypt(self._read(person, reader, chosen, asked))
        flag: Flag | None = "U" if asked.direct else None if asked.passcode is None else "P"
        facts = Facts(
            by=reader.subject,
            label=asked.label,
            flag=flag,
            passcode=None
            if asked.passcode is None
            else codec.to_text(passcodes.made(asked.passcode)),
        )
        row = self._keep(person, address, asked, facts, jwe, [each.record for each in chosen])
        said = ShlPayload(
            url=url,
            key=key,
            exp=row.expires // 1000,
            flag=flag or "",
            label=asked.label,
            v=1,
        )
        link = payload.shlink(said)
        viewer = payload.viewer_url(place.origin, place.language, link)
        return Made(self._shown(row), link, viewer, left_out)

    def _chosen(self, person: str, reader: Reader, asked: Asked) -> tuple[list[RecordRow], int]:
        if not asked.categories and not asked.records:
            raise NOTHING_CHOSEN()
        rows = {
            row.record: row
            for row in OwnRecords(self.organisation).listed(reader.asker, person)
            # The record of a large object is the key to all of it; it is not handed out.
            if row.media_type != LARGE
        }
        for record in asked.records:
            if record not in rows:
                raise RECORD_NOT_OPEN(record=record)
        corrected = {row.replaces for row in rows.values()}
        of_categories = [
            row
            for row in rows.values()
            if row.category in asked.categories and row.record not in corrected
        ]
        named = set(asked.records)
        found = named | {
            row.record for row in of_categories if row.sensitivity in asked.sensitivities
        }
        if not found:
            raise NOTHING_TO_SHARE()
        if len(found) > MAX_RECORDS:
            raise TOO_MANY_RECORDS(limit=MAX_RECORDS)
        left_out = len({row.record for row in of_categories} - found)
        return [rows[each] for each in sorted(found)], left_out

    def _read(
        self, person: str, reader: Reader, chosen: Sequence[RecordRow], asked: Asked
    ) -> bytes:
        organisation = self.organisation
        # What waits goes on the chain first, so that each proof leads to a root that is there.
        organisation.anchor_all()
        gathered = gather(
            self.vault,
            self.vault.catalogue,
            person,
            reader.subject,
            reader.asker.purpose,
            records=[row.record for row in chosen],
            basis=reader.basis,
            on_behalf_of=reader.on_behalf_of,
        )
        found: list[Exported] = []
        for each in gathered:
            if isinstance(each, Withheld):
                raise RECORD_NOT_OPEN(record=each.record)
            found.append(each)
        source = Source(
            organisation.engine.genesis.chain,
            organisation.id,
            public_name(organisation.engine.state(), organisation.id),
        )
        return bundle(source, found, self.now())

    def _keep(
        self,
        person: str,
        address: str,
        asked: Asked,
        facts: Facts,
        jwe: str,
        records: Sequence[str],
    ) -> LinkRow:
        link, now = new_id(), self.now()
        # An erasure that came between would leave shares of what is gone.
        with self.vault.erasure.quiet():
            rows = {row.record: row for row in self.vault.catalogue.records(records)}
            for each in records:
                if rows[each].standing != KEPT:
                    raise RECORD_NOT_OPEN(record=each)
            key, kept = shares.share_out(
                self.vault.keystore, link, [rows[each] for each in records]
            )
            row = LinkRow(
                link=link,
                person=person,
                address=self.mark(address),
                epoch=epoch.current(self.vault.folder),
                made=now,
                expires=now + asked.minutes * MINUTE_MS,
                allowed=asked.openings,
                opened=0,
                last=None,
                failures=0,
                ended=None,
                why=None,
                facts=seal_facts(key, link, facts),
            )
            self.store.keep(row, seal_content(key, link, jwe), kept)
        return row

    def mark(self, address: str) -> str:
        """Give the keyed mark by which an address, or a ticket, is found."""
        return codec.to_text(self.vault.keystore.mac("health-link-address", address.encode()))

    # -- looking after -------------------------------------------------------------------------

    def of(self, person: str) -> list[Shown]:
        """List a person's links, the newest first, those that ended too."""
        self.tidy()
        return [self._shown(row) for row in self.store.of(person)]

    def get(self, person: str, link: str) -> Shown:
        """Give a person's link; refuses `links.unknown`, for another person's too."""
        self.tidy()
        row = self.store.find(link)
        if row is None or row.person != person:
            raise UNKNOWN(link=link)
        return self._shown(row)

    def revoke(self, person: str, link: str) -> Shown:
        """Take a link back, at once; again is fine. Refuses `links.unknown`."""
        self.get(person, link)
        self.store.end(link, "revoked", self.now())
        return self.get(person, link)

    def erased(self, records: Sequence[str], extent: Extent) -> None:
        """End the links that hold a record that goes or is sealed, and forget what they said.

        For `vault.erasure.listeners`; again is fine.
        """
        now = self.now()
        for link in self.store.with_records(records):
            self.store.end(link, "erased", now)
            self.store.forget(link)

    def tidy(self) -> None:
        """End what is over by time or by a restore, and let go of ciphertexts nobody needs."""
        now = self.now()
        for link, why in self.store.over(now, epoch.current(self.vault.folder)):
            self.store.end(link, why, now)
        for link in self.store.spent(now):
            self.store.end(link, "used", now)

    # -- opening one's own ---------------------------------------------------------------------

    def facts(self, row: LinkRow) -> Facts | None:
        """Give what a link says of itself; None once a record in it is gone."""
        key = shares.put_together(
            self.vault.keystore, self.vault.catalogue, self.store.records(row.link)
        )
        if key is None or not row.facts:
            return None
        try:
            return open_facts(key, row.link, row.facts)
        except Refusal as refusal:
            log.warning("health link %s: %s", row.link, refusal.code.name)
            return None

    def content(self, row: LinkRow) -> str | None:
        """Give a link's JWE; None where it does not open any more."""
        key = shares.put_together(
            self.vault.keystore, self.vault.catalogue, self.store.records(row.link)
        )
        sealed = self.store.content(row.link)
        if key is None or sealed is None:
            return None
        try:
            return open_content(key, row.link, sealed)
        except Refusal as refusal:
            log.warning("health link %s: %s", row.link, refusal.code.name)
            return None

    def _shown(self, row: LinkRow) -> Shown:
        openings = tuple(
            Opened(
                each.opening,
                each.time,
                open_said(self.vault.keystore, row.link, each.opening, each.said),
            )
            for each in self.store.openings(row.link)
        )
        records = tuple(each.record for each in self.store.records(row.link))
        state = row.why or "standing"
        return Shown(row, state, self.facts(row), records, openings)
