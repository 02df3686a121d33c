"""An organisation's own records: who may read, correct and note, and what becomes of it.

Every question is decided by the policy (`vault/policy.py`) from facts that this organisation's node
proves itself: the asker's licences, the treatment relation, standing grants, custodianship. Every
answer about a record is journalled before it leaves, denials with all their reasons; the asker
hears fewer of them, so that "no such record" and "not for you" sound alike (`heard`).

Programs read nothing here. The organisation's own key stands for its duties: as `auditor` it reads
for `legal` and `retention-duty`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from yilian.gateway.fhir import intake
from yilian.gateway.practice.care import professions
from yilian.ledger.errors import code
from yilian.ledger.modules.consent.state import GRANTS, custodian
from yilian.ledger.modules.identity.state import Subject
from yilian.ledger.modules.records.state import BATCHES
from yilian.node.history import Outcome
from yilian.vault.catalogue import KEPT, RecordRow
from yilian.vault.conditions import Situation, unmet
from yilian.vault.decision import Decision
from yilian.vault.envelope import Basis, RecordProof, Terms, new_id
from yilian.vault.errors import RECORD_UNKNOWN
from yilian.vault.items import Item
from yilian.vault.policy import DEFAULT, ROLES, OwnFacts, Policy, decide_own

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

DENIED = code(9424, "reading.denied", 403, "reasons")
CORRECTION_DIFFERS = code(9425, "reading.correction_differs", 409, "record")

NOTE_MEDIA_TYPE = "text/plain;charset=utf-8"
NOTE_CATEGORY = "document"
OF_THE_PERSON = ("patient", "custodian")
RELATIONS = frozenset(
    {
        "no_treatment_relation",
        "no_consent_to_research",
        "no_emergency_access",
        "no_request_of_patient",
    }
)
"""Reasons that follow from who asks and what for, whatever the record is."""

_STAFF = frozenset(ROLES) - {*OF_THE_PERSON}


class Asker(NamedTuple):
    """Who asks: the subject, its record on the chain, what is asked for, and the purpose."""

    sender: str
    subject: Subject
    action: str
    purpose: str


class Judged(NamedTuple):
    """A decision about one record, with the role in which the asker came closest."""

    role: str
    decision: Decision


class Read(NamedTuple):
    """A record that was opened for its reader: its row, and its exact bytes."""

    row: RecordRow
    content: bytes


class Listed(NamedTuple):
    """One version of a record with its proof; `root` is the chain's, None while not anchored."""

    record: str
    kind: str
    author: str | None
    deposited: int
    standing: str
    proof: RecordProof
    root: str | None
    height: int | None


class Written(NamedTuple):
    """A record that was taken in, and where the chain has it."""

    record: str
    batch: str
    replaces: str | None
    outcome: Outcome


