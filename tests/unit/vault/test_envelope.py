from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.vault.builders import DOCTOR, GRANT, NOW, identifier, terms
from yilian.ledger import codec, merkle
from yilian.ledger.errors import Refusal
from yilian.vault import envelope
from yilian.vault.envelope import (
    PrivateKey,
    PublicKey,
    RecordProof,
    SessionTerms,
    Terms,
    binding,
    commitment,
    new_recipient,
    open_sealed,
    seal,
    unwrap,
    wrap,
)

KEY = bytes(range(32))
INFO = binding("test", record=GRANT)


def refused(call: object, *arguments: object) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code.name


@given(st.binary(max_size=400), st.binary(max_size=40))
def test_seal_opens_to_the_same_bytes(content: bytes, associated: bytes) -> None:
    sealed = seal(KEY, content, associated)
    assert len(sealed) == len(content) + envelope.OVERHEAD
    assert open_sealed(KEY, sealed, associated) == content


@given(st.binary(max_size=60), st.data())
def test_any_changed_byte_of_a_seal_is_refused(content: bytes, data: st.DataObject) -> None:
    sealed = bytearray(seal(KEY, content, INFO))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    name = refused(open_sealed, KEY, bytes(sealed), INFO)
    assert name in {"envelope_not_opened", "envelope_format_unknown"}


def test_every_byte_of_a_seal_counts() -> None:
    sealed = seal(KEY, b"x", INFO)
    for at in range(len(sealed)):
        changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        refused(open_sealed, KEY, changed, INFO)
        refused(open_sealed, KEY, sealed[:at], INFO)
    refused(open_sealed, KEY, sealed + b"\0", INFO)


def test_other_ids_or_key_do_not_open_a_seal() -> None:
    sealed = seal(KEY, b"x", INFO)
    assert refused(open_sealed, KEY, sealed, binding("test", record=DOCTOR)) == (
        "envelope_not_opened"
    )
    assert refused(open_sealed, bytes(32), sealed, INFO) == "envelope_not_opened"
    assert refused(open_sealed, KEY[:16], sealed, INFO) == "envelope_not_opened"
    with pytest.raises(ValueError, match="32 bytes"):
        seal(KEY[:16], b"x", INFO)


def test_two_seals_of_one_content_differ() -> None:
    assert seal(KEY, b"x", INFO) != seal(KEY, b"x", INFO)


@given(st.dictionaries(st.sampled_from("abcd"), st.text(max_size=8)), st.text(max_size=8))
def test_bindings_are_unambiguous(ids: dict[str, str], purpose: str) -> None:
    written = msgspec.json.decode(binding(purpose, **ids))
    assert written == {"purpose": purpose, **ids}


def test_binding_does_not_join_fields() -> None:
    assert binding("p", a="1", b="23") != binding("p", a="12", b="3")


RECIPIENT = new_recipient()


@settings(max_examples=50)
@given(st.binary(max_size=100))
def test_wrap_opens_to_the_same_bytes(content: bytes) -> None:
    assert unwrap(RECIPIENT, wrap(RECIPIENT.public, content, INFO), INFO) == content


def test_any_changed_byte_of_a_wrap_is_refused() -> None:
    wrapped = wrap(RECIPIENT.public, KEY, INFO)
    assert len(wrapped) == 1 + 1168
    for at in range(0, len(wrapped), 7):
        changed = wrapped[:at] + bytes([wrapped[at] ^ 0x40]) + wrapped[at + 1 :]
        refused(unwrap, RECIPIENT, changed, INFO)
    for length in (0, 1, 50, 1120, 1168):
        refused(unwrap, RECIPIENT, wrapped[:length], INFO)


def test_wrong_info_or_recipient_does_not_open_a_wrap() -> None:
    wrapped = wrap(RECIPIENT.public, KEY, INFO)
    assert refused(unwrap, RECIPIENT, wrapped, INFO + b" ") == "envelope_not_opened"
    assert refused(unwrap, new_recipient(), wrapped, INFO) == "envelope_not_opened"


