"""A simulation over every module, and what must hold after each of its blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
import msgspec.inspect as inspect
import pytest

from tests.cases import outside_envelope, spent_by
from tests.chain import PROFILES
from tests.drawers import misbehaviour
from tests.scale import scale
from tests.simulation import Simulation
from yilian.ledger import codec, errors
from yilian.ledger.block import ValidatorSet
from yilian.ledger.errors import InvariantBroken
from yilian.ledger.keys import PublicKey
from yilian.ledger.machine import Applied
from yilian.ledger.module import Event, Misbehaviour
from yilian.ledger.modules import MODULES, RULES, AnyEvent
from yilian.ledger.modules.governance.state import law, validators
from yilian.ledger.modules.identity.state import KEYS, SUBJECTS
from yilian.ledger.modules.supply import numbers
from yilian.ledger.spending import Spending
from yilian.ledger.state import Changes, State
from yilian.ledger.tree import Tree

BLOCKS = 550


def _hold(
    simulation: Simulation, raws: list[bytes], proved: Sequence[Misbehaviour] = ()
) -> Applied:
    """Apply a block to the chain after holding it against the same block without its refusals."""
    chain = simulation.chain
    whole = chain.apply(*raws, misbehaviour=proved)
    kept = [
        raw for raw, result in zip(raws, whole.results, strict=True) if result.code == errors.OK
    ]
    alone = chain.apply(*kept, misbehaviour=proved)
    assert [each.code for each in alone.results] == [errors.OK] * len(kept)
    accepted = [each for each in whole.results if each.code == errors.OK]
    assert [each.events for each in alone.results] == [each.events for each in accepted]
    assert outside_envelope(whole) == outside_envelope(alone)
    for key in outside_envelope(whole):
        assert whole.changes[key] == alone.changes[key], key
    _spends_little(simulation, whole, alone, len(raws) - len(kept))
    return whole


def _spends_little(simulation: Simulation, whole: Applied, alone: Applied, refused: int) -> None:
    """Hold that a refusal spends at most one nonce, and one use of a payer and of a person."""
    held = simulation.chain.memory.content
    spent, used = spent_by(whole, {**held, **_values(alone.changes)})
    assert 0 <= spent <= refused
    assert 0 <= used <= 2 * refused


def _values(changes: Changes) -> dict[bytes, bytes]:
    return {key: value for key, value in changes.items() if value is not None}


def _replays_nothing(simulation: Simulation) -> None:
    """Hold that earlier bytes, sent again, change no more than as many empty texts do."""
    sent = simulation.sent
    again = [simulation.dice.pick(sent) for _ in range(min(8, len(sent)))]
    again.append(sent[-1])
    replayed = simulation.chain.apply(*again)
    nothing = simulation.chain.apply(*[b"{}"] * len(again))
    assert replayed.changes == nothing.changes
    assert all(result.code != errors.OK for result in replayed.results)


def _agrees(simulation: Simulation) -> None:
    """Hold that keys and subjects name each other, and that the tree is the state's."""
    chain = simulation.chain
    content = chain.memory.content
    for name, value in content.items():
        if name.startswith(SUBJECTS.prefix):
            for key in SUBJECTS.decode(value).keys:
                owner = KEYS.require(chain.state, key).owner
                assert SUBJECTS.key(owner) == name
    fresh = Tree(lambda _: None, hashing=chain.tree.hashing)
    assert fresh.stage(content).root == chain.app_hash


def _tells_the_engine(simulation: Simulation, applied: Applied, told: dict[bytes, int]) -> None:
    """Hold that the engine learns each change, and never what CometBFT would stop at."""
    for key, power in applied.validators:
        if power:
            assert told.get(key) != power
            told[key] = power
        else:
            del told[key]
    held = validators(simulation.chain.state)
    assert told == {each.public_key: each.power for each in held}
    assert len(ValidatorSet(held)) > 0


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_simulation_over_every_module(profile: str) -> None:
    simulation = Simulation(profile, "simulation")
    seen: set[str] = set()
    told = {each.public_key: each.power for each in validators(simulation.chain.state)}
    for height in range(scale(BLOCKS, 100 * BLOCKS)):
        raws, proved = simulation.draw_block(), misbehaviour(simulation)
        held = _hold(simulation, raws, proved)
        applied = simulation.chain.block(*raws, misbehaviour=proved)
        assert applied.app_hash == held.app_hash
        _tells_the_engine(simulation, applied, told)
        simulation.settle(raws, applied)
        _replays_nothing(simulation)
        if height % 20 == 0:
            _agrees(simulation)
        for text in (applied.timer_events, *[each.events for each in applied.results]):
            seen.update(each["type"] for each in msgspec.json.decode(text))
    _agrees(simulation)
    assert [kind.__name__ for kind in RULES if not simulation.accepted[kind]] == []
    events = [str(each.__struct_config__.tag) for module in MODULES for each in module.events]
    assert [each for each in events if each not in seen] == []


def _run(blocks: int) -> None:
    simulation = Simulation("first", "planted")
    for _ in range(blocks):
        raws = simulation.draw_block()
        _hold(simulation, raws)
        simulation.settle(raws, simulation.chain.block(*raws))
        _replays_nothing(simulation)


def test_a_refusal_that_leaves_something_behind_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _run(30)
    monkeypatch.setattr(State, "drop", State.keep)
    with pytest.raises(AssertionError):
        _run(30)


