"""Rules of `records.AnchorDisclosures`."""

from __future__ import annotations

import msgspec

from tests.cases import Play, accepted, refused
from tests.chain import Chain, digest_of, name_of
from yilian.ledger import errors as envelope
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.records import errors, messages
from yilian.ledger.modules.records.state import BATCHES

REQUEST = messages.AnchorDisclosures(batch=name_of("journal"), root=digest_of("journal"), size=1000)


@accepted(messages.AnchorDisclosures)
def test_one_root_stands_for_many(world: Chain) -> Play:
    yield world.sign(world.hospital, REQUEST)
    found = BATCHES.require(world.state, name_of("journal"))
    assert (found.of, found.root, found.size) == ("disclosures", REQUEST.root, 1000)
    assert (found.organisation, found.since) == (world.hospital.id, world.height)


@refused(messages.AnchorDisclosures, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    world.must(world.insurer, REQUEST)
    return world.sign(world.hospital, REQUEST)


@refused(messages.AnchorDisclosures, identity_errors.NOT_AN_ORGANISATION)
def test_a_practitioner_anchors_nothing(world: Chain) -> bytes:
    return world.sign(world.practitioner(), REQUEST)


@refused(messages.AnchorDisclosures, envelope.MALFORMED)
def test_a_batch_holds_something(world: Chain) -> bytes:
    return world.sign(world.hospital, msgspec.structs.replace(REQUEST, size=0))
