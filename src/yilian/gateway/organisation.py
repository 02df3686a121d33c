"""One organisation at its node: its vault, its agent's key, and the chain, brought together.

What a hospital does in a day: enrol persons, take in records and anchor them, give and receive
grants, open sessions, release and read records. Every step that others must be able to check is a
transaction signed by the organisation's agent, a program with a key of its own; for a person in
custody it says so with `on_behalf_of`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol
from weakref import WeakValueDictionary

from yilian.gateway.content.stores import ContentStores
from yilian.gateway.errors import NOT_FOUND
from yilian.gateway.fhir import intake
from yilian.gateway.links.health_links import HealthLinks
from yilian.gateway.members.counterpart import Counterpart, Here
from yilian.gateway.members.courier import Courier
from yilian.gateway.members.errors import HOLDER_ELSEWHERE
from yilian.gateway.members.peers import Peers
from yilian.gateway.practice import notices
from yilian.gateway.practice.care import Care
from yilian.gateway.practice.desks import Desks
from yilian.gateway.practice.emergencies import Emergencies
from yilian.gateway.practice.erasures import Erasures
from yilian.gateway.practice.private import Private
from yilian.gateway.practice.records import OwnRecords
from yilian.gateway.practice.replica_reading import Backed
from yilian.gateway.practice.replicas import Replicas
from yilian.gateway.practice.studies import Studies
from yilian.gateway.practice.tags import Tags
from yilian.gateway.practice.treatment import ShownEncounter, treats
from yilian.gateway.practice.watch import Watch
from yilian.gateway.supply.supply import Supply
from yilian.ledger import codec, errors, keys, transaction
from yilian.ledger.modules import Message
from yilian.ledger.modules.consent import messages as consent
from yilian.ledger.modules.consent.state import GRANTS, SESSIONS, Grant
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.identity.state import (
    KEY_SERVICES,
    SUBJECTS,
    TAGS,
    home,
    licensed,
    standing,
)
from yilian.ledger.modules.records import messages as records
from yilian.ledger.modules.records.state import BATCHES
from yilian.node.engine import Engine
from yilian.node.history import Outcome
from yilian.vault import retention as duties
from yilian.vault.decision import ChainView, GrantState, SessionState
from yilian.vault.envelope import Terms, new_id
from yilian.vault.packages import MAX_RECORDS, NotReleased, Released, ReleasedRecord, Request
from yilian.vault.receiving import Accepted, OpenedSession
from yilian.vault.records import Batch, Item
from yilian.vault.vault import Vault

CALLER_DIFFERS = errors.code(9210, "organisation.caller_differs", 403)
GRANT_UNKNOWN = errors.code(9211, "organisation.grant_unknown", 404)
KEY_SERVICE_UNKNOWN = errors.code(9212, "organisation.key_service_unknown", 409, "id")
PERSON_DIFFERS = errors.code(9215, "organisation.person_differs", 409, "id")

_SUITE_BYTE = b"\x01"
EXPIRES_MS = 120_000
SESSION_MS = 600_000


Noted = Callable[[str, str, int], None]
"""Notes where the chain took a batch: its id, the transaction's hash, the height."""


class Agent(NamedTuple):
    """The program that signs for an organisation: its subject id and the id of its key."""

    subject: str
    key: str


class Loaded(NamedTuple):
    """A bundle that was taken in: whose, how many records, and where it is anchored."""

    person: str
    enrolled: bool
    batch: str
    size: int
    outcome: Outcome


class Shared(NamedTuple):
    """A grant that was given: its id, the sealed package for the grantee, and its place."""

    grant: str
    package: bytes
    outcome: Outcome


class Read(NamedTuple):
    """Records read under a session: exact bytes by record id, what was refused, and why."""

    session: str
    contents: dict[str, bytes]
    refused: tuple[NotReleased, ...]