def test_a_nonce_that_is_spent_twice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spending, "require_unspent", lambda *_: None)
    with pytest.raises(AssertionError):
        _run(30)


def test_every_message_can_be_drawn() -> None:
    assert list(Simulation().drawers()) == list(RULES)


def test_an_empty_block_changes_nothing() -> None:
    simulation = Simulation()
    for _ in range(20):
        simulation.step()
    chain = simulation.chain
    while law(chain.state).next is not None:
        simulation.step()
    idle = chain.machine.apply_block(chain.height + 1, chain.time, [])
    assert idle.changes == {}
    assert idle.app_hash == chain.app_hash


def test_a_damaged_state_is_noticed() -> None:
    simulation = Simulation()
    for _ in range(5):
        simulation.step()
    place = SUBJECTS.key(simulation.chain.hospital.id)
    value = simulation.chain.memory.content[place]
    simulation.chain.memory.content[place] = value.replace("云溪市".encode(), "云溪县".encode())
    with pytest.raises(AssertionError):
        _agrees(simulation)
    del simulation.chain.memory.content[KEYS.key(simulation.chain.hospital.signer.id)]
    with pytest.raises(InvariantBroken):
        _agrees(simulation)


# -- what types may hold -----------------------------------------------------------------------

FREE_TEXT = {"Endpoint.url", "Product.name", "Subject.name", "Subject.registration"}
"""Public facts of organisations and products. A person's record never carries them (see below)."""


def _patterns() -> set[str | None]:
    words = (codec.Id, codec.Digest, codec.Name, codec.Binary)
    public = (numbers.Gtin, numbers.Gln, numbers.Prefix, numbers.DrugCode, numbers.Lot)
    kinds = [inspect.type_info(each) for each in (*words, *public)]
    return {each.pattern for each in kinds if isinstance(each, inspect.StrType)}


PATTERNED = _patterns()


def _loose(kind: inspect.Type, path: str, seen: set[Any]) -> list[str]:
    """List the places below a type where arbitrary text would fit."""
    if isinstance(kind, inspect.StructType):
        if kind.cls in seen:
            return []
        seen.add(kind.cls)
        name = kind.cls.__name__
        return [
            found
            for field in kind.fields
            for found in _loose(field.type, f"{name}.{field.name}", seen)
        ]
    if isinstance(kind, inspect.UnionType):
        return [found for each in kind.types for found in _loose(each, path, seen)]
    if isinstance(kind, inspect.Metadata):
        return _loose(kind.type, path, seen)
    if isinstance(kind, inspect.VarTupleType | inspect.ListType):
        return _loose(kind.item_type, path, seen)
    if isinstance(kind, inspect.IntType | inspect.BoolType | inspect.NoneType):
        return []
    if isinstance(kind, inspect.LiteralType):
        return [] if all(isinstance(value, str) for value in kind.values) else [path]
    if isinstance(kind, inspect.StrType) and kind.pattern in PATTERNED:
        return []
    return [path]


def _of(kind: Any) -> list[str]:
    return _loose(inspect.type_info(kind), getattr(kind, "__name__", ""), set())


@pytest.mark.parametrize(
    "kind",
    [each for module in MODULES for each in module.events],
    ids=lambda each: str(each.__struct_config__.tag),
)
def test_events_hold_no_free_text(kind: type[Event]) -> None:
    assert _of(kind) == []


@pytest.mark.parametrize(
    "kind",
    [table.record for module in MODULES for table in module.tables],
    ids=lambda each: f"{each.__module__.split('.')[-2]}.{each.__name__}",
)
def test_state_holds_no_free_text(kind: type[msgspec.Struct]) -> None:
    assert [each for each in _of(kind) if each not in FREE_TEXT] == []


def test_the_union_of_events_is_the_modules_events() -> None:
    listed = {each for module in MODULES for each in module.events}
    known = inspect.type_info(AnyEvent)
    assert isinstance(known, inspect.UnionType)
    assert {each.cls for each in known.types if isinstance(each, inspect.StructType)} == listed


class Inner(msgspec.Struct):
    note: str


class Planted(msgspec.Struct):
    subject: codec.Id
    key: PublicKey
    status: Literal["open", "closed"]
    inner: tuple[Inner, ...]
    weight: float
    anything: Any
    table: dict[str, int]
    digits: Annotated[str, msgspec.Meta(pattern="^[0-9]+$")]
    raw: bytes = b""


def test_the_scan_finds_loose_fields() -> None:
    assert _of(Planted) == [
        "Inner.note",
        "Planted.weight",
        "Planted.anything",
        "Planted.table",
        "Planted.digits",
        "Planted.raw",
    ]


def test_public_facts_are_of_organisations_alone() -> None:
    simulation = Simulation()
    for _ in range(60):
        simulation.step()
    kinds = set()
    for name, value in simulation.chain.memory.content.items():
        if name.startswith(SUBJECTS.prefix):
            found = SUBJECTS.decode(value)
            kinds.add(found.kind)
            public = (found.name, found.registration, found.organisation_kind)
            assert (found.kind == "organisation") == all(each is not None for each in public)
            assert found.kind == "organisation" or public == (None, None, None)
    assert kinds == {"organisation", "person", "practitioner", "device", "agent"}