def test_keys_survive_writing_and_reading() -> None:
    again = PrivateKey(RECIPIENT.export())
    assert again.public == RECIPIENT.public == PublicKey(RECIPIENT.public.data)
    assert hash(again.public) == hash(RECIPIENT.public)
    assert again.public != new_recipient().public
    assert unwrap(again, wrap(RECIPIENT.public, KEY, INFO), INFO) == KEY
    assert len(RECIPIENT.export()) == 97
    assert len(RECIPIENT.public.data) == 1217


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01" + bytes(95), b"\x01" + bytes(97)])
def test_malformed_keys_are_refused(data: bytes) -> None:
    assert refused(PublicKey, data) == "envelope_key_not_accepted"
    assert refused(PrivateKey, data) == "envelope_key_not_accepted"


def test_keys_of_another_suite_or_out_of_range_are_refused() -> None:
    good = RECIPIENT.public.data
    assert refused(PublicKey, b"\x02" + good[1:]) == "envelope_format_unknown"
    assert refused(PublicKey, b"\x01" + b"\xff" * 1216) == "envelope_key_not_accepted"
    # The X25519 point of order one would make the classical half of the wrap worthless.
    small = PublicKey(good[:-32] + bytes(32))
    assert refused(wrap, small, KEY, INFO) == "envelope_key_not_accepted"


def test_keys_show_nothing() -> None:
    secret = RECIPIENT.export()
    for shown in (repr(RECIPIENT), str(RECIPIENT), f"{[RECIPIENT]}", repr(RECIPIENT.public)):
        assert RECIPIENT.public.id in shown
        assert secret[1:].hex() not in shown
        assert codec.to_text(secret)[4:40] not in shown


def test_commitment_is_the_documented_hash() -> None:
    salt, content = bytes(32), b"content"
    domain = b"yilian/commitment/content/1"
    digest = hashlib.sha256(domain + b"\0" + salt + hashlib.sha256(content).digest()).digest()
    assert commitment(salt, content) == codec.to_text(digest)
    with pytest.raises(ValueError, match="32 bytes"):
        commitment(b"", content)


def test_a_dictionary_of_all_values_confirms_nothing_without_the_salt() -> None:
    genders, years = ("male", "female", "other", "unknown"), range(1900, 2027)
    guesses = [
        b'{"resourceType":"Patient","gender":"%s","birthDate":"%d"}' % (gender.encode(), year)
        for gender, year in itertools.product(genders, years)
    ]
    salt, secret = bytes(range(32)), guesses[137]
    published = commitment(salt, secret)
    sealed = seal(KEY, secret, INFO)
    attempts = {hashlib.sha256(guess).digest() for guess in guesses}
    attempts |= {codec.to_bytes(commitment(bytes(32), guess)) for guess in guesses}
    attempts |= {codec.to_bytes(commitment(hashlib.sha256(g).digest(), g)) for g in guesses}
    assert codec.to_bytes(published) not in attempts
    assert codec.to_bytes(envelope.address(sealed)) not in attempts
    assert [guess for guess in guesses if commitment(salt, guess) == published] == [secret]


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=50), st.binary(max_size=50))
def test_commitments_bind(salt: bytes, first: bytes, second: bytes) -> None:
    assert (commitment(salt, first) == commitment(salt, second)) == (first == second)


def test_terms_session_and_content_commitments_are_apart() -> None:
    salt = bytes(32)
    opened = terms()
    session = SessionTerms(session=GRANT, grant=GRANT, reader=DOCTOR, purpose="treatment", ends=NOW)
    made = {
        envelope.terms_commitment(salt, opened),
        commitment(salt, codec.encode(opened)),
        envelope.session_commitment(salt, session),
        commitment(salt, codec.encode(session)),
    }
    assert len(made) == 4


def test_terms_survive_writing_and_reading() -> None:
    opened = terms(
        practitioner=DOCTOR,
        team=(DOCTOR,),
        role="nurse",
        denied=("genetics",),
        redact=("hiv", "psy"),
        records=(identifier(1),),
    )
    assert codec.decode(codec.encode(opened), Terms) == opened
    assert b'"format":"yilian-terms/2"' in codec.encode(opened)


