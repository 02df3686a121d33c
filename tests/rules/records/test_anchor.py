"""Rules of `records.Anchor`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, digest_of, name_of
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.records import errors, messages
from yilian.ledger.modules.records.state import ANCHORS

REQUEST = messages.Anchor(record=name_of("record"), commitment=digest_of("record"))


@accepted(messages.Anchor)
def test_an_organisation_anchors_a_record(world: Chain) -> Play:
    yield world.sign(world.agent(), REQUEST)
    found = ANCHORS.require(world.state, name_of("record"))
    assert (found.organisation, found.commitment) == (world.hospital.id, REQUEST.commitment)
    assert (found.since, found.time) == (world.height, world.time)


@refused(messages.Anchor, errors.ID_TAKEN)
def test_an_anchor_is_not_moved(world: Chain) -> bytes:
    world.must(world.hospital, REQUEST)
    moved = messages.Anchor(record=REQUEST.record, commitment=digest_of("other"))
    return world.sign(world.hospital, moved)


@refused(messages.Anchor, identity_errors.NOT_AN_ORGANISATION)
def test_a_person_anchors_nothing(world: Chain) -> bytes:
    return world.sign(world.person(), REQUEST)
