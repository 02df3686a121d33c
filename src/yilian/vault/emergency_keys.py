"""The holder's emergency keys: one HPKE pair per patient and month, its secret split to keepers.

The category keys of the patient's emergency set, old months too, are wrapped to the pair's public
half whenever new ones appear; that needs no keeper. The pair comes from a 32-byte secret that is
split when it is made; **the holder keeps neither the secret nor the pair's private half**, only
the public half and, until they are delivered, the shares wrapped to their keepers. (The holder has
the category keys themselves: for its own patients the pair would open nothing new to it. Python
cannot wipe memory; the secret's bytes go when the interpreter reuses them.)

A new pair is made for a new month, for other keepers, after a use, or by `rotate`. The old one
stands until enough keepers have the new shares, so that no moment is without; then its wraps are
deleted and its keepers told to drop. Where it had been used, the patient's category keys end too:
the requester has seen them, and later records must not open with them. Extend the standing grants
then, as for a revocation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import Any

import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.codec import Id
from yilian.ledger.errors import MALFORMED
from yilian.vault import shares
from yilian.vault.database import Database, position, table, values
from yilian.vault.emergency_access import EmergencySet, emergency_key_binding, pair_binding
from yilian.vault.envelope import (
    Format,
    PublicKey,
    WrappedCategoryKey,
    binding,
    derived_recipient,
    new_id,
    wrap,
)
from yilian.vault.escrow import EscrowContent, EscrowPackage, package_binding
from yilian.vault.keystore import CategoryKey, Keystore
from yilian.vault.shares import Count, Keepers, check_keepers

DEFAULT = EmergencySet(
    categories=("allergy", "demographics", "immunization", "medication", "problem")
)
"""What opens unless the patient says otherwise; the sensitive stays closed."""

KEEP, DROP, REFUSED = "keep", "drop", "refused"
_MONTH = "%Y-%m"


class _Keeper(Format, frozen=True, kw_only=True):
    id: Id
    recipient: Id


class Pair(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-emergency-pair/1"):
    """The public side of an emergency key: who keeps shares of its secret, how many suffice."""

    key: Id
    public: bytes
    set: Id
    threshold: Count
    keepers: tuple[_Keeper, ...]

    @property
    def alone(self) -> bool:
        """Tell whether one keeper's share is enough (an embedded chain: 1 of 1)."""
        return self.threshold == 1


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a keeper is to be told: keep this package, or drop its share of a pair."""

    pair: str
    keeper: str
    act: str
    package: bytes


@dataclass(frozen=True, slots=True)
class PairRow:
    """A pair: `stands` since when enough keepers have their shares, `used_until` its last use."""

    pair: str
    patient: str
    period: str
    made: int
    stands: int | None
    used_until: int | None
    sealed: bytes


@dataclass(frozen=True, slots=True)
class WrapRow:
    """A category key wrapped to a pair."""

    pair: str
    category_key: str
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class SetRow:
    """A patient's own emergency set, sealed."""

    patient: str
    sealed: bytes


_pairs = table("emergency_pairs", PairRow, [], position(), sql.UniqueConstraint("pair"))
sql.Index("emergency_pairs_of_patient", _pairs.c.patient)
_wraps = table("emergency_wraps", WrapRow, ["pair", "category_key"])
_outgoing = table("emergency_outgoing", Outgoing, ["pair", "keeper", "act"])
_sets = table("emergency_sets", SetRow, ["patient"])


