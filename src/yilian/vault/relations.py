"""Treatment relations as this organisation knows them: encounters and referrals, opened.

The chain has the status of each and a salted commitment to its terms (capability `care`). Whose
encounter it is and who treats stands here only, sealed; the patient's mark is keyed, so a copy of
the database does not tell who was in hospital. Facts from the chain are handed in when asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import msgspec
import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.codec import Digest, Id, Millis, Name
from yilian.ledger.errors import MALFORMED, Refusal, code
from yilian.vault.database import Database, table, values
from yilian.vault.envelope import Format, binding, commitment, new_id, new_salt
from yilian.vault.keystore import Keystore
from yilian.vault.marks import Marks
from yilian.vault.waiting import Waiting

RELATION_UNKNOWN = code(9400, "relation_unknown", 404, "relation")
RELATION_DIFFERS = code(9401, "relation_differs_from_chain", 409, "relation")
RELATION_ROW_DAMAGED = code(9402, "relation_row_damaged", 500, "relation")

Team = Annotated[tuple[Id, ...], msgspec.Meta(max_length=200)]


class EncounterTerms(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-encounter/1"
):
    """Whom an encounter is with: the patient's id here, and who treats (sorted; empty: anybody)."""

    encounter: Id
    patient: Id
    team: Team
    opened: Millis


class ReferralTerms(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-referral/1"):
    """Who is referred, from where to where, and why as a code. `patient` is the sender's id."""

    referral: Id
    patient: Id
    organisation: Id
    to: Id
    team: Team
    reason: Name
    ends: Millis


class Prepared(NamedTuple):
    """A relation to be written on the chain: its id, and the commitment to its terms."""

    relation: str
    commitment: str
    salt: str


class Relation(NamedTuple):
    """An opened relation; `commitment` must be the chain's for it to count."""

    kind: str
    relation: str
    commitment: str
    terms: EncounterTerms | ReferralTerms


Standing = Callable[[str, str], str | None]
"""Asked with a kind and an id, gives the commitment the chain holds if the relation stands now."""


class _Opened(Format, frozen=True, kw_only=True):
    salt: Digest
    terms: EncounterTerms | ReferralTerms


@dataclass(frozen=True, slots=True)
class _Row:
    relation: str
    kind: str
    patient: str
    commitment: str
    sealed: bytes


_relations = table("relations", _Row, ["relation"])
sql.Index("relations_of_patient", _relations.c.patient)
_decoder = codec.decoder(_Opened)


class Relations:
    """The encounters and referrals of one organisation. Safe for threads."""

    def __init__(
        self, organisation: str, keystore: Keystore, database: Database, clock: Callable[[], int]
    ) -> None:
        self._organisation = organisation
        self._keystore = keystore
        self._database = database
        self._clock = clock
        self._marks = Marks("relations", keystore, database)
        self.waiting = Waiting(keystore, database)

    def encounter(self, patient: str, team: Iterable[str]) -> Prepared:
        """Keep the terms of an encounter that begins now; the chain must take it to count."""
        terms = EncounterTerms(
            encounter=new_id(),
            patient=patient,
            team=tuple(sorted(set(team))),
            opened=self._clock(),
        )
        return self._keep("encounter", terms.encounter, terms, new_salt())

    def referral(
        self, patient: str, to: str, team: Iterable[str], reason: str, ends: int
    ) -> Prepared:
        """Keep the terms of a referral to another organisation, until `ends` (ms)."""
        terms = ReferralTerms(
            referral=new_id(),
            patient=patient,
            organisation=self._organisation,
            to=to,
            team=tuple(sorted(set(team))),
            reason=reason,
            ends=ends,
        )
        return self._keep("referral", terms.referral, terms, new_salt())

    def opened(self, relation: str) -> tuple[Relation, str]:
        """Open a relation kept here, with its salt, to show it to the other side.

        Refuses `relation_unknown` and `relation_row_damaged`.
        """
        row = self._database.one(
            _Row, sql.select(_relations).where(_relations.c.relation == relation)
        )
        if row is None:
            raise RELATION_UNKNOWN(relation=relation)
        opened = self._open(row)
        return Relation(row.kind, relation, row.commitment, opened.terms), opened.salt

    def receive(self, terms: ReferralTerms, salt: str, committed: str, person: str) -> Relation:
        """Keep a referral that came in, held against the chain's commitment.

        `person` is who is meant, by this organisation's own id. Refuses
        `relation_differs_from_chain` where it is another's or not what was committed to.
        """
        data = codec.encode(terms)
        codec.decode(data, ReferralTerms)
        raw = codec.to_bytes(salt)
        if (
            terms.to != self._organisation
            or len(raw) != len(new_salt())
            or commitment(raw, data) != committed
        ):
            raise RELATION_DIFFERS(relation=terms.referral)
        self._keep("referral", terms.referral, terms, raw, person)
        return Relation("referral", terms.referral, committed, terms)

    def of_patient(self, patient: str) -> list[Relation]:
        """List the relations of a patient kept here, standing or not, by id."""
        mark = self._mark(patient)
        query = sql.select(_relations).where(_relations.c.patient == mark)
        rows = self._database.rows(_Row, query.order_by(_relations.c.relation))
        return [
            Relation(row.kind, row.relation, row.commitment, self._open(row).terms) for row in rows
        ]

    def treats(
        self, patient: str, practitioner: str | None, standing: Standing
    ) -> Literal["encounter", "referral"] | None:
        """Tell what makes a practitioner treat a patient now, or None: then role alone is nothing.

        `practitioner` None asks for the organisation as a whole (a program at its desk).
        """
        for each in self.of_patient(patient):
            team = each.terms.team
            if team and practitioner is not None and practitioner not in team:
                continue
            if standing(each.kind, each.relation) == each.commitment:
                return "encounter" if each.kind == "encounter" else "referral"
        return None

    def _keep(
        self,
        kind: str,
        relation: str,
        terms: EncounterTerms | ReferralTerms,
        salt: bytes,
        person: str | None = None,
    ) -> Prepared:
        data = codec.encode(terms)
        codec.decode(data, type(terms))
        committed = commitment(salt, data)
        opened = _Opened(salt=codec.to_text(salt), terms=terms)
        row = _Row(
            relation=relation,
            kind=kind,
            patient=self._mark(person or terms.patient),
            commitment=committed,
            sealed=b"",
        )
        sealed = self._keystore.sealer("relations").seal(codec.encode(opened), _row_binding(row))
        with self._database.write() as database:
            database.execute(
                sql.insert(_relations).prefix_with("OR IGNORE"),
                [{**values(row), "sealed": sealed}],
            )
            self.waiting.put(relation, person or terms.patient, database)
        return Prepared(relation, committed, opened.salt)

    def _open(self, row: _Row) -> _Opened:
        try:
            data = self._keystore.sealer("relations").open(row.sealed, _row_binding(row))
        except Refusal:
            raise RELATION_ROW_DAMAGED(relation=row.relation) from None
        opened = codec.decode_with(_decoder, data)
        if not isinstance(opened, _Opened):
            raise MALFORMED()
        return opened

    def _mark(self, patient: str) -> str:
        return self._marks.of("patient", patient)


def _row_binding(row: _Row) -> bytes:
    return binding(
        "relation",
        relation=row.relation,
        kind=row.kind,
        patient=row.patient,
        commitment=row.commitment,
    )