class OwnRecords:
    """The records of one organisation, for its own people and its patients. Safe for threads."""

    def __init__(self, organisation: Organisation, policy: Policy = DEFAULT) -> None:
        self._organisation = organisation
        self._engine = organisation.engine
        self._vault = organisation.vault
        self._policy = policy

    # -- deciding ------------------------------------------------------------------------------

    def require(self, asker: Asker, record: str) -> RecordRow:
        """Find a record for one who may do what they ask; else journal why not, and refuse.

        Refuses `reading.denied` with the reasons that the asker may hear, and
        `vault_record_unknown` for one who might have it if it were there.
        """
        return self._require(asker, record)[0]

    def _require(self, asker: Asker, record: str) -> tuple[RecordRow, str]:
        row = self._vault.catalogue.record(record)
        if row is not None and row.patient == "":
            row = None
        judged = self.judge(asker, row or nothing(record))
        if row is not None:
            if judged.decision.permit:
                return row, judged.role
            self._vault.deny_own(
                [record],
                asker.sender,
                asker.purpose,
                judged.decision.reasons,
                basis=_basis(judged.role),
                on_behalf_of=row.patient if judged.role == "custodian" else None,
            )
        elif judged.decision.permit:
            raise RECORD_UNKNOWN(record=record)
        raise DENIED(reasons=", ".join(heard(judged)))

    def judge(self, asker: Asker, row: RecordRow) -> Judged:
        """Decide about one record in each role that the asker has; one that permits suffices."""
        found: Judged | None = None
        for role in self._roles(asker, row.patient):
            decision = decide_own(self._policy, self._facts(asker, role, row))
            if decision.permit:
                return Judged(role, decision)
            if found is None or len(decision.reasons) < len(found.decision.reasons):
                found = Judged(role, decision)
        return found or Judged("", Decision(False, ("no_role",)))

    def _roles(self, asker: Asker, patient: str) -> tuple[str, ...]:
        """Name the roles that a subject has towards a patient; a program has none."""
        state, now = self._engine.state(), self._engine.now()
        kind = asker.subject.kind
        if kind == "practitioner":
            return tuple(each for each in professions(state, asker.sender, now) if each in _STAFF)
        if kind == "organisation":
            return ("auditor",)
        if kind != "person":
            return ()
        acting = patient and asker.sender != patient and custodian(state, patient, asker.sender)
        return ("custodian",) if acting else ("patient",)

    def _facts(self, asker: Asker, role: str, row: RecordRow) -> OwnFacts:
        state, now = self._engine.state(), self._engine.now()
        staff = asker.subject.kind == "practitioner" and row.patient != ""
        relation = self._organisation.care.treats(row.patient, asker.sender) if staff else None
        acting = custodian(state, row.patient, asker.sender) if role == "custodian" else None
        return OwnFacts(
            role=role,
            action=asker.action,
            purpose=asker.purpose,
            category=row.category,
            sensitivity=row.sensitivity,
            standing=row.standing,  # type: ignore[arg-type]
            encounter=relation == "encounter",
            referral=relation == "referral",
            grant=staff and self._granted(asker, row, role, relation is not None),
            is_patient=asker.sender == row.patient,
            custody=acting is not None and acting.may("read", now),
        )

    def _granted(self, asker: Asker, row: RecordRow, role: str, related: bool) -> bool:
        """Tell whether a standing grant to this organisation names the reader and the record."""
        state, now = self._engine.state(), self._engine.now()
        situation = Situation(now=now, encounter=related)
        for grant, (committed, terms) in self._vault.given_to(row.patient).items():
            found = GRANTS.get(state, grant)
            if (
                found is not None
                and found.valid(now)
                and found.terms == committed
                and terms.starts <= now < terms.ends
                and terms.grantee == self._organisation.id
                and _names(terms, asker.sender, role)
                and asker.purpose in terms.purposes
                and _covers(terms, row)
                and not unmet(terms.conditions, situation)
            ):
                return True
        return False

    # -- reading -------------------------------------------------------------------------------

    def read(self, asker: Asker, record: str) -> Read:
        """Read one record, decided and journalled before it is given; refuses as `require`."""
        row, role = self._require(asker, record)
        contents = self._vault.read_own(
            [record],
            asker.sender,
            asker.purpose,
            basis=_basis(role),
            on_behalf_of=row.patient if role == "custodian" else None,
        )
        return Read(row, contents[record])

    def listed(self, asker: Asker, person: str) -> list[RecordRow]:
        """List a person's records that the asker may know of, by id; none for a stranger."""
        names = self._vault.catalogue.records_of_patient(person)
        rows = self._vault.catalogue.records(names)
        found = [row for row in rows if self.judge(asker, row).decision.permit]
        return sorted(found, key=lambda row: row.record)

    def versions(self, asker: Asker, record: str) -> list[Listed]:
        """List all versions of a record with proofs; refuses as `require`.

        A version that is kept comes with the salt, for who reads it to check it by.
        """
        self.require(asker, record)
        found = []
        for each in self._vault.versions(record):
            row = self._vault.catalogue.record(each.record)
            salted = (
                row is not None and each.standing == KEPT and self.judge(asker, row).decision.permit
            )
            proof = self._vault.proof(each.record, with_salt=salted)
            batch = BATCHES.get(self._engine.state(), proof.batch)
            found.append(
                Listed(
                    record=each.record,
                    kind=each.kind,
                    author=each.author,
                    deposited=each.deposited,
                    standing=each.standing,
                    proof=proof,
                    root=None if batch is None else batch.root,
                    height=None if batch is None else batch.since,
                )
            )
        return found

    # -- writing -------------------------------------------------------------------------------

    def correct(self, asker: Asker, record: str, content: bytes) -> Written:
        """Put a new version of a record beside the old one, which stays provable, and anchor it.

        `content` is one FHIR resource of the same type. Whoever practises is decided by the policy;
        the organisation and its programs may correct what they may take in. Refuses as `require`,
        `fhir.bundle_malformed`, `reading.correction_differs` for another type of resource, and as
        the vault does for what was corrected already.
        """
        row = self._for_correction(asker, record)
        made = intake.read_resource(content)
        if row.kind != "record" or made.category != row.category:
            raise CORRECTION_DIFFERS(record=record)
        practising = asker.subject.kind == "practitioner"
        return self._put(
            row.patient,
            category=row.category,
            sensitivity=intake.stricter(row.sensitivity, made.sensitivity),
            media_type=row.media_type,
            content=content,
            author=asker.sender if practising else None,
            replaces=record,
            retention=row.retention,
        )

    def _for_correction(self, asker: Asker, record: str) -> RecordRow:
        if asker.subject.kind not in ("organisation", "agent"):
            return self.require(asker, record)
        row = self._vault.catalogue.record(record)
        if row is None or row.patient == "":
            raise RECORD_UNKNOWN(record=record)
        return row

    def note(self, asker: Asker, person: str, text: str, replaces: str | None = None) -> Written:
        """Keep what a person (or who acts for them) writes beside their records, and anchor it.

        A note replaces its author's own notes alone, never a record (`note_may_not_replace`).
        Refuses `reading.denied` for who may not note.
        """
        judged = self.judge(asker, nothing("", person))
        if not judged.decision.permit:
            raise DENIED(reasons=", ".join(heard(judged)))
        return self._put(
            person,
            category=NOTE_CATEGORY,
            sensitivity="normal",
            media_type=NOTE_MEDIA_TYPE,
            content=text.encode("utf-8"),
            author=asker.sender,
            replaces=replaces,
            kind="note",
        )

    def _put(self, person: str, **fields: object) -> Written:
        period = time.strftime("%Y-%m", time.gmtime(self._engine.now() / 1000))
        item = Item(record=new_id(), patient=person, period=period, **fields)  # type: ignore[arg-type]
        batch = self._organisation.deposit([item])
        outcome = self._organisation.anchor(batch)
        return Written(item.record, batch.batch, item.replaces, outcome)


