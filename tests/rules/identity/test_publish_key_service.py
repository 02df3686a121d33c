"""Rules of `identity.PublishKeyService`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain
from yilian.ledger import codec
from yilian.ledger import errors as envelope
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.state import KEY_SERVICES


def _request(size: int = 1216) -> messages.PublishKeyService:
    return messages.PublishKeyService(kem="mlkem768-x25519", public=codec.to_text(b"k" * size))


@accepted(messages.PublishKeyService)
def test_an_organisation_names_its_key(world: Chain) -> Play:
    yield world.sign(world.hospital, _request())
    found = KEY_SERVICES.require(world.state, world.hospital.id)
    assert (found.kem, found.public) == ("mlkem768-x25519", _request().public)


@accepted(messages.PublishKeyService)
def test_a_later_key_replaces_it(world: Chain) -> Play:
    world.must(world.hospital, _request())
    later = messages.PublishKeyService(kem="mlkem768-x25519", public=codec.to_text(b"l" * 1216))
    yield world.sign(world.agent(), later)
    found = KEY_SERVICES.require(world.state, world.hospital.id)
    assert (found.public, found.since) == (later.public, world.height)


@refused(messages.PublishKeyService, envelope.KEY_REFUSED)
def test_a_key_has_the_length_of_its_kem(world: Chain) -> bytes:
    return world.sign(world.hospital, _request(1215))


@refused(messages.PublishKeyService, errors.NOT_AN_ORGANISATION)
def test_a_person_has_no_key_service(world: Chain) -> bytes:
    return world.sign(world.person(), _request())
