"""The holder's side of a grant: give it, extend it, change it, and renew keys at a revocation.

A grant re-wraps category keys to the grantee organisation's key service, so it is one operation
however many records it opens. Terms that name single records, or have labels taken out, hand over
no category key. Keys go out while a grant is valid and not before: what was handed over cannot be
taken back, so the only way to take anything back is to put what comes next under other keys.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import NamedTuple

import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.codec import Digest, Positive
from yilian.ledger.errors import code
from yilian.vault import conditions, replica_terms
from yilian.vault.catalogue import Catalogue, GivenRow
from yilian.vault.database import metadata, table, values
from yilian.vault.envelope import (
    Format,
    KeyName,
    PublicKey,
    Terms,
    WrappedCategoryKey,
    binding,
    checked,
    new_salt,
    terms_commitment,
    wrap,
)
from yilian.vault.errors import GRANT_EXISTS, GRANT_NOT_GIVEN
from yilian.vault.keystore import CategoryKey, Keystore
from yilian.vault.packages import GrantContent, GrantPackage

GRANTEE_FIXED = code(9321, "grantee_may_not_change", 409, "grant")


class Given(NamedTuple):
    """A grant given: the commitment belongs on the chain, the package goes to the grantee."""

    grant: str
    commitment: str
    package: bytes


class Rewrapped(NamedTuple):
    """New keys for a grant that stays; the package goes to its grantee."""

    grant: str
    package: bytes


class WholeGrant(NamedTuple):
    """A grant with its recipient and the ids of all keys that it opens; `package` wraps them."""

    opened: OpenedTerms
    recipient: PublicKey
    keys: tuple[str, ...]
    package: Callable[[], bytes]


class Changed(NamedTuple):
    """A grant changed: what goes on the chain and to the grantee, and what goes to the others.

    `rewrapped` is empty where no key had to be renewed.
    """

    given: Given
    version: int
    rewrapped: tuple[Rewrapped, ...]


class OpenedTerms(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-opened-terms/2"
):
    """Terms with their salt, as they are kept sealed on both sides."""

    salt: Digest
    terms: Terms
    version: Positive = 1


@dataclass(frozen=True, slots=True)
class EarlierRow:
    """Terms that were changed: sealed, with their commitment, until when (ms) they were current."""

    grant_id: str
    version: int
    terms: bytes
    commitment: str
    until: int


_given = metadata.tables["grants_given"]
_sent = metadata.tables["keys_sent"]
sql.Index("grants_given_patient", _given.c.patient)
_earlier = table("grants_earlier", EarlierRow, ["grant_id", "version"])


class Giver:
    """Gives the grants of one organisation. Safe for threads."""

    def __init__(
        self,
        organisation: str,
        keystore: Keystore,
        catalogue: Catalogue,
        clock: Callable[[], int],
    ) -> None:
        self._organisation = organisation
        self._keystore = keystore
        self._catalogue = catalogue
        self._clock = clock
        self._lock = RLock()

    def give(self, terms: Terms, grant: str, patient: str, recipient: bytes) -> Given:
        """Give a grant: keep its terms, wrap every key they open, seal the package.

        Again with the same terms it makes the whole package anew (for one that was lost, or a
        grantee that rotated its key); with others it refuses `grant_exists_with_other_terms`.
        Refuses `grant_condition_unknown` and `replicas.terms_refused`. Terms that begin later send
        their keys by `extend`.
        """
        checked(terms)
        conditions.check(terms.conditions)
        replica_terms.check(terms)
        with self._lock:
            return self._give(terms, grant, patient, PublicKey(recipient))

    def _give(self, terms: Terms, grant: str, patient: str, public: PublicKey) -> Given:
        known = self._catalogue.given(grant)
        if known is None:
            opened = OpenedTerms(salt=codec.to_text(new_salt()), terms=terms)
            row = self._row(grant, patient, public.data, opened)
        else:
            opened = self._opened(known)
            if opened.terms != terms or known.patient != patient:
                raise GRANT_EXISTS(grant=grant)
            row = GivenRow(grant, patient, public.data, known.terms, known.commitment)
        keys = self._keys_of(terms, self._keystore.category_keys(patient))
        package = self._package(row, opened, keys)
        # Also on a repeat: later extensions go to the key service that asked last.
        self._catalogue.give(row, grant, [each.key for each in keys])
        return Given(grant, row.commitment, package)

    def extend(self, grant: str) -> bytes | None:
        """Package the category keys made since the last package; None when there are none."""
        with self._lock:
            row = self._given(grant)
            keys = self._keystore.category_keys(row.patient)
            extended = self._extended([row], keys)
            return extended[0].package if extended else None

    # Change and revocation

    def change(self, grant: str, terms: Terms, standing: Sequence[str] = ()) -> Changed:
        """Replace a grant's terms: new salt, new commitment, the next version.

        The chain says which version stands: until it has the new commitment, `release` goes by
        the earlier terms. Where the new terms open less to the keys that are out, the patient's
        keys are renewed as in `after_revocation`, and `standing` names the patient's other
        grants that stay; where they open more, the package has the further keys. Refuses
        `grant_not_given_here`, `grantee_may_not_change`, `grant_condition_unknown`,
        `replicas.terms_refused`. With the terms
        that are current already it makes their package anew and no further version.
        """
        checked(terms)
        conditions.check(terms.conditions)
        replica_terms.check(terms)
        with self._lock:
            row = self._given(grant)
            before = self._opened(row)
            if terms.grantee != before.terms.grantee:
                raise GRANTEE_FIXED(grant=grant)
            if terms == before.terms:
                given = self._give(terms, grant, row.patient, PublicKey(row.recipient))
                return Changed(given, before.version, ())
            now = self._clock()
            narrower = not _handed_over(before.terms, now) <= _handed_over(terms, now)
            if narrower:
                self._renew(row.patient)
            given = self._replace(row, before, terms)
            others = [each for each in standing if each != grant]
            rewrapped = self._rewrapped(row.patient, others) if narrower else []
            return Changed(given, before.version + 1, tuple(rewrapped))

    def _replace(self, row: GivenRow, before: OpenedTerms, terms: Terms) -> Given:
        """Write the next version; the terms before it stay, for the chain may still have them."""
        salt = codec.to_text(new_salt())
        opened = OpenedTerms(salt=salt, terms=terms, version=before.version + 1)
        changed = self._row(row.grant_id, row.patient, row.recipient, opened)
        keys = self._keys_of(terms, self._keystore.category_keys(row.patient))
        package = self._package(changed, opened, keys)
        earlier = EarlierRow(row.grant_id, before.version, row.terms, row.commitment, self._clock())
        sent = [{"grant_id": row.grant_id, "category_key": each.key} for each in keys]
        with self._catalogue.write() as database:
            database.execute(sql.insert(_earlier), [values(earlier)])
            database.execute(sql.insert(_given).prefix_with("OR REPLACE"), [values(changed)])
            database.execute(sql.delete(_sent).where(_sent.c.grant_id == row.grant_id))
            if sent:
                database.execute(sql.insert(_sent), sent)
        return Given(row.grant_id, changed.commitment, package)

    def after_revocation(self, patient: str, standing: Sequence[str]) -> list[Rewrapped]:
        """Renew a patient's keys, and wrap the new ones for the grants that stay.

        To be called when a grant was taken back or has run out: what is deposited from now on
        goes under keys that no former grantee has. `standing` names the patient's grants that
        the chain shows as standing; the work grows with their number alone, and all of it is one
        database transaction. New keys are made for the newest period of each category and
        sensitivity; an older month gets its new key when something is deposited there. The keys
        are renewed even when it then refuses `grant_not_given_here`, for a grant that is not
        this patient's.
        """
        with self._lock:
            self._renew(patient)
            return self._rewrapped(patient, standing)

    def renew(self, patient: str) -> None:
        """End a patient's keys and make new ones; `rewrap` packages them for the grants that stay.

        The two halves of `after_revocation`, for who must not do the first half twice.
        """
        with self._lock:
            self._renew(patient)

    def rewrap(self, patient: str, standing: Sequence[str]) -> list[Rewrapped]:
        """Package what each of a patient's standing grants opens and was not sent yet.

        Refuses `grant_not_given_here` for a grant that is not this patient's.
        """
        with self._lock:
            return self._rewrapped(patient, standing)

    def _renew(self, patient: str) -> None:
        newest: dict[tuple[str, str], KeyName] = {}
        for each in self._keystore.category_keys(patient):
            # They come in order of name, so the last of a pair has the newest period.
            if not each.ended:
                newest[each.name.category, each.name.sensitivity] = each.name
        self._keystore.end_category_keys(patient)
        self._keystore.current_category_keys(newest.values())

    def _rewrapped(self, patient: str, standing: Sequence[str]) -> list[Rewrapped]:
        rows = self._given_rows(standing)
        for grant in standing:
            if grant not in rows or rows[grant].patient != patient:
                raise GRANT_NOT_GIVEN(grant=grant)
        keys = self._keystore.category_keys(patient)
        return self._extended([rows[grant] for grant in dict.fromkeys(standing)], keys)

    def _extended(self, rows: Sequence[GivenRow], keys: Sequence[CategoryKey]) -> list[Rewrapped]:
        """Package for each grant the keys that it opens and that were not sent under it."""
        sent = self._sent_under([row.grant_id for row in rows])
        made: list[Rewrapped] = []
        new: list[dict[str, str]] = []
        for row in rows:
            opened = self._opened(row)
            fresh = [
                each
                for each in self._keys_of(opened.terms, keys)
                if (row.grant_id, each.key) not in sent
            ]
            if fresh:
                made.append(Rewrapped(row.grant_id, self._package(row, opened, fresh)))
                new += [{"grant_id": row.grant_id, "category_key": each.key} for each in fresh]
        if new:
            with self._catalogue.write() as database:
                database.execute(sql.insert(_sent), new)
        return made

    # Parts

    def _keys_of(self, terms: Terms, keys: Iterable[CategoryKey]) -> list[CategoryKey]:
        """Choose the category keys that terms hand over now, out of a patient's."""
        pairs = _handed_over(terms, self._clock())
        return [each for each in keys if (each.name.category, each.name.sensitivity) in pairs]

    def _package(self, row: GivenRow, opened: OpenedTerms, keys: Sequence[CategoryKey]) -> bytes:
        public = PublicKey(row.recipient)
        ids = {
            "grant": row.grant_id,
            "grantee": opened.terms.grantee,
            "holder": self._organisation,
        }
        content = GrantContent(
            patient=row.patient,
            salt=opened.salt,
            terms=opened.terms,
            keys=tuple(
                WrappedCategoryKey(
                    key=each.key,
                    name=each.name,
                    generation=each.generation,
                    recipient=public.id,
                    wrapped=wrap(
                        public,
                        each.private.export(),
                        binding("category-key", category_key=each.key, **ids),
                    ),
                )
                for each in keys
            ),
        )
        sealed = wrap(public, codec.encode(content), binding("grant-package", **ids))
        return codec.encode(GrantPackage(**ids, recipient=public.id, sealed=sealed))

    def whole(self, grant: str, commitment: str) -> WholeGrant | None:
        """Package all that a grant's current terms open, for somebody else to hand on.

        Nothing is noted as sent, for nobody knows whether it will be asked for. None where the
        current terms have another commitment.
        """
        with self._lock:
            row = self._catalogue.given(grant)
            if row is None or row.commitment != commitment:
                return None
            opened = self._opened(row)
            keys = self._keys_of(opened.terms, self._keystore.category_keys(row.patient))
            return WholeGrant(
                opened,
                PublicKey(row.recipient),
                tuple(sorted(each.key for each in keys)),
                lambda: self._package(row, opened, keys),
            )

    def of_patient(self, patient: str) -> dict[str, tuple[str, Terms]]:
        """Give every grant given here for a patient: its current commitment and opened terms."""
        query = sql.select(_given).where(_given.c.patient == patient)
        rows = self._catalogue.rows(GivenRow, query.order_by(_given.c.grant_id))
        return {row.grant_id: (row.commitment, self._opened(row).terms) for row in rows}

    def patient(self, grant: str) -> str | None:
        """Name whose records a grant given here opens; None for a grant not given here."""
        row = self._catalogue.given(grant)
        return None if row is None else row.patient

    def opened(self, grant: str, commitment: str) -> OpenedTerms | None:
        """Open the version of a grant's terms that has this commitment; None where none has."""
        row = self._catalogue.given(grant)
        if row is None:
            return None
        found = self._standing_row(row, commitment)
        return self._opened(found) if found.commitment == commitment else None

    def grantee(self, grant: str) -> str | None:
        """Name the organisation that a grant was given to; None for a grant not given here."""
        row = self._catalogue.given(grant)
        return None if row is None else self._opened(row).terms.grantee

    def version(self, grant: str) -> int:
        """Count the versions of a grant's terms; refuses `grant_not_given_here`."""
        return self._opened(self._given(grant)).version

    def _given(self, grant: str) -> GivenRow:
        row = self._catalogue.given(grant)
        if row is None:
            raise GRANT_NOT_GIVEN(grant=grant)
        return row

    def _given_rows(self, grants: Sequence[str]) -> dict[str, GivenRow]:
        query = sql.select(_given).where(_given.c.grant_id.in_(_each_of(grants)))
        return {row.grant_id: row for row in self._catalogue.rows(GivenRow, query)}

    def _sent_under(self, grants: Sequence[str]) -> set[tuple[str, str]]:
        query = sql.select(_sent).where(_sent.c.grant_id.in_(_each_of(grants)))
        with self._catalogue.read() as database:
            return {(str(row[0]), str(row[1])) for row in database.execute(query)}

    def _standing_row(self, row: GivenRow, commitment: str | None) -> GivenRow:
        """Choose the version of a grant that the chain has; the current one where it has none."""
        if commitment in (None, row.commitment):
            return row
        query = sql.select(_earlier).where(
            _earlier.c.grant_id == row.grant_id, _earlier.c.commitment == commitment
        )
        found = self._catalogue.one(EarlierRow, query)
        if found is None:
            return row
        return GivenRow(row.grant_id, row.patient, row.recipient, found.terms, found.commitment)

    def _row(self, grant: str, patient: str, recipient: bytes, opened: OpenedTerms) -> GivenRow:
        committed = terms_commitment(codec.to_bytes(opened.salt), opened.terms)
        associated = _terms_binding(grant, patient, committed)
        sealed = self._keystore.sealer("grants").seal(codec.encode(opened), associated)
        return GivenRow(grant, patient, recipient, sealed, committed)

    def _opened(self, row: GivenRow) -> OpenedTerms:
        associated = _terms_binding(row.grant_id, row.patient, row.commitment)
        data = self._keystore.sealer("grants").open(row.terms, associated)
        return codec.decode(data, OpenedTerms)


def _handed_over(terms: Terms, now: int) -> set[tuple[str, str]]:
    """Give the (category, sensitivity) pairs whose keys terms hand over at a moment (ms)."""
    if terms.records is not None or terms.redact or replica_terms.allows_replica(terms):
        return set()
    if not terms.starts <= now < terms.ends:
        return set()
    opened = [each for each in terms.categories if each not in terms.denied]
    return set(itertools.product(opened, terms.sensitivities))


def _each_of(ids: Sequence[str]) -> sql.ScalarSelect[str]:
    """Hand ids to a query as one parameter, however many they are."""
    asked = sql.func.json_each(codec.encode(list(ids)).decode()).table_valued("value")
    return sql.select(asked.c.value).scalar_subquery()


def _terms_binding(grant: str, patient: str, committed: str) -> bytes:
    return binding("terms-given", grant=grant, patient=patient, commitment=committed)