class Beat(Protocol):
    """When batches of the audit trail are made and sent, where nobody may learn by that."""

    held: str
    """The batch that waits for its moment; empty for none."""

    def beats(self) -> bool:
        """Tell whether the beat goes on now."""


class Organisation:
    """One organisation's doings. Safe for threads as far as vault and engine are."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        vault: Vault,
        agent: Agent,
        *,
        content_url: str | None = None,
        base: Path = Path(),
    ) -> None:
        """`name` is the organisation's id on the chain; `content_url`, `base`: `ContentStores`."""
        self.id = name
        self.engine = engine
        self.vault = vault
        self.agent = agent
        self.content = ContentStores(vault, url=content_url, folder=base)
        self.after_deposit: list[Callable[[Sequence[Item]], object]] = [self.content.deposited]
        self._turns: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
        self._turns_lock = threading.Lock()
        self.trail: Beat | None = None
        """Set where the audit trail goes to the chain by a beat (`supply.even_trail`)."""
        self.emergencies = Emergencies(self)
        self.after_deposit.append(self.emergencies.deposited)
        self.desks = Desks(self)
        self.watch = Watch(self)
        self.hosted: Callable[[str], Organisation | None] = self._alone
        self.peers: Peers | None = None
        self.courier = Courier(self)
        self.care = Care(self)
        self.own_records = OwnRecords(self)
        self.erasures = Erasures(self)
        vault.erasure.listeners.append(HealthLinks(self).erased)
        self.studies = Studies(self)
        self._tags = Tags(self)
        self.private = Private(self)
        self.replicas = Replicas(self)
        self.supply: Supply | None = None
        """Its part in the supply chain, which a node opens and closes."""

    def _alone(self, name: str) -> Organisation | None:
        return self if name == self.id else None

    def trade(self) -> Supply:
        """Give its part in the supply chain; refuses `not_found` where its node opened none."""
        if self.supply is None:
            raise NOT_FOUND()
        return self.supply

    def reaches(self, name: str) -> bool:
        """Tell whether there is a way to an organisation, be it slow or down now."""
        return self.peers is not None or self.hosted(name) is not None

    def counterpart(self, name: str) -> Counterpart:
        """Give another organisation as this one may ask it: at this node, or at its own.

        Refuses `members.unknown`, `members.no_endpoint`, and `organisation.holder_elsewhere` where
        this node has no way to other members.
        """
        found = self.hosted(name)
        if found is not None:
            return Here(found, self.id)
        if self.peers is None:
            raise HOLDER_ELSEWHERE(id=name)
        return Backed(self, name)

    # -- transactions --------------------------------------------------------------------------

    def sign(
        self, messages: Sequence[Message], on_behalf_of: str | None = None, nonce: str | None = None
    ) -> bytes:
        """Write a transaction of the organisation's agent, signed."""
        body = transaction.Body(
            chain=self.engine.genesis.chain,
            sender=self.agent.subject,
            payer=self.id,
            signers=[self.agent.key],
            nonce=nonce or new_id(),
            expires=self.engine.now() + EXPIRES_MS,
            messages=list(messages),
            on_behalf_of=on_behalf_of,
        )
        text = transaction.encode_body(body)
        signature = self.vault.keystore.sign(self.agent.key, transaction.DOMAIN + text)
        return transaction.assemble(text, [codec.to_text(signature)])

    def write(self, *messages: Message, on_behalf_of: str | None = None) -> Outcome:
        """Submit messages as one transaction and wait for its block.

        Raises the `Refusal`, whether it comes at once or from the block.
        """
        outcome = self.engine.submit(self.sign(messages, on_behalf_of)).result()
        if outcome.code != errors.OK:
            raise errors.Refusal(errors.by_number(outcome.code), outcome.parameters)
        return outcome

    # -- persons -------------------------------------------------------------------------------

    def tag(self, system: str, number: str) -> str:
        """Give the keyed duplicate check of a number at this organisation.

        Refuses `duplicate_number_refused`, and where several members answer together
        `members.partials_too_few` and `members.partials_differ`.
        """
        return self._tags.tag(system, number)

    def enrol_person(
        self, system: str, number: str, key: keys.PublicKey | None = None
    ) -> tuple[str, Outcome]:
        """Give a person an id here; refuses `identity.already_enrolled` for the same number."""
        person = new_id()
        message = identity.EnrolPerson(person=person, tag=self.tag(system, number), key=key)
        return person, self.write(message)

    def publish_key_service(self) -> Outcome:
        """Put the public key on chain that grants to this organisation are wrapped to."""
        public = self.vault.service_public_key()[1:]
        return self.write(
            identity.PublishKeyService(kem="mlkem768-x25519", public=codec.to_text(public))
        )

    # -- records -------------------------------------------------------------------------------

    def load(
        self, bundle: bytes, person: str | None = None, retention: str = duties.DEFAULT
    ) -> Loaded:
        """Take in a FHIR bundle: keep every resource encrypted, anchor all under one root.

        Without `person` the bundle's Patient is enrolled here, which is refused for one who is
        enrolled already; with it, the records are added to theirs, and the bundle must be about
        the same number (`organisation.person_differs`). `retention` is the class of
        `vault/retention.py` that says how long all of it must be kept. What is stored but not
        anchored when something breaks is anchored by `anchor_all`.
        """
        duties.require_class(retention)
        taken = intake.take_apart(bundle)
        enrolled = person is None
        if person is None:
            person, _ = self.enrol_person(taken.identity.system, taken.identity.value)
        else:
            self._require_same(person, taken.identity)
        self.desks.note(person, taken)
        period = time.strftime("%Y-%m", time.gmtime(self.engine.now() / 1000))
        batch = self.deposit(
            Item(
                record=new_id(),
                patient=person,
                category=each.category,
                sensitivity=each.sensitivity,
                period=period,
                media_type=intake.FHIR_JSON,
                content=each.content,
                retention=retention,
            )
            for each in taken.resources
        )
        return Loaded(person, enrolled, batch.batch, batch.size, self.anchor(batch))

    def deposit(self, items: Iterable[Item]) -> Batch:
        """Keep records as one batch and tell all that is worked out from them.

        Whoever takes records in calls this and then anchors the batch. Refuses as `Vault.deposit`.
        """
        kept = list(items)
        # What was taken back up to now must not open what comes in.
        self.watch.catch_up()
        batch = self.vault.deposit(kept)
        for told in self.after_deposit:
            told(kept)
        return batch

    def _require_same(self, person: str, named: intake.Identity) -> None:
        place = f"{self.id}/{self.tag(named.system, named.value)}"
        mark = TAGS.get(self.engine.state(), place)
        if mark is None or mark.subject != person:
            raise PERSON_DIFFERS(id=person)

    def anchor_all(self) -> list[Outcome]:
        """Anchor what the vault holds and the chain does not: records, journal, audit trail.

        Where the trail has a beat of its own, it goes by that alone.
        """
        self.emergencies.resume()
        self.vault.journal_batch()
        if self.trail is None or not self.trail.beats():
            self.vault.audit.batch()
        self.private.anchor()
        held = "" if self.trail is None else self.trail.held
        waiting = (each for each in self.vault.unanchored() if each.batch != held)
        return [*map(self.anchor, waiting), *notices.anchor(self)]

    def anchor(self, batch: Batch, noted: Noted | None = None) -> Outcome:
        """Anchor one batch; a batch that the chain has already (a crash came between) is noted.

        `noted` is told where the chain took it; without it, the vault's catalogue is.
        """
        noted = self.vault.anchored if noted is None else noted
        with self._turn(batch.batch):
            if BATCHES.get(self.engine.state(), batch.batch) is not None:
                return self._note_anchored(batch, noted)
            kind = records.AnchorBatch if batch.kind == "records" else records.AnchorDisclosures
            message = kind(batch=batch.batch, root=batch.root, size=batch.size)
            # The batch's id is its nonce too: after a crash the same batch cannot go in twice.
            raw = self.sign([message], nonce=batch.batch)
            outcome = self.engine.submit(raw).result()
            if outcome.code != errors.OK:
                raise errors.Refusal(errors.by_number(outcome.code), outcome.parameters)
            noted(batch.batch, outcome.hash, outcome.height)
        if batch.kind == "records":
            self.replicas.anchored(batch.batch)
        return outcome

    def _turn(self, batch: str) -> threading.Lock:
        """Give a batch's lock: who deposited it and who anchors leftovers may come at once."""
        with self._turns_lock:
            turn = self._turns.get(batch)
            if turn is None:
                turn = self._turns[batch] = threading.Lock()
            return turn

    def _note_anchored(self, batch: Batch, noted: Noted) -> Outcome:
        found = BATCHES.require(self.engine.state(), batch.batch)
        decided = self.engine.store.decided(found.since)
        for raw in () if decided is None else decided.txs:
            if batch.batch.encode("ascii") in raw:
                outcome = self.engine.outcome(keys.sha256(raw))
                if outcome is not None:
                    noted(batch.batch, outcome.hash, outcome.height)
                    return outcome
        raise errors.InvariantBroken(f"batch {batch.batch} has no transaction")

    # -- giving --------------------------------------------------------------------------------

    def grant(self, person: str, terms: Terms) -> Shared:
        """Give a grant on behalf of a person in custody, and seal its package for the grantee."""
        grant = new_id()
        given = self.vault.grant(terms, grant, person, self.key_service(terms.grantee))
        message = consent.Grant(
            grant=grant, terms=given.commitment, starts=terms.starts, ends=terms.ends
        )
        return Shared(grant, given.package, self.write(message, on_behalf_of=person))

    def revoke(self, person: str, grant: str) -> Outcome:
        """Take a grant back on behalf of a person in custody; later records get new keys."""
        outcome = self.write(consent.Revoke(grant=grant), on_behalf_of=person)
        self.watch.catch_up()
        return outcome

    def release(
        self,
        request: OpenedSession,
        caller: str,
        wanted: Sequence[str] | None = None,
        shown: ShownEncounter | None = None,
    ) -> list[Released]:
        """Answer another organisation's request inside a session; everything is journalled first.

        `caller` is the organisation that the connection is authenticated as, `shown` an encounter
        of its own for terms that ask for one. Without `wanted` all records that the grant opens are
        meant. Refuses `caller_differs` where the session on chain was not opened by the caller's
        own people, and `emergencies.no_finality` where the chain here may be out of date: what was
        taken back may stand in a block that this node has not seen.
        """
        self.require_reader(request.terms.session, caller)
        view = self.view(request)
        names = self.opened(request) if wanted is None else list(wanted)
        patient = self.vault.giver.patient(request.terms.grant)
        encounter = patient is not None and treats(
            self, patient, caller, request.terms.reader, shown
        )
        return [
            self.vault.release(
                Request(
                    session=request.terms,
                    salt=request.salt,
                    records=tuple(names[at : at + MAX_RECORDS]),
                ),
                view,
                caller,
                encounter,
            )
            for at in range(0, len(names), MAX_RECORDS)
        ]

    def require_reader(self, session: str, caller: str) -> None:
        """Refuse what stands between a caller and any release, whoever keeps the records.

        `emergencies.no_finality`, and `caller_differs` for a session of somebody else's people.
        """
        self.emergencies.finality.require()
        found = SESSIONS.get(self.engine.state(), session)
        if found is not None:
            reader = SUBJECTS.require(self.engine.state(), found.reader)
            if home(found.reader, reader) != caller:
                raise CALLER_DIFFERS()

    def opened(self, request: OpenedSession) -> list[str]:
        """List the records that a session's grant opens; decides nothing.

        Refuses `organisation.grant_unknown`.
        """
        found = GRANTS.get(self.engine.state(), request.terms.grant)
        if found is None:
            raise GRANT_UNKNOWN()
        return self.vault.opened_by(request.terms.grant, found.terms)

    def view(self, request: OpenedSession) -> ChainView:
        """Read what the chain here says of a session and its grant."""
        state = self.engine.state()
        grant = GRANTS.get(state, request.terms.grant)
        session = SESSIONS.get(state, request.terms.session)
        return ChainView(
            grant=None if grant is None else self.grant_state(grant),
            session=None
            if session is None
            else SessionState(
                grant=request.terms.grant,
                open=session.closed is None and self._may_read(session.reader),
                ends=session.ends,
                commitment=session.terms,
                reader=session.reader,
            ),
            block_time=self.engine.tip.time,
        )

    def grant_state(self, grant: Grant) -> GrantState:
        """Read a grant as decisions look at it."""
        return GrantState(
            patient=grant.person,
            active=grant.revoked is None,
            starts=grant.starts,
            ends=grant.ends,
            commitment=grant.terms,
            by=self._acted(grant.by),
            countersigned=grant.countersigned,
            version=grant.version,
        )

    def _acted(self, by: str | None) -> str | None:
        """Name who acted for a person: an organisation for its people, a custodian by their id."""
        if by is None:
            return None
        found = SUBJECTS.require(self.engine.state(), by)
        return by if found.kind == "person" else home(by, found)

    def _may_read(self, reader: str) -> bool:
        """Tell whether a session's reader may still read: standing, and licensed if it must be."""
        state = self.engine.state()
        found = standing(state, reader)
        if found is None:
            return False
        return found.kind != "practitioner" or licensed(state, reader, self.engine.now())

    def key_service(self, organisation: str) -> bytes:
        """Read the key that grants to an organisation are wrapped to.

        Refuses `organisation.key_service_unknown`.
        """
        service = KEY_SERVICES.get(self.engine.state(), organisation)
        if service is None:
            raise KEY_SERVICE_UNKNOWN(id=organisation)
        return _SUITE_BYTE + codec.to_bytes(service.public)

    # -- receiving -----------------------------------------------------------------------------

    def accept(self, grant: str, package: bytes) -> Accepted:
        """Accept a grant package against the commitment that the chain holds."""
        found = GRANTS.get(self.engine.state(), grant)
        if found is None:
            raise GRANT_UNKNOWN()
        return self.vault.accept(package, found.terms)

    def prepare_session(
        self,
        grant: str,
        reader: str,
        purpose: str,
        *,
        role: str | None = None,
        place: str | None = None,
        on_behalf_of: str | None = None,
    ) -> OpenedSession:
        """Prepare a session for a reader; its `consent.OpenSession` must be on chain to work."""
        ends = self.engine.now() + SESSION_MS
        return self.vault.open_session(
            grant, reader, purpose, ends, role, place=place, on_behalf_of=on_behalf_of
        )

    def open_messages(self, session: OpenedSession) -> consent.OpenSession:
        """Give the message by which the reader opens a prepared session."""
        return consent.OpenSession(
            session=session.terms.session, terms=session.commitment, ends=session.terms.ends
        )

    def read(self, session: OpenedSession, answers: Iterable[Released]) -> Read:
        """Open and check released records against the roots that this node's chain has."""
        contents: dict[str, bytes] = {}
        refused: list[NotReleased] = []
        for released in answers:
            roots = self._roots(released.records)
            contents.update(self.vault.read(released, session.terms.grant, roots))
            refused.extend(released.refused)
        return Read(session.terms.session, contents, tuple(refused))

    def _roots(self, released: Iterable[ReleasedRecord]) -> dict[str, str]:
        state = self.engine.state()
        roots = {}
        for name in sorted({each.proof.batch for each in released}):
            batch = BATCHES.get(state, name)
            if batch is not None:
                roots[name] = batch.root
        return roots
