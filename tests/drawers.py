"""What a simulation draws beside enrolment and votes: consent, care, records, links, validators.

Each function draws one message for a `Simulation`, mostly one that can be accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from tests.chain import DAY, HOUR, Actor, Signer, digest_of, name_of
from tests.drawers_supply import DRAWERS as TRADE
from tests.drawers_supply import Traded
from yilian.ledger import codec
from yilian.ledger.module import Message, Misbehaviour
from yilian.ledger.modules.care import messages as care
from yilian.ledger.modules.consent import messages as consent
from yilian.ledger.modules.governance import messages as governance
from yilian.ledger.modules.governance.state import NAMED_VALIDATORS, validators
from yilian.ledger.modules.governance.validators import key_proof
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.identity.state import ENDPOINTS, licensed
from yilian.ledger.modules.records import messages as records

if TYPE_CHECKING:
    from tests.simulation import Simulation

Drawer = Callable[["Simulation"], bytes]


class Drawn:
    """What stands by what was drawn here: who made it, and its name."""

    def __init__(self) -> None:
        self.validator_keys: list[governance.NameValidator] = []
        self.asks: list[tuple[Actor, str]] = []
        self.custodians: list[tuple[Actor, Actor]] = []
        self.emergencies: list[tuple[Actor, str]] = []
        self.holds: list[tuple[Actor, str]] = []
        self.marks: list[str] = []
        self.links: list[tuple[Actor, str]] = []
        self.encounters: list[tuple[Actor, str]] = []
        self.referrals: list[tuple[Actor, Actor, str]] = []
        self.trade = Traded()


def _terms(play: Simulation) -> str:
    return codec.to_text(play.dice.bytes())


def _now(play: Simulation, actor: Actor) -> Actor:
    """Give someone with the key at hand now."""
    return next((each for each in play.actors() if each.id == actor.id), actor)


def _licensed(play: Simulation) -> list[Actor]:
    state, time = play.chain.state, play.chain.time
    return [each for each in play._doctors if licensed(state, each.id, time)]


def _staff(play: Simulation) -> Actor:
    """Give an organisation, an agent or a doctor, mostly one who may practise."""
    able = _licensed(play)
    if play.dice.chance(5):
        return play._anyone()
    return play.dice.pick(able) if able and play.dice.chance(50) else play._organisation()


def _colleague(play: Simulation, actor: Actor) -> Actor:
    """Give someone who answers for an actor's organisation, seldom somebody else."""
    homes = [each for each in play._organisations if each.id == actor.payer]
    return play.dice.pick(homes) if homes and play.dice.chance(90) else play._anyone()


def change(play: Simulation) -> bytes:
    """Draw new terms for a grant, from the person or a custodian."""
    if not play._grants:
        return play._grant()
    actor, ward, grant = play._grants[-1] if play.dice.chance(60) else play.dice.pick(play._grants)
    starts = play.chain.time
    message = consent.Change(
        grant=grant, terms=_terms(play), starts=starts, ends=starts + play.dice.below(30 * DAY)
    )
    for person, custodian in play.drawn.custodians:
        if person.id == actor.id and ward is None and play.dice.chance(40):
            return play._send(_now(play, custodian), message, on_behalf_of=person.id)
    return play._send(_now(play, actor), message, on_behalf_of=ward)


def ask(play: Simulation) -> bytes:
    """Draw a question."""
    asker, name = _staff(play), name_of(play._label("ask"))
    ends = play.chain.time + play.dice.below(95 * DAY)
    message = consent.Ask(ask=name, terms=_terms(play), ends=ends)
    return play._send(asker, message, then=lambda: play.drawn.asks.append((asker, name)))


def withdraw_ask(play: Simulation) -> bytes:
    """Draw the withdrawal of a question, mostly of the last one."""
    if not play.drawn.asks:
        return ask(play)
    asker, name = play.drawn.asks[-1] if play.dice.chance(70) else play.dice.pick(play.drawn.asks)
    return play._send(_now(play, asker), consent.WithdrawAsk(ask=name))


