"""DID documents: keys as Multikey, deactivation in the metadata, and no person ever."""

from __future__ import annotations

import json
from pathlib import Path

from tests.chain import SECOND, Chain, name_of
from yilian.gateway.http import did
from yilian.ledger import codec
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.identity.state import Key

ADOPTED = json.loads((Path(__file__).parents[3] / "adopted" / "multikey.json").read_text())


def test_base58_of_others() -> None:
    """The test vectors of the base58 Internet draft."""
    for each in ADOPTED["base58"]:
        assert did.base58(bytes.fromhex(each["hex"])) == each["text"]


def test_multikeys_of_others() -> None:
    """Published keys, in both suites, are written as published."""
    for each in ADOPTED["multikeys"]:
        public = codec.to_text(bytes.fromhex(each["public"]))
        key = Key(suite=each["suite"], public=public, owner=name_of("x"), since=1)
        assert did.multikey(key) == each["multibase"]


def test_who_has_a_document() -> None:
    """Organisations, practitioners, devices and agents; a person looks like nobody."""
    chain = Chain()
    made = {
        "doctor": chain.practitioner(),
        "device": chain.device(),
        "agent": chain.agent(),
        "pharmacy": chain.organisation(),
    }
    person = chain.person()
    for actor in (*made.values(), chain.hospital):
        found = did.resolve("test", actor.id, chain.state)
        assert found is not None
        document = found["didDocument"]
        assert document["id"] == f"did:yilian:test:{actor.id}"
        method = document["verificationMethod"][0]
        assert method["id"] == f"{document['id']}#{actor.signer.id}"
        assert method["publicKeyMultibase"].startswith("z6Mk")
        assert document["authentication"] == document["assertionMethod"] == [method["id"]]
        assert found["didDocumentMetadata"] == {"deactivated": False}
    assert did.resolve("test", person.id, chain.state) is None
    assert did.resolve("test", name_of("nobody"), chain.state) is None


def test_p256_keys() -> None:
    """The second profile's keys have their own prefix."""
    chain = Chain(SECOND)
    found = did.resolve("test", chain.hospital.id, chain.state)
    assert found is not None
    assert found["didDocument"]["verificationMethod"][0]["publicKeyMultibase"].startswith("zDn")


def test_the_end_is_in_the_metadata() -> None:
    """A subject that ended keeps its document, deactivated and without keys."""
    chain = Chain()
    doctor = chain.practitioner()
    chain.must(chain.hospital, identity.RevokeSubject(subject=doctor.id))
    found = did.resolve("test", doctor.id, chain.state)
    assert found is not None
    assert found["didDocumentMetadata"] == {"deactivated": True}
    assert found["didDocument"]["verificationMethod"] == []
    assert "authentication" not in found["didDocument"]
