"""Recovery of reading: a person's category keys, sealed under a secret that guardians share.

Apart from the recovery of signing keys (`identity.SetGuardians`), and neither gives the other: who
may sign again cannot read yet, and who reads again cannot sign. A bundle holds all category keys of
a person at one holder, or the secret of a device; it is sealed under a random secret, the secret is
split (`shares.py`), each share wrapped to one guardian's HPKE key. Guardians hand their shares
back re-wrapped to the person's new key; compare that key's id by voice or in person first, since a
guardian's answer is given by a human and to whoever owns that key.

A new bundle has a new secret, a new set and the next number, and it alone is accepted: shares of an
older set open nothing that is still accepted. An old bundle with enough of its old shares does open
outside this program; so a guardian who is no longer trusted is answered by ending the keys as well
(`Keystore.end_category_keys`), then a new bundle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import Annotated, NamedTuple

import msgspec
import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.codec import Id, Positive, Whole
from yilian.ledger.errors import code
from yilian.vault import shares
from yilian.vault.database import Database, table, values
from yilian.vault.envelope import (
    Format,
    KeyName,
    PrivateKey,
    PublicKey,
    binding,
    open_sealed,
    seal,
    unwrap,
    wrap,
)
from yilian.vault.keystore import CategoryKey, Keystore
from yilian.vault.shares import MAX_SHARES, Count, Keepers, Share, check_keepers

GUARDIAN_UNKNOWN = code(9346, "recovery_guardian_unknown", 403, "guardian")
OUTDATED = code(9347, "recovery_bundle_outdated", 409, "number")
SHARE_DIFFERS = code(9348, "recovery_share_differs", 409, "guardian")
NO_BUNDLE = code(9349, "recovery_bundle_unknown", 404, "owner")


class BundleKey(Format, frozen=True, kw_only=True):
    """One category key with its secret half."""

    key: Id
    name: KeyName
    generation: Whole
    ended: bool
    private: bytes

    def __repr__(self) -> str:
        return f"<BundleKey {self.key}>"


class BundleContent(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-recovery-content/1"
):
    """The inside of a bundle; `device` is the secret of a person's own device key, or empty."""

    keys: tuple[BundleKey, ...]
    device: bytes = b""

    def __repr__(self) -> str:
        return f"<BundleContent of {len(self.keys)} keys>"


class RecoveryBundle(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-recovery-bundle/1"
):
    """A sealed bundle; anybody may keep it. The share of `guardians[i]` is number i + 1."""

    owner: Id
    number: Positive
    set: Id
    threshold: Count
    guardians: Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=MAX_SHARES)]
    sealed: bytes


class GuardianShare(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-guardian-share/1"
):
    """One guardian's share, wrapped to the key `recipient`: the guardian's, or the person's new."""

    owner: Id
    number: Positive
    set: Id
    guardian: Id
    recipient: Id
    wrapped: bytes


class Standing(NamedTuple):
    """Which bundle of an owner is the newest, as whoever keeps it says."""

    number: int
    set: str


class Made(NamedTuple):
    """A new bundle, and a share for each guardian."""

    bundle: RecoveryBundle
    shares: tuple[GuardianShare, ...]


def make_bundle(
    owner: str,
    number: int,
    keys: Sequence[CategoryKey],
    guardians: Keepers,
    device: bytes = b"",
) -> Made:
    """Seal keys under a fresh secret and split it; the secret ends with this call.

    Refuses as `shares.check_keepers`.
    """
    public = check_keepers(guardians)
    secret = shares.new_secret()
    parts = shares.split(secret, len(public), guardians.threshold)
    content = BundleContent(
        keys=tuple(
            BundleKey(
                key=each.key,
                name=each.name,
                generation=each.generation,
                ended=each.ended,
                private=each.private.export(),
            )
            for each in keys
        ),
        device=device,
    )
    bundle = RecoveryBundle(
        owner=owner,
        number=number,
        set=parts[0].set,
        threshold=guardians.threshold,
        guardians=tuple(name for name, _ in public),
        sealed=seal(secret, codec.encode(content), _bundle_binding(owner, number, parts[0].set)),
    )
    codec.decode(codec.encode(bundle), RecoveryBundle)
    wrapped = [
        _wrapped(bundle, name, key, part) for (name, key), part in zip(public, parts, strict=True)
    ]
    return Made(bundle, tuple(wrapped))


