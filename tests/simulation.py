"""A simulation over every module: a chain on which anything is tried, mostly sensibly.

`Dice` draws from SHA-256, so a seed gives the same blocks under every Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar

from tests.chain import DAY, MINUTE, PROFILES, Actor, Chain, Signer, digest_of, name_of
from tests.drawers import DRAWERS, Drawn, misbehaviour, set_validator
from yilian.ledger import codec, errors
from yilian.ledger.keys import PublicKey
from yilian.ledger.machine import Applied
from yilian.ledger.module import Message, Misbehaviour
from yilian.ledger.modules import RULES
from yilian.ledger.modules.consent import messages as consent
from yilian.ledger.modules.governance import messages as governance
from yilian.ledger.modules.governance.state import (
    BOUNDS,
    LAWS_KNOWN,
    PROPOSALS,
    law_version,
    members,
)
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.identity.rules import guardian_commitment, recovery_approval
from yilian.ledger.modules.identity.state import RECOVERIES, SUBJECTS
from yilian.ledger.modules.records import messages as records

T = TypeVar("T")
Action = (
    governance.AdmitMember
    | governance.RemoveMember
    | governance.SetParameter
    | governance.SetQuota
    | governance.SetValidator
    | governance.Upgrade
)

PER_BLOCK = 12


class Dice:
    """A stream of numbers from a seed, without the standard library's generator."""

    def __init__(self, seed: str) -> None:
        self._seed = sha256(seed.encode()).digest()
        self._drawn = 0

    def bytes(self) -> bytes:
        """Draw 32 bytes."""
        self._drawn += 1
        return sha256(self._seed + self._drawn.to_bytes(8, "big")).digest()

    def below(self, limit: int) -> int:
        """Draw a whole number below a limit."""
        return int.from_bytes(self.bytes()[:8], "big") % limit

    def chance(self, percent: int) -> bool:
        """Draw whether something happens."""
        return self.below(100) < percent

    def pick(self, things: Sequence[T]) -> T:
        """Draw one of several."""
        return things[self.below(len(things))]