class EmergencyKeys:
    """The emergency keys of one organisation's patients. Safe for threads."""

    def __init__(
        self,
        organisation: str,
        keystore: Keystore,
        database: Database,
        clock: Callable[[], int],
    ) -> None:
        self._organisation = organisation
        self._keystore = keystore
        self._database = database
        self._clock = clock
        self._lock = RLock()

    # What opens

    def categories(self, patient: str) -> EmergencySet:
        """Give a patient's emergency set: their own, else the default."""
        row = self._database.one(SetRow, sql.select(_sets).where(_sets.c.patient == patient))
        if row is None:
            return DEFAULT
        sealer = self._keystore.sealer("emergency-sets")
        return codec.decode(sealer.open(row.sealed, _set_binding(patient)), EmergencySet)

    def set_emergency_categories(
        self,
        patient: str,
        categories: Iterable[str],
        sensitivities: Iterable[str] = DEFAULT.sensitivities,
    ) -> EmergencySet:
        """Widen, narrow or (no categories) close a patient's emergency set, from now on.

        Wraps outside it are deleted at once. What an earlier emergency gave away stays given.
        Refuses `malformed`.
        """
        if isinstance(categories, str) or isinstance(sensitivities, str):
            raise MALFORMED()
        made = EmergencySet(
            categories=tuple(sorted(set(categories))),
            sensitivities=tuple(sorted(set(sensitivities))),
        )
        data = codec.encode(made)
        codec.decode(data, EmergencySet)
        sealed = self._keystore.sealer("emergency-sets").seal(data, _set_binding(patient))
        with self._lock, self._database.write() as database:
            database.execute(
                sql.insert(_sets).prefix_with("OR REPLACE"), [values(SetRow(patient, sealed))]
            )
            pairs = self._of(patient)
            if made.categories:
                self._rewrap(database, patient, made, pairs)
            else:
                self._retire(database, pairs)
        return made

    # Pairs and shares

    def refresh(self, patient: str, keepers: Keepers) -> list[Outgoing]:
        """Wrap what is new, and make a new pair where one is due; returns `outgoing()`.

        To be called after a deposit, at a month's start and when an emergency has ended (`due`).
        Refuses as `shares.check_keepers`, and then changes nothing.
        """
        return self._renew(patient, keepers, fresh=False)

    def rotate(self, patient: str, keepers: Keepers) -> list[Outgoing]:
        """Make a new pair now; as `refresh` otherwise."""
        return self._renew(patient, keepers, fresh=True)

    def forget(self, patient: str) -> list[Outgoing]:
        """Delete all pairs and the set of a patient whose records are erased."""
        with self._lock, self._database.write() as database:
            self._retire(database, self._of(patient))
            database.execute(sql.delete(_sets).where(_sets.c.patient == patient))
        return self.outgoing()

    def due(self) -> list[str]:
        """List patients whose pair is of another month or of a use that has ended."""
        now = self._clock()
        newest = sql.select(sql.func.max(_pairs.c.position)).group_by(_pairs.c.patient)
        over = sql.or_(_pairs.c.period != _month(now), _pairs.c.used_until <= now)
        query = sql.select(_pairs).where(_pairs.c.position.in_(newest), over)
        return sorted(row.patient for row in self._database.rows(PairRow, query))

    def kept_otherwise(
        self, keepers: Keepers, after: int, limit: int
    ) -> tuple[list[str], int | None]:
        """List patients whose newest pair others keep than these, in portions.

        Looks at `limit` pairs behind the place `after` (0: from the first) and gives the next
        place, None at the end.
        """
        public = [(name, key.id) for name, key in check_keepers(keepers)]
        newest = sql.select(sql.func.max(_pairs.c.position)).group_by(_pairs.c.patient)
        query = sql.select(_pairs).where(_pairs.c.position > after, _pairs.c.position.in_(newest))
        with self._database.read() as database:
            rows = database.execute(query.order_by(_pairs.c.position).limit(limit)).all()
        found = []
        for row in rows:
            pair = self._opened(row)
            kept = [(each.id, each.recipient) for each in pair.keepers]
            if (pair.threshold, kept) != (keepers.threshold, public):
                found.append(row.patient)
        return found, rows[-1].position if len(rows) == limit else None

    def receivers(self) -> list[str]:
        """List the keepers that are still to be told something."""
        query = sql.select(_outgoing.c.keeper).where(_outgoing.c.act != REFUSED).distinct()
        with self._database.read() as database:
            return sorted(database.execute(query).scalars())

    def outgoing(self, keeper: str | None = None, limit: int | None = None) -> list[Outgoing]:
        """List what is still to be told to keepers, or to one; complete after a crash."""
        query = sql.select(_outgoing).where(_outgoing.c.act != REFUSED).limit(limit)
        if keeper is not None:
            query = query.where(_outgoing.c.keeper == keeper)
        return self._database.rows(Outgoing, query.order_by(*_outgoing.primary_key.columns))

    def delivered(self, told: Outgoing) -> None:
        """Note that a keeper has acknowledged; again is fine.

        When enough keepers have the shares of a pair it stands, and the older ones are retired.
        """
        with self._lock, self._database.write() as database:
            self._forget(database, told)
            waiting = database.execute(
                sql.select(sql.func.count())
                .select_from(_outgoing)
                .where(_outgoing.c.pair == told.pair, _outgoing.c.act != DROP)
            ).scalar_one()
            self._stand(database, told.pair, waiting)

    def refused(self, told: Outgoing) -> None:
        """Note that a keeper will never have this; its share counts for nothing.

        The next pair is made for the keepers that there are then.
        """
        with self._lock, self._database.write() as database:
            change = sql.update(_outgoing).where(
                _outgoing.c.pair == told.pair,
                _outgoing.c.keeper == told.keeper,
                _outgoing.c.act == told.act,
            )
            if told.act == KEEP:
                database.execute(change.values(act=REFUSED))
            else:
                self._forget(database, told)

    def standing(self, patient: str) -> tuple[PairRow, Pair] | None:
        """Find the pair whose shares enough keepers have."""
        stands = [row for row in self._of(patient) if row.stands is not None]
        return (stands[-1], self._opened(stands[-1])) if stands else None

    def wrapped(self, row: PairRow, keys: Iterable[str]) -> list[WrappedCategoryKey]:
        """Give category keys as they are wrapped to a pair, those of `keys` that are."""
        wanted = set(keys)
        recipient = self._opened(row).key
        query = sql.select(_wraps).where(_wraps.c.pair == row.pair)
        found = {each.category_key: each for each in self._database.rows(WrapRow, query)}
        return [
            WrappedCategoryKey(
                key=each.key,
                name=each.name,
                generation=each.generation,
                recipient=recipient,
                wrapped=found[each.key].wrapped,
            )
            for each in self._keystore.category_keys(row.patient)
            if each.key in wanted and each.key in found
        ]

    def used(self, row: PairRow, until: int) -> None:
        """Note durably, before anything leaves, that a pair is in use until a moment (ms)."""
        with self._lock, self._database.write() as database:
            change = sql.update(_pairs).where(
                _pairs.c.pair == row.pair,
                sql.func.coalesce(_pairs.c.used_until, 0) < until,
            )
            database.execute(change.values(used_until=until))

    def _renew(self, patient: str, keepers: Keepers, *, fresh: bool) -> list[Outgoing]:
        public = check_keepers(keepers)
        with self._lock, self._database.write() as database:
            opened = self.categories(patient)
            pairs = self._of(patient)
            if not opened.categories:
                self._retire(database, pairs)
            else:
                if fresh or not pairs or self._outlived(pairs[-1], keepers.threshold, public):
                    waiting = [row for row in pairs if row.stands is None]
                    self._retire(database, waiting)
                    made = self._make(database, patient, keepers.threshold, public)
                    pairs = [row for row in pairs if row.stands is not None] + [made]
                self._rewrap(database, patient, opened, pairs)
        return self.outgoing()

    def _outlived(
        self, row: PairRow, threshold: int, keepers: Sequence[tuple[str, PublicKey]]
    ) -> bool:
        pair = self._opened(row)
        kept = [(each.id, each.recipient) for each in pair.keepers]
        other = [(name, key.id) for name, key in keepers]
        return (pair.threshold, kept) != (threshold, other) or _over(row, self._clock())

    def _make(
        self,
        database: sql.Connection,
        patient: str,
        threshold: int,
        keepers: Sequence[tuple[str, PublicKey]],
    ) -> PairRow:
        """Draw a secret, split it, and keep the public half; the secret ends with this call."""
        name, now = new_id(), self._clock()
        secret = shares.new_secret()
        public = derived_recipient(secret, pair_binding(self._organisation, patient, name)).public
        parts = shares.split(secret, len(keepers), threshold)
        pair = Pair(
            key=public.id,
            public=public.data,
            set=parts[0].set,
            threshold=threshold,
            keepers=tuple(_Keeper(id=each, recipient=key.id) for each, key in keepers),
        )
        period = _month(now)
        sealed = self._keystore.sealer("emergency-pairs").seal(
            codec.encode(pair), _pair_binding(name, patient, period)
        )
        row = PairRow(name, patient, period, now, None, None, sealed)
        database.execute(sql.insert(_pairs), [values(row)])
        packages = [
            self._package(name, keeper, key, EscrowContent(patient=patient, share=part))
            for (keeper, key), part in zip(keepers, parts, strict=True)
        ]
        database.execute(sql.insert(_outgoing), [values(each) for each in packages])
        return row

    def _package(
        self, pair: str, keeper: str, public: PublicKey, content: EscrowContent
    ) -> Outgoing:
        info = package_binding(self._organisation, keeper, pair)
        package = EscrowPackage(
            holder=self._organisation,
            keeper=keeper,
            pair=pair,
            recipient=public.id,
            sealed=wrap(public, codec.encode(content), info),
        )
        return Outgoing(pair, keeper, KEEP, codec.encode(package))

    def _rewrap(
        self,
        database: sql.Connection,
        patient: str,
        opened: EmergencySet,
        pairs: Sequence[PairRow],
    ) -> None:
        """Make the wraps of each pair exactly those of the set's category keys."""
        keys = {each.key: each for each in self._keystore.category_keys(patient)}
        wanted = {key for key, each in keys.items() if opened.opens(each.name)}
        for row in pairs:
            query = sql.select(_wraps.c.category_key).where(_wraps.c.pair == row.pair)
            there = set(database.execute(query).scalars())
            public = PublicKey(self._opened(row).public)
            new = [self._wrap(row.pair, public, keys[key]) for key in sorted(wanted - there)]
            if new:
                database.execute(sql.insert(_wraps), [values(each) for each in new])
            for key in sorted(there - wanted):
                database.execute(
                    sql.delete(_wraps).where(
                        _wraps.c.pair == row.pair, _wraps.c.category_key == key
                    )
                )

    def _wrap(self, pair: str, public: PublicKey, key: CategoryKey) -> WrapRow:
        info = emergency_key_binding(self._organisation, pair, key.key)
        return WrapRow(pair, key.key, wrap(public, key.private.export(), info))

    @staticmethod
    def _forget(database: sql.Connection, told: Outgoing) -> None:
        database.execute(
            sql.delete(_outgoing).where(
                _outgoing.c.pair == told.pair,
                _outgoing.c.keeper == told.keeper,
                _outgoing.c.act == told.act,
            )
        )

    def _stand(self, database: sql.Connection, name: str, waiting: int) -> None:
        query = sql.select(_pairs).where(_pairs.c.pair == name)
        row = self._database.one(PairRow, query)
        if row is None or row.stands is not None:
            return
        pair = self._opened(row)
        if len(pair.keepers) - waiting < pair.threshold:
            return
        change = sql.update(_pairs).where(_pairs.c.pair == name)
        database.execute(change.values(stands=self._clock()))
        self._retire(database, [each for each in self._of(row.patient) if each.pair != name])

    def _retire(self, database: sql.Connection, rows: Sequence[PairRow]) -> None:
        for row in rows:
            if row.used_until is not None:
                self._keystore.end_category_keys(row.patient)
            for part in (_pairs, _wraps, _outgoing):
                database.execute(sql.delete(part).where(part.c.pair == row.pair))
            drops = [
                values(Outgoing(row.pair, each.id, DROP, b"")) for each in self._opened(row).keepers
            ]
            database.execute(sql.insert(_outgoing), drops)

    def _of(self, patient: str) -> list[PairRow]:
        query = sql.select(_pairs).where(_pairs.c.patient == patient)
        return self._database.rows(PairRow, query.order_by(_pairs.c.position))

    def _opened(self, row: PairRow | sql.Row[Any]) -> Pair:
        sealer = self._keystore.sealer("emergency-pairs")
        data = sealer.open(row.sealed, _pair_binding(row.pair, row.patient, row.period))
        return codec.decode(data, Pair)


def _over(row: PairRow, now: int) -> bool:
    return row.period != _month(now) or (row.used_until is not None and now >= row.used_until)


def _month(now: int) -> str:
    return time.strftime(_MONTH, time.gmtime(now // 1000))


def _pair_binding(pair: str, patient: str, period: str) -> bytes:
    return binding("emergency-pair-row", pair=pair, patient=patient, period=period)


def _set_binding(patient: str) -> bytes:
    return binding("emergency-set", patient=patient)