def name_custodian(play: Simulation) -> bytes:
    """Draw a custodian, mostly of the same organisation."""
    if len(play._people) < 2:
        return play._enrol_person()
    person = play.dice.pick(play._people)
    near = [x for x in play._people if x.payer == person.payer and x.id != person.id]
    custodian = play.dice.pick(near) if near and play.dice.chance(95) else play._anyone()
    powers: tuple[consent.Power, ...] = ("change", "grant", "read", "revoke")
    message = consent.NameCustodian(
        custodian=custodian.id,
        ends=play.chain.time + play.dice.below(5 * DAY),
        powers=list(powers[play.dice.below(4) :]),
    )
    then = play.drawn.custodians.append
    return play._send(person, message, then=lambda: then((person, custodian)))


def switch_custodian(play: Simulation) -> bytes:
    """Draw a switch by the person, or by the custodian who stops."""
    if not play.drawn.custodians:
        return name_custodian(play)
    pairs = play.drawn.custodians
    person, custodian = pairs[-1] if play.dice.chance(50) else play.dice.pick(pairs)
    if play.dice.chance(30):
        stop = consent.SwitchCustodian(custodian=custodian.id, on=False, person=person.id)
        return play._send(_now(play, custodian), stop)
    message = consent.SwitchCustodian(custodian=custodian.id, on=play.dice.chance(50))
    return play._send(_now(play, person), message)


def break_glass(play: Simulation) -> bytes:
    """Draw an emergency access."""
    able = _licensed(play)
    if not able:
        return play._issue_licence()
    reader = play.dice.pick(able) if play.dice.chance(90) else _staff(play)
    name = name_of(play._label("access"))
    ends = play.chain.time + play.dice.below(5 * HOUR)
    message = consent.BreakGlass(access=name, terms=_terms(play), ends=ends)
    then = play.drawn.emergencies.append
    return play._send(reader, message, then=lambda: then((reader, name)))


def end_break_glass(play: Simulation) -> bytes:
    """Draw the end of the last emergency access, or of any."""
    every = play.drawn.emergencies
    if not every:
        return break_glass(play)
    reader, name = every[-1] if play.dice.chance(80) else play.dice.pick(every)
    return play._send(_now(play, reader), consent.EndBreakGlass(access=name))


def review_break_glass(play: Simulation) -> bytes:
    """Draw a review."""
    every = play.drawn.emergencies
    if not every:
        return break_glass(play)
    reader, name = every[-1] if play.dice.chance(50) else play.dice.pick(every)
    message = consent.ReviewBreakGlass(
        access=name, finding=play.dice.pick(("justified", "unjustified")), reasons=_terms(play)
    )
    judge = play.chain.authority if play.dice.chance(50) else _colleague(play, reader)
    return play._send(judge, message)


def hold(play: Simulation) -> bytes:
    """Draw a hold on a record that is known or new."""
    known = play.drawn.marks
    mark = play.dice.pick(known) if known and play.dice.chance(30) else digest_of(play._label("m"))
    keeper, name = play._organisation(), name_of(play._label("hold"))
    message = records.Hold(hold=name, mark=mark, ground=play.dice.pick(("dispute", "law", "trial")))

    def then() -> None:
        play.drawn.holds.append((keeper, name))
        play.drawn.marks.append(mark)

    return play._send(keeper, message, then=then)


def lift_hold(play: Simulation) -> bytes:
    """Draw the end of a hold."""
    if not play.drawn.holds:
        return hold(play)
    keeper, name = play.dice.pick(play.drawn.holds)
    return play._send(_colleague(play, keeper), records.LiftHold(hold=name))


