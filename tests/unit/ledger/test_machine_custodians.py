"""Custodians at the front door: what they may send for a person, and from when to when."""

from __future__ import annotations

import msgspec
import pytest
from tools.vectors import cases

from tests.cases import prepare
from tests.chain import DAY, MINUTE, STEP, Actor, Chain, digest_of, name_of
from tests.rules.consent.custodians import name, named
from yilian.ledger.errors import OK, Refusal, by_number
from yilian.ledger.machine import TIMERS_PER_BLOCK, Machine
from yilian.ledger.module import Message, read_timer_key, timer_key
from yilian.ledger.modules import RULES
from yilian.ledger.modules.consent import messages as consent
from yilian.ledger.modules.consent.state import CUSTODIANS, GRANTS, custodian
from yilian.ledger.modules.governance.messages import SetQuota
from yilian.ledger.modules.governance.state import PROPOSALS, Proposal
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.identity.errors import NOT_CUSTODIAN
from yilian.ledger.modules.identity.state import KEYS
from yilian.ledger.transaction import decode

POWERS: tuple[consent.Power, ...] = ("change", "grant", "read", "revoke")
WITH_POWER = {consent.Grant: "grant", consent.Change: "change", consent.Revoke: "revoke"}


def _grant(world: Chain, label: str = "grant") -> consent.Grant:
    return consent.Grant(
        grant=name_of(label), terms=digest_of("terms"), starts=0, ends=world.time + 9 * DAY
    )


def _told(world: Chain, machine: Machine, raw: bytes) -> list[str]:
    """Give what `check` and a block say of a transaction."""
    told = "ok"
    try:
        machine.check(raw, world.time + STEP)
    except Refusal as refusal:
        told = refusal.code.name
    code = machine.apply_block(world.height + 1, world.time + STEP, [raw]).results[0].code
    return [told, "ok" if code == OK else by_number(code).name]


def _afresh(world: Chain) -> Machine:
    """Give a machine on the same state that remembers nothing."""
    return Machine(world.genesis, world.memory, world.tree)


def test_three_messages_need_a_power_and_no_other_has_one() -> None:
    assert {kind: kind.power for kind in RULES if kind.power is not None} == WITH_POWER


@pytest.fixture(scope="module")
def examples() -> dict[type[Message], Message]:
    """Give one sound message of each kind, out of the cases that are accepted."""
    found: dict[type[Message], Message] = {}
    for case in cases().values():
        if case.code == OK and "." in case.message:
            for message in decode(prepare(case, Chain())[0]).body.messages:
                found.setdefault(type(message), message)
    return found


@pytest.mark.parametrize("kind", [kind for kind in RULES if kind.power is None])
def test_a_custodian_sends_nothing_else(
    kind: type[Message], examples: dict[type[Message], Message]
) -> None:
    world = Chain(law=kind.law)
    alice, bob = named(world, *POWERS)
    raw = world.sign(bob, examples[kind], on_behalf_of=alice.id)
    assert _told(world, world.machine, raw) == ["consent.no_such_power"] * 2


def test_a_custodian_takes_over_no_key() -> None:
    """The very requests that would put Bob in Alice's place, each sound but for who sends it."""
    world = Chain()
    alice, bob = named(world, *POWERS)
    own = world.signer("bob's other")
    proof = world.proof(alice.id, own)
    requests: list[Message] = [
        identity.AddKey(key=own.key, proof=proof),
        identity.RotateKey(old=alice.signer.id, key=own.key, proof=proof),
        identity.RevokeKey(key=alice.signer.id),
        identity.HandOverKey(person=alice.id, key=own.key, proof=proof),
        identity.SetGuardians(threshold=1, guardians=[digest_of("bob")]),
    ]
    for request in requests:
        raw = world.sign(bob, request, on_behalf_of=alice.id)
        assert _told(world, world.machine, raw) == ["consent.no_such_power"] * 2
    with_a_grant = world.sign(bob, _grant(world), requests[0], on_behalf_of=alice.id)
    world.block(with_a_grant)
    assert not GRANTS.has(world.state, name_of("grant"))
    assert not KEYS.has(world.state, own.id)


