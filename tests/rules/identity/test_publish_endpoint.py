"""Rules of `identity.PublishEndpoint`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain
from tests.rules.identity.certificates import certificate
from yilian.ledger import codec, keys
from yilian.ledger.modules.governance.messages import RemoveMember
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.endpoints import MAX_CERTIFICATE
from yilian.ledger.modules.identity.state import CERTIFICATES, ENDPOINTS

URL = "https://node.hospital.example:8443"


def _publish(label: str = "hospital", url: str = URL) -> messages.PublishEndpoint:
    return messages.PublishEndpoint(url=url, certificate=certificate(label))


@accepted(messages.PublishEndpoint)
def test_an_organisation_says_where_it_is_reached(world: Chain) -> Play:
    applied = yield world.sign(world.hospital, _publish())
    found = ENDPOINTS.require(world.state, world.hospital.id)
    assert (found.url, found.certificate, found.since) == (
        URL,
        certificate("hospital"),
        world.height,
    )
    digest = codec.to_text(keys.sha256(codec.to_bytes(found.certificate)))
    assert digest.encode() in applied.results[0].events
    assert found.certificate.encode() not in applied.results[0].events


@accepted(messages.PublishEndpoint)
def test_a_program_publishes_for_its_organisation(world: Chain) -> Play:
    yield world.sign(world.agent(), _publish())
    assert ENDPOINTS.has(world.state, world.hospital.id)


@accepted(messages.PublishEndpoint)
def test_a_later_endpoint_replaces_it(world: Chain) -> Play:
    world.must(world.hospital, _publish())
    yield world.sign(world.hospital, _publish("hospital 2", "https://10.0.0.7"))
    found = ENDPOINTS.require(world.state, world.hospital.id)
    assert (found.url, found.certificate) == ("https://10.0.0.7", certificate("hospital 2"))


@accepted(messages.PublishEndpoint)
def test_one_certificate_moves_with_its_organisation(world: Chain) -> Play:
    world.must(world.hospital, _publish())
    yield world.sign(world.hospital, _publish(url="https://[fd00::7]:443"))
    assert ENDPOINTS.require(world.state, world.hospital.id).url == "https://[fd00::7]:443"


@accepted(messages.PublishEndpoint)
def test_the_endpoint_of_a_removed_member_is_dropped(world: Chain) -> Play:
    yield world.sign(world.insurer, _publish())
    assert ENDPOINTS.has(world.state, world.insurer.id)
    world.carried(RemoveMember(world.insurer.id))
    assert not ENDPOINTS.has(world.state, world.insurer.id)
    assert [
        CERTIFICATES.decode(value).subject
        for key, value in world.memory.content.items()
        if key.startswith(CERTIFICATES.prefix)
    ] == [world.insurer.id]


@refused(messages.PublishEndpoint, errors.CERTIFICATE_TAKEN)
def test_a_certificate_is_of_one_organisation(world: Chain) -> bytes:
    world.must(world.hospital, _publish())
    return world.sign(world.insurer, _publish(url="https://node.insurer.example"))


@refused(messages.PublishEndpoint, errors.CERTIFICATE_TAKEN)
def test_a_replaced_certificate_stays_its_organisations(world: Chain) -> bytes:
    world.must(world.hospital, _publish())
    world.must(world.hospital, _publish("hospital 2"))
    return world.sign(world.insurer, _publish())


@refused(messages.PublishEndpoint, errors.BAD_URL)
def test_an_address_has_no_path(world: Chain) -> bytes:
    return world.sign(world.hospital, _publish(url=URL + "/"))


@refused(messages.PublishEndpoint, errors.BAD_CERTIFICATE)
def test_a_certificate_is_whole(world: Chain) -> bytes:
    cut = codec.to_text(codec.to_bytes(certificate("hospital"))[:-1])
    return world.sign(world.hospital, messages.PublishEndpoint(url=URL, certificate=cut))


@refused(messages.PublishEndpoint, errors.BAD_CERTIFICATE)
def test_a_certificate_is_not_endless(world: Chain) -> bytes:
    content = b"\x30\x00\x30\x00\x03\x82" + (MAX_CERTIFICATE - 11).to_bytes(2, "big")
    content += bytes(MAX_CERTIFICATE - 11)
    large = codec.to_text(b"\x30\x82" + len(content).to_bytes(2, "big") + content)
    return world.sign(world.hospital, messages.PublishEndpoint(url=URL, certificate=large))


@refused(messages.PublishEndpoint, errors.NOT_AN_ORGANISATION)
def test_a_person_has_no_node(world: Chain) -> bytes:
    return world.sign(world.person(), _publish())


@refused(messages.PublishEndpoint, errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    return world.sign(world.hospital, _publish(), on_behalf_of=world.ward().id)
