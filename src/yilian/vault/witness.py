"""Consent of a person without a device: what was said, in which language, before which two people.

The evidence is sealed here. Its salted commitment goes into the transaction that the organisation
signs for the person, so that it cannot be exchanged later; a reviewer is shown evidence and salt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Literal, NamedTuple

import msgspec
import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.codec import Digest, Id, Millis
from yilian.ledger.errors import MALFORMED, Refusal, code
from yilian.vault.database import Database, table, values
from yilian.vault.desk_formats import DESK_ROW_DAMAGED, checked_id, written
from yilian.vault.envelope import SALT_BYTES, Format, binding, commitment, new_id, new_salt
from yilian.vault.keystore import Keystore
from yilian.vault.marks import Marks
from yilian.vault.records import Damage

WITNESSES_NOT_TWO = code(9360, "desk_witnesses_not_two", 400)
EVIDENCE_UNKNOWN = code(9361, "desk_evidence_unknown", 404, "evidence")
EVIDENCE_DIFFERS = code(9369, "desk_evidence_differs", 409, "evidence")

Method = Literal["in-person", "interpreter", "phone"]

LanguageTag = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$(?!\n)", max_length=35)
]
"""The language spoken (BCP 47): `zh-CN`, `yue`, `ug`, `bo`, `en`, ..."""

Statement = Annotated[str, msgspec.Meta(min_length=1, max_length=8000)]


class Witness(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-witness/1"):
    """That two members of staff heard a person agree to a grant's terms.

    `terms` is the commitment of the grant's terms, `scan` the SHA-256 of a signed form's picture.
    The two witnesses are different people, in the order of their ids.
    """

    evidence: Id
    person: Id
    terms: Digest
    witnesses: tuple[Id, Id]
    method: Method
    language: LanguageTag
    statement: Statement
    scan: Digest | None = None
    time: Millis

    def __repr__(self) -> str:
        return f"<Witness {self.evidence}>"


class Witnessed(NamedTuple):
    """Evidence with the salt that opens its commitment."""

    evidence: Witness
    salt: bytes
    commitment: str


@dataclass(frozen=True, slots=True)
class _EvidenceRow:
    evidence: str
    person: str
    time: int
    sealed: bytes


class _Kept(Format, frozen=True, kw_only=True):
    evidence: Witness
    salt: Digest


_evidence = table("desk_evidence", _EvidenceRow, ["evidence"])
sql.Index("desk_evidence_person", _evidence.c.person)
_decoder = codec.decoder(_Kept)


class Witnessing:
    """The witnessed consents of one organisation. Safe for threads."""

    def __init__(
        self,
        keystore: Keystore,
        database: Database,
        marks: Marks,
        clock: Callable[[], int],
        person: Callable[[str], object],
        staff: Callable[[str], object],
    ) -> None:
        """`person` and `staff` refuse who is not known here."""
        self._keystore = keystore
        self._database = database
        self._marks = marks
        self._clock = clock
        self._person = person
        self._staff = staff

    def witness(
        self,
        person: str,
        terms: str,
        witnesses: tuple[str, str],
        method: Method,
        language: str,
        statement: str,
        scan: str | None = None,
    ) -> Witnessed:
        """Write down a witnessed consent; durable on return.

        `terms` is the commitment of the grant's terms. Refuses `desk_person_unknown`,
        `desk_staff_unknown`, `desk_witnesses_not_two`, `malformed`.
        """
        self._person(person)
        for each in witnesses:
            self._staff(each)
        if len(witnesses) != 2 or len({*witnesses, person}) != 3:
            raise WITNESSES_NOT_TWO()
        first, second = sorted(witnesses)
        evidence = Witness(
            evidence=new_id(),
            person=person,
            terms=terms,
            witnesses=(first, second),
            method=method,
            language=language,
            statement=statement,
            scan=scan,
            time=self._clock(),
        )
        kept = _Kept(evidence=evidence, salt=codec.to_text(new_salt()))
        data = written(_decoder, kept)
        row = _EvidenceRow(
            evidence.evidence, self._marks.of("evidence", person), evidence.time, b""
        )
        sealer = self._keystore.sealer("desk-evidence", row.evidence)
        row = replace(row, sealed=sealer.seal(data, _bound(row)))
        with self._database.write() as connection:
            connection.execute(sql.insert(_evidence).values(**values(row)))
        return _shown(kept)

    def evidence(self, evidence: str) -> Witnessed:
        """Give a piece of evidence for review; refuses `desk_evidence_unknown`."""
        query = sql.select(_evidence).where(_evidence.c.evidence == checked_id(evidence))
        row = self._database.one(_EvidenceRow, query)
        if row is None:
            raise EVIDENCE_UNKNOWN(evidence=evidence)
        return _shown(self._opened(row))

    def of(self, person: str) -> list[Witnessed]:
        """List the evidence about a person, oldest first."""
        mark = self._marks.of("evidence", checked_id(person))
        query = sql.select(_evidence).where(_evidence.c.person == mark)
        rows = self._database.rows(
            _EvidenceRow, query.order_by(_evidence.c.time, _evidence.c.evidence)
        )
        return [_shown(self._opened(row)) for row in rows]

    def damaged(self) -> Iterator[Damage]:
        """Walk all evidence; name what does not open."""
        query = sql.select(_evidence).order_by(_evidence.c.evidence)
        for row in self._database.rows(_EvidenceRow, query):
            try:
                self._opened(row)
            except Refusal as refusal:
                yield Damage("evidence", row.evidence, "", refusal.code.name)

    def _opened(self, row: _EvidenceRow) -> _Kept:
        try:
            sealer = self._keystore.sealer("desk-evidence", row.evidence)
            found = codec.decode_with(_decoder, sealer.open(row.sealed, _bound(row)))
        except Refusal:
            raise DESK_ROW_DAMAGED(row=row.evidence) from None
        assert isinstance(found, _Kept)
        return found


def witness_commitment(salt: bytes, evidence: Witness) -> str:
    """Commit to evidence (`envelope.commitment` over its canonical bytes)."""
    return commitment(salt, codec.encode(evidence))


def check_witness(evidence: Witness, salt: bytes, committed: str) -> None:
    """Check evidence against the chain's commitment; refuses `desk_evidence_differs`."""
    if len(salt) != SALT_BYTES:
        raise MALFORMED()
    if witness_commitment(salt, evidence) != committed:
        raise EVIDENCE_DIFFERS(evidence=evidence.evidence)


def _shown(kept: _Kept) -> Witnessed:
    salt = codec.to_bytes(kept.salt)
    return Witnessed(kept.evidence, salt, witness_commitment(salt, kept.evidence))


def _bound(row: _EvidenceRow) -> bytes:
    return binding("desk-evidence", evidence=row.evidence, person=row.person, time=row.time)