def test_a_custodian_of_a_custodian_is_none() -> None:
    world = Chain()
    alice, bob = named(world, *POWERS)
    carol = world.person("carol")
    world.must(bob, name(world, carol, *POWERS))
    raw = world.sign(carol, _grant(world), on_behalf_of=alice.id)
    assert _told(world, world.machine, raw) == ["identity.not_custodian"] * 2
    own = world.sign(carol, _grant(world), on_behalf_of=bob.id)
    assert _told(world, world.machine, own) == ["ok", "ok"]


@pytest.mark.parametrize("off", ["person", "custodian"])
def test_what_was_let_wait_does_not_outlive_the_switch(off: str) -> None:
    """A transaction that `check` admitted is refused behind the switch, in its block or later."""
    world = Chain()
    alice, bob = named(world, *POWERS)
    raw = world.sign(bob, _grant(world), on_behalf_of=alice.id)
    world.machine.check(raw, world.time + STEP)
    sender = alice if off == "person" else bob
    switch = consent.SwitchCustodian(custodian=bob.id, on=False, person=alice.id)
    stop = world.sign(sender, switch)
    both = world.apply(stop, raw)
    assert [each.code for each in both.results] == [OK, NOT_CUSTODIAN.number]
    turned = world.apply(raw, stop)
    assert [each.code for each in turned.results] == [OK, OK]
    world.block(stop)
    assert _told(world, world.machine, raw) == ["identity.not_custodian"] * 2


def test_naming_and_acting_in_one_block() -> None:
    world = Chain()
    alice, bob = world.person("alice"), world.person("bob")
    naming = world.sign(alice, name(world, bob, "grant"))
    acting = world.sign(bob, _grant(world), on_behalf_of=alice.id)
    assert [each.code for each in world.block(naming, acting).results] == [OK, OK]


def _backlog(world: Chain, due: int) -> None:
    """Put as many timers before the custodian's as one block runs."""
    changes: dict[bytes, bytes | None] = {}
    for each in range(TIMERS_PER_BLOCK):
        proposal = name_of(f"proposal {each}")
        held = Proposal(action=SetQuota(name_of("x"), 1), proposer=name_of("x"), closes=due)
        changes[PROPOSALS.key(proposal)] = msgspec.json.encode(held, order="sorted")
        changes[timer_key(due, "governance.close", proposal)] = b"{}"
    world.memory.write(changes)


@pytest.mark.parametrize("remembers", [True, False])
def test_time_ends_also_where_the_timer_is_late(remembers: bool) -> None:
    """What a machine remembers of who acts makes no difference to what a block gives."""
    world = Chain()
    alice, bob = named(world, *POWERS)
    entry = custodian(world.state, alice.id, bob.id)
    assert entry is not None
    world.wait(DAY - 10 * MINUTE)
    world.machine.check(_signed(world, bob, alice), world.time)
    _backlog(world, entry.ends - 1)
    world.time = entry.ends
    raw = _signed(world, bob, alice)
    machine = world.machine if remembers else _afresh(world)
    assert _told(world, machine, raw) == ["identity.not_custodian"] * 2
    assert world.block().results == []
    late = custodian(world.state, alice.id, bob.id)
    assert late is not None
    assert late.on
    assert b"CustodianSwitched" in world.block().timer_events


def _signed(world: Chain, bob: Actor, alice: Actor) -> bytes:
    return world.sign(bob, _grant(world), on_behalf_of=alice.id)


def test_a_timers_subject_may_be_a_place() -> None:
    place = f"{name_of('alice')}/{name_of('bob')}"
    assert read_timer_key(timer_key(7, "consent.end_custody", place)) == (
        7,
        "consent.end_custody",
        place,
    )


def test_a_custodians_key_names_both() -> None:
    world = Chain()
    alice, bob = named(world, "grant")
    assert CUSTODIANS.key(f"{alice.id}/{bob.id}") in world.memory.content
