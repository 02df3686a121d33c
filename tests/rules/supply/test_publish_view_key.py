"""Rules of `supply.PublishViewKey`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain
from tests.rules.supply.cast import VIEW_KEY, begun, regulator
from tests.rules.supply.cast import view_key as key
from yilian.ledger import codec
from yilian.ledger.errors import KEY_REFUSED
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.state import view_key, view_keys


@accepted(messages.PublishViewKey)
def test_a_regulator_publishes(world: Chain) -> Play:
    office = regulator(begun(world))
    assert view_key(world.state, office.id) is None
    yield world.sign(world.agent("office", office), key())
    found = view_key(world.state, office.id)
    assert found is not None
    assert (found.public, found.since) == (VIEW_KEY, world.height)
    assert view_keys(world.state) == ((office.id, found),)


@accepted(messages.PublishViewKey)
def test_a_new_key_takes_the_olds_place(world: Chain) -> Play:
    office = regulator(begun(world))
    world.must(office, key())
    new = codec.to_text(bytes(1_216))
    yield world.sign(office, key(new))
    assert [each.public for _, each in view_keys(world.state)] == [new]


@refused(messages.PublishViewKey, errors.NOT_A_REGULATOR)
def test_a_competitor_publishes_none(world: Chain) -> bytes:
    return world.sign(begun(world).hospital, key())


@refused(messages.PublishViewKey, KEY_REFUSED)
def test_a_key_has_its_length(world: Chain) -> bytes:
    return world.sign(regulator(begun(world)), key(codec.to_text(bytes(1_215))))