def erase(play: Simulation) -> bytes:
    """Draw an erasure of new records, and sometimes of known ones."""
    known = play.drawn.marks
    marks = {digest_of(play._label("m")) for _ in range(1 + play.dice.below(4))}
    if known and play.dice.chance(40):
        marks.add(play.dice.pick(known))
    sealed = play.dice.chance(50)
    message = records.Erase(
        erasure=name_of(play._label("erasure")),
        marks=sorted(marks),
        extent="sealed" if sealed else "destroyed",
        until=play.chain.time + play.dice.below(DAY) if sealed else None,
        certificate=_terms(play),
    )
    return play._send(play._organisation(), message, then=lambda: known.extend(message.marks))


def link(play: Simulation) -> bytes:
    """Draw a link."""
    organisation, name = play._organisation(), name_of(play._label("link"))
    message = identity.Link(link=name, terms=_terms(play))
    then = play.drawn.links.append
    return play._send(organisation, message, then=lambda: then((organisation, name)))


def unlink(play: Simulation) -> bytes:
    """Draw the end of a link."""
    if not play.drawn.links:
        return link(play)
    organisation, name = play.dice.pick(play.drawn.links)
    return play._send(_colleague(play, organisation), identity.Unlink(link=name))


def open_encounter(play: Simulation) -> bytes:
    """Draw an encounter."""
    staff, name = _staff(play), name_of(play._label("encounter"))
    message = care.OpenEncounter(encounter=name, terms=_terms(play))
    then = play.drawn.encounters.append
    return play._send(staff, message, then=lambda: then((staff, name)))


def close_encounter(play: Simulation) -> bytes:
    """Draw the end of an encounter."""
    if not play.drawn.encounters:
        return open_encounter(play)
    staff, name = play.dice.pick(play.drawn.encounters)
    return play._send(_colleague(play, staff), care.CloseEncounter(encounter=name))


def cancel_encounter(play: Simulation) -> bytes:
    """Draw that the last encounter never was."""
    if not play.drawn.encounters:
        return open_encounter(play)
    staff, name = play.drawn.encounters[-1]
    return play._send(_colleague(play, staff), care.CancelEncounter(encounter=name))


def refer(play: Simulation) -> bytes:
    """Draw a referral to an organisation."""
    staff, name = _staff(play), name_of(play._label("referral"))
    to = play.dice.pick(play._organisations) if play.dice.chance(90) else play._anyone()
    ends = play.chain.time + play.dice.below(10 * DAY)
    message = care.Refer(referral=name, to=to.id, terms=_terms(play), ends=ends)
    then = play.drawn.referrals.append
    return play._send(staff, message, then=lambda: then((staff, to, name)))


def _referral(play: Simulation) -> tuple[Actor, Actor, str]:
    every = play.drawn.referrals
    return every[-1] if play.dice.chance(60) else play.dice.pick(every)


def accept_referral(play: Simulation) -> bytes:
    """Draw that a referral is taken on."""
    if not play.drawn.referrals:
        return refer(play)
    _, to, name = _referral(play)
    return play._send(_colleague(play, to), care.AcceptReferral(referral=name))


def decline_referral(play: Simulation) -> bytes:
    """Draw that a referral is not taken on."""
    if not play.drawn.referrals:
        return refer(play)
    _, to, name = _referral(play)
    return play._send(_colleague(play, to), care.DeclineReferral(referral=name))


def end_referral(play: Simulation) -> bytes:
    """Draw the end of a referral, from either side."""
    if not play.drawn.referrals:
        return refer(play)
    by, to, name = _referral(play)
    return play._send(_colleague(play, play.dice.pick((by, to))), care.EndReferral(referral=name))


def validators_key(play: Simulation, organisation: Actor) -> governance.NameValidator:
    """Give a new validator's key of an organisation, seldom with another's proof."""
    signer = Signer(play._label("validator"))
    public = signer.key.public
    owner = organisation.id if play.dice.chance(90) else name_of("someone else")
    proof = signer.sign(key_proof(play.chain.genesis.chain, owner, public))
    return governance.NameValidator(public=public, proof=proof)