@pytest.mark.parametrize(
    "changes",
    [
        {"categories": ("medication", "laboratory")},
        {"categories": ("laboratory", "laboratory")},
        {"team": (DOCTOR, DOCTOR)},
        {"redact": ("psy", "hiv")},
        {"starts": NOW, "ends": NOW},
        {"categories": ()},
    ],
)
def test_contradictory_terms_cannot_be_made(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="terms"):
        terms(**changes)
    data = msgspec.json.decode(codec.encode(terms())) | changes
    assert refused(codec.decode, codec.encode(data), Terms) == "malformed"


@pytest.mark.parametrize(
    "changes",
    [
        {"grantee": "somebody"},
        {"categories": ("Labor atory",)},
        {"purposes": ()},
        {"team": ("nurse",)},
        {"team": tuple(sorted(identifier(at) for at in range(201)))},
        {"redact": ("HIV",)},
        {"ends": 2**60},
        {"records": ()},
        {"conditions": ("a\n",)},
    ],
)
def test_malformed_terms_are_not_committed_to(changes: dict[str, object]) -> None:
    assert refused(envelope.terms_commitment, bytes(32), terms(**changes)) == "malformed"


def test_terms_of_an_unknown_version_or_field_are_refused() -> None:
    data = msgspec.json.decode(codec.encode(terms()))
    for version in ("yilian-terms/1", "yilian-terms/3"):
        changed = data | {"format": version}
        assert refused(codec.decode, codec.encode(changed), Terms) == "malformed"
    assert refused(codec.decode, codec.encode(data | {"more": 1}), Terms) == "malformed"
    del data["format"]
    assert refused(codec.decode, codec.encode(data), Terms) == "not_canonical"


def proof_of(count: int, index: int) -> tuple[RecordProof, str, bytes, bytes]:
    salt, contents = bytes(32), [b"content %d" % at for at in range(count)]
    leaves = [
        envelope.leaf(identifier(at), commitment(salt, content))
        for at, content in enumerate(contents)
    ]
    proof = RecordProof(
        record=identifier(index),
        commitment=commitment(salt, contents[index]),
        batch=GRANT,
        index=index,
        total=count,
        path=tuple(codec.to_text(step) for step in merkle.inclusion(leaves, index)),
    )
    return proof, codec.to_text(merkle.root(leaves)), salt, contents[index]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 300])
def test_records_are_proved_in_their_batch(count: int) -> None:
    for index in {0, count // 2, count - 1}:
        proof, root, salt, content = proof_of(count, index)
        envelope.check_record(content, salt, proof, root)


def test_false_record_proofs_are_refused() -> None:
    proof, root, salt, content = proof_of(7, 3)
    check, replace = envelope.check_record, msgspec.structs.replace
    assert refused(check, content + b"!", salt, proof, root) == "content_differs"
    assert refused(check, content, bytes([1]) * 32, proof, root) == "content_differs"
    assert refused(check, content, b"", proof, root) == "malformed"
    false = [
        replace(proof, record=identifier("other")),
        replace(proof, index=2),
        replace(proof, index=9),
        replace(proof, path=proof.path[:-1]),
        replace(proof, path=(*proof.path, proof.path[0])),
        replace(proof, path=tuple(reversed(proof.path))),
    ]
    for each in false:
        assert refused(check, content, salt, each, root) == "record_not_in_batch"
    assert refused(check, content, salt, proof, codec.to_text(bytes(32))) == "record_not_in_batch"


def test_leaf_is_canonical_json() -> None:
    committed = commitment(bytes(32), b"x")
    expected = f'{{"commitment":"{committed}","record":"{GRANT}"}}'
    assert envelope.leaf(GRANT, committed) == expected.encode()


def test_the_envelope_brings_no_database_or_network_along() -> None:
    """The SDK imports it, and must stay a small, offline library."""
    heavy = "{'sqlalchemy', 'sqlite3', 'rocksdict', 'starlette', 'httpx', 'yilian.node'}"
    script = f"import yilian.vault.envelope, sys; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