def hand_back(held: GuardianShare, guardian: PrivateKey, recipient: bytes) -> GuardianShare:
    """A guardian's answer: the share, re-wrapped to the person's new key.

    Refuses `envelope_not_opened` for another guardian's share, and `share_wrong`.
    """
    share = _unwrapped(held, guardian)
    shares.check_share(share)
    public = PublicKey(recipient)
    info = _share_binding(held, public.id)
    return msgspec.structs.replace(
        held, recipient=public.id, wrapped=wrap(public, codec.encode(share), info)
    )


def open_bundle(
    bundle: RecoveryBundle,
    answers: Sequence[GuardianShare],
    private: PrivateKey,
    standing: Standing,
) -> BundleContent:
    """Open a bundle with the answers of enough guardians.

    Refuses `recovery_bundle_outdated` (a newer one stands), `recovery_guardian_unknown`,
    `recovery_share_differs` for a share of another bundle, owner or guardian,
    `envelope_not_opened`, and as `shares.combine` (`shares_too_few`, `share_wrong`, ...).
    """
    codec.decode(codec.encode(bundle), RecoveryBundle)
    if (bundle.number, bundle.set) != standing:
        raise OUTDATED(number=bundle.number)
    found = [_returned(bundle, each, private) for each in answers]
    secret = shares.combine(found, bundle.set)
    associated = _bundle_binding(bundle.owner, bundle.number, bundle.set)
    return codec.decode(open_sealed(secret, bundle.sealed, associated), BundleContent)


def category_keys(content: BundleContent) -> list[CategoryKey]:
    """Give the recovered category keys, ready to open what is wrapped to them."""
    return [
        CategoryKey(each.key, each.name, each.generation, PrivateKey(each.private), each.ended)
        for each in content.keys
    ]


def _returned(bundle: RecoveryBundle, answer: GuardianShare, private: PrivateKey) -> Share:
    codec.decode(codec.encode(answer), GuardianShare)
    if answer.guardian not in bundle.guardians:
        raise GUARDIAN_UNKNOWN(guardian=answer.guardian)
    if (answer.owner, answer.number, answer.set) != (bundle.owner, bundle.number, bundle.set):
        raise SHARE_DIFFERS(guardian=answer.guardian)
    share = _unwrapped(answer, private)
    if share.index != bundle.guardians.index(answer.guardian) + 1:
        raise SHARE_DIFFERS(guardian=answer.guardian)
    return share


def _unwrapped(held: GuardianShare, private: PrivateKey) -> Share:
    data = unwrap(private, held.wrapped, _share_binding(held, held.recipient))
    return codec.decode(data, Share)


def _wrapped(
    bundle: RecoveryBundle, guardian: str, public: PublicKey, share: Share
) -> GuardianShare:
    empty = GuardianShare(
        owner=bundle.owner,
        number=bundle.number,
        set=bundle.set,
        guardian=guardian,
        recipient=public.id,
        wrapped=b"",
    )
    sealed = wrap(public, codec.encode(share), _share_binding(empty, public.id))
    return msgspec.structs.replace(empty, wrapped=sealed)


# The holder's side


@dataclass(frozen=True, slots=True)
class BundleRow:
    """A bundle of an owner; it stands when enough guardians have their shares.

    `keys` is a digest of the ids of the keys inside, to tell when a new bundle is due.
    """

    owner: str
    number: int
    stands: int | None
    keys: str
    bundle: bytes


@dataclass(frozen=True, slots=True)
class GuardianRow:
    """A share that is still to be handed to its guardian."""

    owner: str
    number: int
    guardian: str
    share: bytes


_bundles = table("recovery_bundles", BundleRow, ["owner", "number"])
_waiting = table("recovery_shares", GuardianRow, ["owner", "number", "guardian"])