def name_validator(play: Simulation) -> bytes:
    """Draw the naming of a validator's key, sometimes of an old one."""
    named = play.drawn.validator_keys
    organisation = play._member()
    message = validators_key(play, organisation)
    if named and play.dice.chance(10):
        message = play.dice.pick(named)
    return play._send(organisation, message, then=lambda: named.append(message))


def tick(play: Simulation) -> bytes:
    """Draw a tick."""
    return play._send(play._organisation(), governance.Tick())


def publish_endpoint(play: Simulation) -> bytes:
    """Draw an endpoint; its certificate is the smallest that has the form of one."""
    content = play.dice.bytes() if play.dice.chance(80) else b"the same everywhere"
    inside = b"\x30\x00\x30\x00\x03" + bytes((len(content),)) + content
    certificate = codec.to_text(b"\x30" + bytes((len(inside),)) + inside)
    url = play.dice.pick(("https://node.example:8443", "https://10.0.0.1", "https://[fd00::1]:1"))
    message = identity.PublishEndpoint(url=url, certificate=certificate)
    return play._send(play._organisation(), message)


def withdraw_endpoint(play: Simulation) -> bytes:
    """Draw the end of an endpoint, mostly of one that is there."""
    state = play.chain.state
    reached = [each for each in play._organisations if ENDPOINTS.has(state, each.id)]
    if not reached:
        return publish_endpoint(play)
    sender = play.dice.pick(reached) if play.dice.chance(90) else play._organisation()
    return play._send(sender, identity.WithdrawEndpoint())


def set_validator(play: Simulation) -> governance.SetValidator:
    """Draw a vote on an organisation's power, mostly of one that named a key."""
    state = play.chain.state
    able = [each for each in play._organisations if NAMED_VALIDATORS.has(state, each.id)]
    chosen = play.dice.pick(able) if able and play.dice.chance(90) else play._organisations[-1]
    power = 0 if play.dice.chance(20) else 1 + play.dice.below(30)
    return governance.SetValidator(chosen.id, power)


def misbehaviour(play: Simulation) -> tuple[Misbehaviour, ...]:
    """Draw what consensus proved before a block: mostly nothing."""
    if not play.dice.chance(6):
        return ()
    active = validators(play.chain.state)
    addresses = [each.address for each in active] + [play.dice.bytes()[:20]]
    kinds: tuple[Literal["duplicate_vote", "light_client_attack"], ...] = (
        "duplicate_vote",
        "light_client_attack",
    )
    return tuple(
        Misbehaviour(
            kind=play.dice.pick(kinds),
            address=play.dice.pick(addresses),
            height=1 + play.dice.below(play.chain.height + 1),
            time=play.chain.time,
            power=1 + play.dice.below(30),
        )
        for _ in range(1 + play.dice.below(2))
    )


DRAWERS: dict[type[Message], Drawer] = {
    governance.NameValidator: name_validator,
    governance.Tick: tick,
    identity.PublishEndpoint: publish_endpoint,
    identity.WithdrawEndpoint: withdraw_endpoint,
    identity.Link: link,
    identity.Unlink: unlink,
    consent.Change: change,
    consent.Ask: ask,
    consent.WithdrawAsk: withdraw_ask,
    consent.NameCustodian: name_custodian,
    consent.SwitchCustodian: switch_custodian,
    consent.BreakGlass: break_glass,
    consent.EndBreakGlass: end_break_glass,
    consent.ReviewBreakGlass: review_break_glass,
    records.Hold: hold,
    records.LiftHold: lift_hold,
    records.Erase: erase,
    care.OpenEncounter: open_encounter,
    care.CloseEncounter: close_encounter,
    care.CancelEncounter: cancel_encounter,
    care.Refer: refer,
    care.AcceptReferral: accept_referral,
    care.DeclineReferral: decline_referral,
    care.EndReferral: end_referral,
    **TRADE,
}
