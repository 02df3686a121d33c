"""The registration desk at work: persons enrolled and found, ids joined and parted, staff, consent.

The vault's desk keeps the personal side, sealed; the chain has random ids, keyed tags and salted
commitments. Each step is written so that a crash in between is mended by doing it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from yilian.gateway.fhir import patient as fhir_patient
from yilian.gateway.fhir.intake import Intake
from yilian.gateway.practice.care import standing_now
from yilian.gateway.practice.notices import tell
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.keys import PublicKey, Suites, verify
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.identity.errors import ALREADY_ENROLLED, BAD_PROOF
from yilian.ledger.modules.identity.rules import key_proof
from yilian.ledger.modules.identity.state import LINKS, SUBJECTS, TAGS, standing
from yilian.ledger.modules.records.messages import Anchor
from yilian.node.history import Outcome
from yilian.vault.desk import PERSON_UNKNOWN, STAFF_UNKNOWN, Card
from yilian.vault.desk_formats import Contacts, Language, Person, Staff, checked_id
from yilian.vault.envelope import new_id
from yilian.vault.links import LINK_ENDED, LINK_STANDS, Ground, Link
from yilian.vault.relations import RELATION_UNKNOWN, Standing
from yilian.vault.witness import Method, Witnessed

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

STAFF_NUMBERS = "urn:yilian:staff-number"
"""The identifier system of numbers that an organisation gives its own staff."""
NOBODY = "A" * 22
"""An id of nobody: what is asked about it takes as long as about somebody."""


class Enrolled(NamedTuple):
    """A person with a new id here, and the block that has it."""

    person: str
    outcome: Outcome


class Joined(NamedTuple):
    """A link and the block that has it, or its end."""

    link: Link
    outcome: Outcome


class Heard(NamedTuple):
    """A witnessed consent and the block that has its commitment."""

    witnessed: Witnessed
    outcome: Outcome


class Desks:
    """The registration desk of one organisation. Safe for threads."""

    def __init__(self, organisation: Organisation) -> None:
        self.id = organisation.id
        self._organisation = organisation
        self._desk = organisation.vault.desk

    # -- persons -------------------------------------------------------------------------------

    def enrol(
        self, system: str, number: str, entry: Person, key: PublicKey | None = None
    ) -> Enrolled:
        """Give a person an id here, and keep what the desk knows of them.

        The id of `entry` is the person's. Refuses `identity.already_enrolled` for a number that
        is known (then nothing is kept), `duplicate_number_refused`, `malformed`.
        """
        organisation = self._organisation
        tag = organisation.tag(system, number)
        known = TAGS.get(organisation.engine.state(), f"{self.id}/{tag}")
        if known is not None:
            # After a crash between block and desk the number is not on the list yet.
            if self._desk.find(known.subject) is not None:
                self._desk.put_number(known.subject, tag)
            raise ALREADY_ENROLLED()
        outcome = self._enrol(entry, tag, key)
        self._desk.put_number(entry.person, tag)
        return Enrolled(entry.person, outcome)

    def provisional(self, label: str, language: Language) -> Enrolled:
        """Give an id to somebody who cannot be identified yet; refuses `malformed`."""
        made = self._desk.provisional(label, language)
        entry = self._desk.person(made.person)
        return Enrolled(made.person, self._enrol(entry, made.tag, None))

    def _enrol(self, entry: Person, tag: str, key: PublicKey | None) -> Outcome:
        """The desk first: an entry that the chain never got tells nobody anything."""
        self._desk.put_person(entry)
        message = identity.EnrolPerson(person=entry.person, tag=tag, key=key)
        try:
            return self._organisation.write(message)
        except Refusal:
            self._desk.remove_person(entry.person)
            raise

    def note(self, person: str, taken: Intake) -> None:
        """Keep what a bundle's Patient says of a person of this organisation, unless it is known.

        The bundle is about the number that the person was enrolled by. A Patient without a
        usable name is not kept.
        """
        if self._desk.find(person) is not None:
            return
        patient = next(each.content for each in taken.resources if each.type == "Patient")
        entry = fhir_patient.described(person, patient)
        if entry is not None:
            self._desk.put_person(entry)
            named = taken.identity
            self._desk.put_number(person, self._organisation.tag(named.system, named.value))

    def set_contacts(
        self, person: str, contacts: Contacts, language: Language | None
    ) -> bytes | None:
        """Replace where notices go, of a person or member of staff; gives the webhook's secret.

        Refuses `desk_person_unknown`, `malformed`.
        """
        known = self._desk.person(person)
        entry = msgspec.structs.replace(
            known, contacts=contacts, language=language or known.language
        )
        self._desk.put_person(entry)
        return self._desk.webhook_secret(person)

    def issue_card(self, person: str) -> Card:
        """Make a card for a person of this organisation; refuses `desk_person_unknown`."""
        if not self._at_home(person):
            raise PERSON_UNKNOWN(person=checked_id(person))
        return self._desk.issue_card(person)

    # -- looking up ----------------------------------------------------------------------------

    def look_up_number(
        self,
        system: str,
        number: str,
        caller: str,
        practitioner: str | None,
        encounter: str | None,
        *,
        registering: bool = False,
    ) -> str:
        """Find a person by number: for who treats them now, or in an encounter of one's own.

        `practitioner` is the caller where it is one, None for the organisation's own programs.
        `encounter` is one that goes on, with whomever: somebody is brought in without a name, and
        a card is found on them. `registering`: the desk receives somebody who is not treated yet.
        Refuses `desk_not_found` alike for nobody and for no right to
        ask, `desk_too_many_look_ups`, `duplicate_number_refused`.
        """
        tag = self._organisation.tag(system, number)
        known = TAGS.get(self._organisation.engine.state(), f"{self.id}/{tag}")
        relations = self._organisation.vault.relations
        treated = known.subject if known is not None else NOBODY
        # Asked of who is registered too, so that the time taken does not tell anything.
        treats = relations.treats(treated, practitioner, self._standing()) is not None
        treats = treats or (registering and practitioner is None)
        if encounter is not None:
            treats = self._takes_part(encounter, practitioner)
        return self._desk.look_up_number(tag, caller, open_encounter=treats)

    def _takes_part(self, encounter: str, practitioner: str | None) -> bool:
        try:
            relation, _ = self._organisation.vault.relations.opened(encounter)
        except Refusal as refusal:
            if refusal.code is RELATION_UNKNOWN:
                return False
            raise
        team = relation.terms.team
        if relation.kind != "encounter" or (practitioner and team and practitioner not in team):
            return False
        return self._standing()("encounter", encounter) == relation.commitment

    def _standing(self) -> Standing:
        engine = self._organisation.engine
        return standing_now(engine.state(), engine.now(), self.id)

    # -- links ---------------------------------------------------------------------------------

    def link(self, kept: str, other: str, ground: Ground, witness: str) -> Joined:
        """Say that two ids are one person, one of them at home here; who is here is told.

        Refuses `desk_person_unknown` (no person, or neither is of this organisation),
        `desk_staff_unknown`, and as `Links.link`.
        """
        self._require_staff(witness)
        self._require_persons(kept, other)
        try:
            made = self._desk.links.link(kept, other, ground, witness)
        except Refusal as refusal:
            if refusal.code is not LINK_STANDS:
                raise
            made = self._unfinished(kept, str(refusal.parameters["link"]), refusal)
        link = made.terms.link
        outcome = self._organisation.write(identity.Link(link=link, terms=made.commitment))
        parameters: dict[str, str | int] = {
            "link": link,
            "organisation": self.id,
            "time": made.terms.time,
        }
        for person in (made.terms.kept, made.terms.other):
            if self._at_home(person):
                tell(self._organisation, person, "link_made", parameters, cause=link)
        return Joined(made, outcome)

    def _unfinished(self, person: str, link: str, refusal: Refusal) -> Link:
        """Take up a link that a crash kept from the chain; it stands here already."""
        if LINKS.get(self._organisation.engine.state(), link) is not None:
            raise refusal
        return next(each for each in self._desk.links.of(person) if each.terms.link == link)

    def end_link(self, link: str, witness: str) -> Joined:
        """Part two ids again.

        Refuses `desk_link_unknown`, `desk_link_ended`, `desk_staff_unknown`.
        """
        self._require_staff(witness)
        try:
            ended = self._desk.links.unlink(link, witness)
        except Refusal as refusal:
            found = LINKS.get(self._organisation.engine.state(), link)
            if refusal.code is not LINK_ENDED or found is None or found.ended is not None:
                raise
            ended = self._desk.links.get(link)
        return Joined(ended, self._organisation.write(identity.Unlink(link=link)))

    def _require_persons(self, kept: str, other: str) -> None:
        state = self._organisation.engine.state()
        for each in (kept, other):
            found = SUBJECTS.get(state, each)
            if found is None or found.kind != "person":
                raise PERSON_UNKNOWN(person=each)
        if not self._at_home(kept) and not self._at_home(other):
            raise PERSON_UNKNOWN(person=kept)

    def _at_home(self, person: str) -> bool:
        found = SUBJECTS.get(self._organisation.engine.state(), person)
        return found is not None and (found.kind, found.organisation) == ("person", self.id)

    # -- staff and witnessed consent -----------------------------------------------------------

    def staff_tag(self, number: str) -> str:
        """Give the duplicate check of a staff number; refuses `identity.already_enrolled`."""
        tag = self._organisation.tag(STAFF_NUMBERS, number)
        if TAGS.get(self._organisation.engine.state(), f"{self.id}/{tag}") is not None:
            raise ALREADY_ENROLLED()
        return tag

    def employ(
        self, staff: Staff, language: Language, tag: str, key: PublicKey, proof: str
    ) -> Outcome:
        """Put a practitioner on the chain with a key that they proved, and into the directory.

        Refuses `identity.bad_proof`, keys that the chain does not take, `identity.key_taken`,
        `identity.already_enrolled`.
        """
        Suites(self._organisation.engine.genesis.profile).admit(key)
        if not verify(key, key_proof(staff.practitioner, key), codec.to_bytes(proof)):
            raise BAD_PROOF()
        message = identity.EnrolPractitioner(practitioner=staff.practitioner, tag=tag, key=key)
        outcome = self._organisation.write(message)
        self.put_staff(staff, language)
        return outcome

    def put_staff(self, staff: Staff, language: Language) -> None:
        """Keep a practitioner of this organisation in the staff directory.

        Who works here has an entry like a person's too, by which notices find them; contacts that
        are there stay. Refuses `desk_staff_unknown` for who is no standing practitioner here.
        """
        self._require_practitioner(staff.practitioner)
        self._desk.put_staff(staff)
        known = self._desk.find(staff.practitioner)
        contacts = known.contacts if known else Contacts()
        self._desk.put_person(
            Person(person=staff.practitioner, name=staff.name, language=language, contacts=contacts)
        )

    def witness(
        self,
        person: str,
        terms: str,
        witnesses: tuple[str, str],
        method: Method,
        language: str,
        statement: str,
        scan: str | None,
    ) -> Heard:
        """Keep that a person of this organisation agreed before two of its staff.

        The evidence's commitment is anchored as a record's is, under the evidence's id, so that
        it cannot be exchanged. Refuses as `Witnessing.witness`.
        """
        if not self._at_home(person):
            raise PERSON_UNKNOWN(person=person)
        for each in witnesses:
            self._require_staff(each)
        made = self._desk.witnessing.witness(
            person, terms, witnesses, method, language, statement, scan
        )
        anchor = Anchor(record=made.evidence.evidence, commitment=made.commitment)
        return Heard(made, self._organisation.write(anchor))

    def _require_staff(self, practitioner: str) -> None:
        """Refuse who is not in the directory, and who was and does not work here any more."""
        self._desk.staff(practitioner)
        self._require_practitioner(practitioner)

    def _require_practitioner(self, practitioner: str) -> None:
        found = standing(self._organisation.engine.state(), practitioner)
        if found is None or (found.kind, found.organisation) != ("practitioner", self.id):
            raise STAFF_UNKNOWN(practitioner=practitioner)


def new_entry(
    name: str, language: Language, contacts: Contacts | None = None, born: str | None = None
) -> Person:
    """Make the desk's entry of a person who gets an id now."""
    return Person(
        person=new_id(), name=name, language=language, contacts=contacts or Contacts(), born=born
    )