class Simulation:
    """A chain on which anything may be tried, mostly sensible and sometimes not."""

    def __init__(self, profile: str = "first", seed: str = "simulation") -> None:
        self.dice = Dice(f"{seed} {profile}")
        self.chain = Chain(PROFILES[profile])
        self.accepted: dict[type[Message], int] = dict.fromkeys(RULES, 0)
        self.refused = 0
        self.sent: list[bytes] = []
        self._labels = 0
        self._organisations = [self.chain.hospital, self.chain.insurer, self.chain.authority]
        self._people: list[Actor] = []
        self._wards: list[Actor] = []
        self._doctors: list[Actor] = []
        self._helpers: list[Actor] = []
        self._grants: list[tuple[Actor, str | None, str]] = []
        self._sessions: list[tuple[Actor, str]] = []
        self._licences: list[str] = []
        self._proposals: list[str] = []
        self._guarded: list[Actor] = []
        self._recoveries: list[tuple[Actor, str]] = []
        self._waiting: dict[bytes, tuple[tuple[Message, ...], Callable[[], None]]] = {}
        self._turn = 0
        self.drawn = Drawn()
        self.proved: tuple[Misbehaviour, ...] = ()

    # -- blocks --------------------------------------------------------------------------------

    def draw_block(self, most: int = PER_BLOCK) -> list[bytes]:
        """Draw the next block's transactions; some of them are broken or sent again."""
        self.chain.wait(self.dice.below(2 * MINUTE))
        if self.dice.chance(4):
            self.chain.wait(DAY)
        raws = []
        for _ in range(1 + self.dice.below(most)):
            raw = self._draw()
            if self.dice.chance(8):
                raw = self._break(raw)
            elif self.sent and self.dice.chance(4):
                raw = self.dice.pick(self.sent)
            raws.append(raw)
        return raws

    def settle(self, raws: Sequence[bytes], applied: Applied) -> None:
        """Learn from a committed block what may be asked next."""
        for raw, result in zip(raws, applied.results, strict=True):
            drawn = self._waiting.pop(raw, None)
            self.sent.append(raw)
            if result.code != errors.OK:
                self.refused += 1
            elif drawn is not None:
                messages, then = drawn
                for message in messages:
                    self.accepted[type(message)] += 1
                then()
        self._take_over()

    def _take_over(self) -> None:
        """Let those whose recovery is done sign with their new key from now on."""
        for person, recovery in list(self._recoveries):
            status = RECOVERIES.require(self.chain.state, recovery).status
            if status != "waiting":
                self._recoveries.remove((person, recovery))
            if status == "done":
                people = self._people
                people[:] = [person if each.id == person.id else each for each in people]

    def step(self) -> list[bytes]:
        """Draw a block and commit it."""
        raws = self.draw_block()
        self.proved = misbehaviour(self)
        self.settle(raws, self.chain.block(*raws, misbehaviour=self.proved))
        return raws

    def actors(self) -> list[Actor]:
        """Give everyone who was ever enrolled and holds a key."""
        return [*self._organisations, *self._people, *self._doctors, *self._helpers]

    def _break(self, raw: bytes) -> bytes:
        kind = self.dice.below(3)
        if kind == 0:
            return raw[: self.dice.below(len(raw))]
        place = self.dice.below(len(raw))
        if kind == 1:
            return raw[:place] + bytes((raw[place] ^ 1,)) + raw[place + 1 :]
        return raw.replace(b'"signatures":["', b'"signatures":["A', 1)

    # -- messages ------------------------------------------------------------------------------

    def _draw(self) -> bytes:
        drawers = self.drawers()
        if self.dice.chance(5):
            return self._vote()
        kinds = list(drawers)
        kind = kinds[self._turn % len(kinds)] if self.dice.chance(50) else self.dice.pick(kinds)
        self._turn += 1
        return drawers[kind]()

    def drawers(self) -> dict[type[Message], Callable[[], bytes]]:
        """Give how each message is drawn."""
        made: dict[type[Message], Callable[[], bytes]] = {
            identity.EnrolOrganisation: self._enrol_organisation,
            identity.EnrolPerson: self._enrol_person,
            identity.EnrolPractitioner: self._enrol_practitioner,
            identity.EnrolDevice: self._enrol_device,
            identity.EnrolAgent: self._enrol_agent,
            identity.PublishKeyService: self._publish_key_service,
            identity.AddKey: self._add_key,
            identity.RotateKey: self._rotate_key,
            identity.RevokeKey: self._revoke_key,
            identity.RevokeSubject: self._revoke_subject,
            identity.HandOverKey: self._hand_over_key,
            identity.IssueLicence: self._issue_licence,
            identity.RevokeLicence: self._revoke_licence,
            identity.SetGuardians: self._set_guardians,
            identity.ProposeRecovery: self._propose_recovery,
            identity.CancelRecovery: self._cancel_recovery,
            governance.Propose: self._propose,
            governance.Vote: self._vote,
            governance.Withdraw: self._withdraw,
            consent.Grant: self._grant,
            consent.Revoke: self._revoke,
            consent.OpenSession: self._open_session,
            consent.CloseSession: self._close_session,
            records.Anchor: self._anchor,
            records.AnchorBatch: self._anchor_batch,
            records.AnchorDisclosures: self._anchor_disclosures,
            **{kind: partial(draw, self) for kind, draw in DRAWERS.items()},
        }
        return {kind: made[kind] for kind in RULES}

    def _send(
        self,
        actor: Actor,
        *messages: Message,
        then: Callable[[], None] = lambda: None,
        **fields: Any,
    ) -> bytes:
        if self.dice.chance(8):
            # What came before the last message is then undone: a refusal must leave nothing of it.
            messages = (*messages, consent.Revoke(grant=name_of("no grant")))
        raw = self.chain.sign(actor, *messages, **fields)
        self._waiting[raw] = (messages, then)
        return raw

    def _label(self, kind: str) -> str:
        self._labels += 1
        return f"{kind} {self._labels}"

    def _someone(self, *groups: list[Actor]) -> Actor:
        pool = [each for group in groups for each in group] or self._organisations
        return self.dice.pick(pool)

    def _anyone(self) -> Actor:
        return self._someone(self._organisations, self._people, self._doctors, self._helpers)

    def _organisation(self) -> Actor:
        agents = [each for each in self._helpers if self._kind(each) == "agent"]
        return self._someone(self._organisations, agents)

    def _kind(self, actor: Actor) -> str:
        found = SUBJECTS.get(self.chain.state, actor.id)
        return "" if found is None else found.kind

    def _member(self) -> Actor:
        """Give an organisation, mostly one that is a member now."""
        names = members(self.chain.state)
        now = [each for each in self._organisations if each.id in names]
        return self.dice.pick(now) if now and self.dice.chance(90) else self._anyone()

    def _new_key(self, kind: str) -> tuple[str, Signer]:
        label = self._label(kind)
        return label, self.chain.signer(label)

    def _enrol(
        self, kind: type[Message], field: str, keep: list[Actor], *, tagged: bool = True
    ) -> bytes:
        label, signer = self._new_key(field)
        home = self._organisation() if self.dice.chance(90) else self._anyone()
        fields: dict[str, Any] = {field: name_of(label), "key": signer.key}
        if tagged:
            fields["tag"] = digest_of(label)
        made = Actor(name_of(label), signer, home.payer)
        return self._send(home, kind(**fields), then=lambda: keep.append(made))

    def _enrol_organisation(self) -> bytes:
        label, signer = self._new_key("organisation")
        message = identity.EnrolOrganisation(
            organisation=name_of(label),
            kind=self.dice.pick(("pharmacy", "clinic", "regulator")),
            name=label,
            registration=f"R{self._labels}",
            key=signer.key,
        )
        made = Actor(name_of(label), signer, name_of(label))
        keep = self._organisations
        return self._send(self._member(), message, then=lambda: keep.append(made))

    def _enrol_person(self) -> bytes:
        if self.dice.chance(60):
            return self._enrol(identity.EnrolPerson, "person", self._people)
        label = self._label("ward")
        home = self._someone(self._organisations)
        made = Actor(name_of(label), home.signer, home.id)
        message = identity.EnrolPerson(person=made.id, tag=digest_of(label))
        return self._send(home, message, then=lambda: self._wards.append(made))

    def _enrol_practitioner(self) -> bytes:
        return self._enrol(identity.EnrolPractitioner, "practitioner", self._doctors)

    def _enrol_device(self) -> bytes:
        return self._enrol(identity.EnrolDevice, "device", self._helpers)

    def _enrol_agent(self) -> bytes:
        return self._enrol(identity.EnrolAgent, "agent", self._helpers, tagged=False)

    def _publish_key_service(self) -> bytes:
        size = 1216 if self.dice.chance(90) else 1215
        public = codec.to_text((self.dice.bytes() * 38)[:size])
        message = identity.PublishKeyService(kem="mlkem768-x25519", public=public)
        return self._send(self._organisation(), message)

    def _asking(self, owner: str, signer: Signer) -> tuple[PublicKey, str]:
        other = owner if self.dice.chance(95) else name_of("someone else")
        return signer.key, self.chain.proof(other, signer)

    def _add_key(self) -> bytes:
        actor = self._anyone()
        key, proof = self._asking(actor.id, self._new_key("key")[1])
        return self._send(actor, identity.AddKey(key=key, proof=proof))

    def _rotate_key(self) -> bytes:
        keep = self.dice.pick((self._people, self._doctors, self._helpers))
        if not keep:
            return self._add_key()
        actor = self.dice.pick(keep)
        signer = self._new_key("key")[1]
        key, proof = self._asking(actor.id, signer)

        def then() -> None:
            if actor in keep:
                keep[keep.index(actor)] = actor._replace(signer=signer)

        message = identity.RotateKey(old=actor.signer.id, key=key, proof=proof)
        return self._send(actor, message, then=then)

    def _revoke_key(self) -> bytes:
        pool = [*self._people, *self._doctors, *self._helpers]
        held = [(each, SUBJECTS.get(self.chain.state, each.id)) for each in pool]
        rich = [(each, found) for each, found in held if found and len(found.keys) > 1]
        if not rich:
            return self._add_key()
        actor, found = self.dice.pick(rich)
        lost = self.dice.pick([each for each in found.keys if each != actor.signer.id])
        if self.dice.chance(20):
            lost = self._anyone().signer.id
        return self._send(actor, identity.RevokeKey(key=lost))

    def _revoke_subject(self) -> bytes:
        named = self._someone(self._doctors, self._helpers)
        bosses = [each for each in self._organisations if each.id == named.payer]
        if len(self._doctors) + len(self._helpers) < 12 or not bosses:
            return self._enrol_device()
        return self._send(self.dice.pick(bosses), identity.RevokeSubject(subject=named.id))

    def _hand_over_key(self) -> bytes:
        if not self._wards:
            return self._enrol_person()
        ward = self.dice.pick(self._wards)
        signer = self._new_key("own")[1]
        key, proof = self._asking(ward.id, signer)

        def then() -> None:
            self._wards.remove(ward)
            self._people.append(ward._replace(signer=signer))

        custodian = Actor(ward.payer, ward.signer, ward.payer)
        message = identity.HandOverKey(person=ward.id, key=key, proof=proof)
        return self._send(custodian, message, then=then)

    def _issue_licence(self) -> bytes:
        licence = name_of(self._label("licence"))
        message = identity.IssueLicence(
            licence=licence,
            practitioner=self._someone(self._doctors).id,
            profession=self.dice.pick(("physician", "nurse", "pharmacist")),
            ends=self.chain.time + self.dice.below(30 * DAY),
        )
        issuer = self.chain.authority if self.dice.chance(90) else self._anyone()
        return self._send(issuer, message, then=lambda: self._licences.append(licence))

    def _revoke_licence(self) -> bytes:
        if len(self._licences) < 5:
            return self._issue_licence()
        message = identity.RevokeLicence(licence=self.dice.pick(self._licences))
        return self._send(self.chain.authority, message)

    def _guardian_keys(self, person: str) -> list[Signer]:
        return [self.chain.signer(f"guardian {index} of {person}") for index in range(3)]

    def _set_guardians(self) -> bytes:
        person = self._someone(self._people)
        named = [
            guardian_commitment(each.key, digest_of("salt"))
            for each in self._guardian_keys(person.id)
        ]
        message = identity.SetGuardians(threshold=2, guardians=named)
        return self._send(person, message, then=lambda: self._guarded.append(person))

    def _propose_recovery(self) -> bytes:
        if not self._guarded:
            return self._set_guardians()
        person = self.dice.pick(self._guarded)
        recovery = name_of(self._label("recovery"))
        signer = self._new_key("recovered")[1]
        recovered = person._replace(signer=signer)
        text = recovery_approval(recovery, person.id, signer.key)
        approving = self._guardian_keys(person.id)[: self.dice.pick((1, 2, 2, 3))]
        key, proof = self._asking(person.id, signer)
        message = identity.ProposeRecovery(
            recovery=recovery,
            person=person.id,
            key=key,
            proof=proof,
            approvals=[
                identity.Approval(key=each.key, salt=digest_of("salt"), signature=each.sign(text))
                for each in approving
            ],
        )
        return self._send(
            self._organisation(),
            message,
            then=lambda: self._recoveries.append((recovered, recovery)),
        )

    def _cancel_recovery(self) -> bytes:
        waiting = {person.id: recovery for person, recovery in self._recoveries}
        able = [each for each in self._people if each.id in waiting]
        if not able or self.dice.chance(40):
            return self._propose_recovery()
        person = self.dice.pick(able)
        return self._send(person, identity.CancelRecovery(recovery=waiting[person.id]))

    def _propose(self) -> bytes:
        if len(self._open_proposals()) > 1:
            return self._vote()
        proposal = name_of(self._label("proposal"))
        known = ("person_quota", "session_limit_ms", "recovery_delay_ms", "supply_interval_ms")
        name = self.dice.pick(known)
        names = members(self.chain.state)
        later = self._organisations[3:] or self._organisations
        inside = [each for each in later if each.id in names] or later
        outside = [each for each in later if each.id not in names] or later
        actions: tuple[Action, ...] = (
            governance.AdmitMember(self.dice.pick(outside).id),
            governance.SetParameter(name, BOUNDS[name][self.dice.below(2)]),
            governance.SetQuota(self.dice.pick(later).id, 500),
            governance.RemoveMember(self.dice.pick(inside).id),
        )
        # Who certifies and enrols from the start stays: else nothing more can be accepted.
        possible = actions if self._organisations[3:] else actions[:3]
        action = self._consensus() if self.dice.chance(30) else self.dice.pick(possible)
        message = governance.Propose(proposal=proposal, action=action)
        return self._send(self._member(), message, then=lambda: self._proposals.append(proposal))

    def _consensus(self) -> Action:
        """Draw a vote on validators or on the law, but on no law that this software lacks."""
        version = law_version(self.chain.state)
        if version < max(LAWS_KNOWN) and self.dice.chance(40):
            return governance.Upgrade(version + 1, self.chain.height + 15 + self.dice.below(10))
        if self.dice.chance(30):
            share = self.dice.below(101)
            return governance.SetParameter("misbehaviour_keeps_percent", share)
        return set_validator(self)

    def _open_proposals(self) -> list[str]:
        state = self.chain.state
        found = [(each, PROPOSALS.get(state, each)) for each in self._proposals]
        return [each for each, held in found if held is not None and held.status == "open"]

    def _vote(self) -> bytes:
        named = self._open_proposals()
        if not named:
            return self._propose()
        proposal = named[0] if self.dice.chance(90) else self.dice.pick(self._proposals)
        held = PROPOSALS.require(self.chain.state, proposal)
        voted = (*held.approved, *held.opposed)
        names = members(self.chain.state)
        silent = [x for x in self._organisations if x.id in names and x.id not in voted]
        voter = self.dice.pick(silent) if silent and self.dice.chance(90) else self._member()
        message = governance.Vote(proposal=proposal, approve=self.dice.chance(95))
        return self._send(voter, message)

    def _withdraw(self) -> bytes:
        named = self._open_proposals()
        if not named or self.dice.chance(50):
            return self._vote()
        proposer = PROPOSALS.require(self.chain.state, named[-1]).proposer
        sender = next((x for x in self._organisations if x.id == proposer), self._member())
        return self._send(sender, governance.Withdraw(proposal=named[-1]))

    def _grant(self) -> bytes:
        grant = name_of(self._label("grant"))
        starts = self.chain.time
        message = consent.Grant(
            grant=grant,
            terms=codec.to_text(self.dice.bytes()),
            starts=starts,
            ends=starts + self.dice.below(30 * DAY),
        )
        if self._wards and self.dice.chance(40):
            ward = self.dice.pick(self._wards)
            custodian = Actor(ward.payer, ward.signer, ward.payer)
            return self._send(
                custodian,
                message,
                then=lambda: self._grants.append((custodian, ward.id, grant)),
                on_behalf_of=ward.id,
            )
        person = self._someone(self._people)
        return self._send(person, message, then=lambda: self._grants.append((person, None, grant)))

    def _revoke(self) -> bytes:
        if not self._grants:
            return self._grant()
        actor, ward, grant = self.dice.pick(self._grants)
        return self._send(actor, consent.Revoke(grant=grant), on_behalf_of=ward)

    def _open_session(self) -> bytes:
        session = name_of(self._label("session"))
        reader = self._someone(self._doctors, self._helpers)
        message = consent.OpenSession(
            session=session,
            terms=codec.to_text(self.dice.bytes()),
            ends=self.chain.time + self.dice.below(16 * MINUTE),
        )
        return self._send(reader, message, then=lambda: self._sessions.append((reader, session)))

    def _close_session(self) -> bytes:
        if not self._sessions:
            return self._open_session()
        reader, session = self.dice.pick(self._sessions)
        return self._send(reader, consent.CloseSession(session=session))

    def _anchor(self) -> bytes:
        made = [
            records.Anchor(
                record=name_of(self._label("record")), commitment=codec.to_text(self.dice.bytes())
            )
            for _ in range(1 + self.dice.below(3))
        ]
        return self._send(self._organisation(), *made)

    def _anchor_batch(self) -> bytes:
        message = records.AnchorBatch(
            batch=name_of(self._label("batch")),
            root=codec.to_text(self.dice.bytes()),
            size=1 + self.dice.below(1000),
        )
        return self._send(self._organisation(), message)

    def _anchor_disclosures(self) -> bytes:
        message = records.AnchorDisclosures(
            batch=name_of(self._label("journal")),
            root=codec.to_text(self.dice.bytes()),
            size=1 + self.dice.below(1000),
        )
        return self._send(self._organisation(), message)