def heard(judged: Judged) -> tuple[str, ...]:
    """Name the reasons that an asker may hear.

    They must not tell a stranger whether a record exists or what it is: first comes what follows
    from the asker alone, then the policy, and only who passes both hears of the record's standing.
    """
    reasons = judged.decision.reasons
    if judged.role in OF_THE_PERSON:
        stranger = {"not_the_patient", "no_custodianship"} & set(reasons)
        return ("record_not_open",) if stranger else reasons
    relation = tuple(each for each in reasons if each in RELATIONS)
    if relation:
        return relation
    return ("not_in_policy",) if "not_in_policy" in reasons else reasons


def _basis(role: str) -> Basis:
    return "patient" if role in OF_THE_PERSON else "own"


def _names(terms: Terms, reader: str, role: str) -> bool:
    if terms.practitioner is None and not terms.team:
        return terms.role is None or terms.role == role
    return reader in (terms.practitioner, *terms.team)


def _covers(terms: Terms, row: RecordRow) -> bool:
    """Tell whether terms open a record whole; a grant that redacts opens no original."""
    if row.category in terms.denied or terms.redact:
        return False
    if terms.records is not None:
        return row.record in terms.records
    return row.category in terms.categories and row.sensitivity in terms.sensitivities


def nothing(record: str, patient: str = "") -> RecordRow:
    """Write the row of a record that is not here, to be judged like one that is."""
    return RecordRow(
        record=record,
        patient=patient,
        category="",
        sensitivity="normal",
        period="",
        media_type="",
        size=0,
        address="",
        commitment="",
        salt=b"",
        data_key=b"",
        category_key="",
        batch="",
        leaf=0,
        stored="",
        kind="",
        author=None,
        replaces=None,
        retention="",
        deposited=0,
        standing=KEPT,
        until=None,
    )