class Recovery:
    """The bundles of one organisation's patients. Safe for threads."""

    def __init__(self, keystore: Keystore, database: Database, clock: Callable[[], int]) -> None:
        self._keystore = keystore
        self._database = database
        self._clock = clock
        self._lock = RLock()

    def make(self, patient: str, guardians: Keepers) -> list[GuardianShare]:
        """Make the next bundle of a patient's keys; returns `outgoing(patient)`.

        The bundle before stands until `threshold` guardians have the new shares. Refuses as
        `shares.check_keepers`, and then changes nothing.
        """
        with self._lock:
            keys = self._keystore.category_keys(patient)
            number = max((row.number for row in self._rows(patient)), default=0) + 1
            made = make_bundle(patient, number, keys, guardians)
            row = BundleRow(patient, number, None, _keys(keys), codec.encode(made.bundle))
            waiting = [
                GuardianRow(patient, number, each.guardian, codec.encode(each))
                for each in made.shares
            ]
            unfinished = (_bundles.c.owner == patient, _bundles.c.stands.is_(None))
            with self._database.write() as database:
                database.execute(sql.delete(_waiting).where(_waiting.c.owner == patient))
                database.execute(sql.delete(_bundles).where(*unfinished))
                database.execute(sql.insert(_bundles), [values(row)])
                database.execute(sql.insert(_waiting), [values(each) for each in waiting])
        return self.outgoing(patient)

    def outgoing(self, patient: str) -> list[GuardianShare]:
        """List the shares still to be handed to guardians; complete after a crash."""
        query = sql.select(_waiting).where(_waiting.c.owner == patient)
        rows = self._database.rows(GuardianRow, query.order_by(_waiting.c.guardian))
        return [codec.decode(row.share, GuardianShare) for row in rows]

    def delivered(self, share: GuardianShare) -> None:
        """Note that a guardian has its share, which is then deleted here; again is fine."""
        with self._lock, self._database.write() as database:
            mine = (_waiting.c.owner == share.owner, _waiting.c.number == share.number)
            for row in self._rows(share.owner):
                bundle = codec.decode(row.bundle, RecoveryBundle)
                if (row.number, bundle.set) != (share.number, share.set):
                    continue
                told = sql.delete(_waiting).where(*mine, _waiting.c.guardian == share.guardian)
                database.execute(told)
                count = sql.select(sql.func.count()).select_from(_waiting).where(*mine)
                waiting = database.execute(count).scalar_one()
                enough = len(bundle.guardians) - waiting >= bundle.threshold
                if row.stands is None and enough:
                    self._stand(database, row)

    def standing(self, patient: str) -> RecoveryBundle:
        """Give the bundle that is accepted now; refuses `recovery_bundle_unknown`."""
        return codec.decode(self._standing(patient).bundle, RecoveryBundle)

    def complete(self, patient: str) -> bool:
        """Tell whether the standing bundle has all keys of the patient, ended ones included."""
        stands = [row for row in self._rows(patient) if row.stands is not None]
        return bool(stands) and stands[-1].keys == _keys(self._keystore.category_keys(patient))

    def open(
        self, bundle: RecoveryBundle, answers: Sequence[GuardianShare], private: PrivateKey
    ) -> list[CategoryKey]:
        """Open a patient's bundle if it is the standing one; refuses as `open_bundle`."""
        newest = self.standing(bundle.owner)
        standing = Standing(newest.number, newest.set)
        return category_keys(open_bundle(bundle, answers, private, standing))

    def forget(self, patient: str) -> None:
        """Delete all bundles of a patient whose records are erased."""
        with self._lock, self._database.write() as database:
            for part in (_bundles, _waiting):
                database.execute(sql.delete(part).where(part.c.owner == patient))

    def _stand(self, database: sql.Connection, row: BundleRow) -> None:
        older = (_bundles.c.owner == row.owner, _bundles.c.number < row.number)
        database.execute(sql.delete(_bundles).where(*older))
        change = sql.update(_bundles).where(
            _bundles.c.owner == row.owner, _bundles.c.number == row.number
        )
        database.execute(change.values(stands=self._clock()))

    def _standing(self, patient: str) -> BundleRow:
        stands = [row for row in self._rows(patient) if row.stands is not None]
        if not stands:
            raise NO_BUNDLE(owner=patient)
        return stands[-1]

    def _rows(self, patient: str) -> list[BundleRow]:
        query = sql.select(_bundles).where(_bundles.c.owner == patient)
        return self._database.rows(BundleRow, query.order_by(_bundles.c.number))


def _keys(keys: Sequence[CategoryKey]) -> str:
    ids = sorted(each.key for each in keys)
    return codec.to_text(hashlib.sha256(codec.encode(ids)).digest())


def _bundle_binding(owner: str, number: int, name: str) -> bytes:
    return binding("recovery-bundle", number=number, owner=owner, set=name)


def _share_binding(held: GuardianShare, recipient: str) -> bytes:
    return binding(
        "guardian-share",
        guardian=held.guardian,
        number=held.number,
        owner=held.owner,
        recipient=recipient,
        set=held.set,
    )
