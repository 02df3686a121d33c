"""The transaction text: exactly one spelling, its signers in order, its limits."""

from __future__ import annotations

import json

import pytest

from tests.cases import raises
from tests.chain import Cast, digest_of, name_of, seal
from yilian.ledger import codec, transaction
from yilian.ledger.errors import (
    BAD_SIGNATURE,
    MALFORMED,
    NOT_CANONICAL,
    SIGNATURES_MISSING,
    SIGNER_REPEATED,
    TOO_LARGE,
    Refusal,
)
from yilian.ledger.modules.records.messages import Anchor
from yilian.ledger.transaction import DOMAIN, MAX_BYTES, MAX_SIGNERS

CAST = Cast()
ANCHOR = Anchor(record=name_of("record"), commitment=digest_of("record"))
RAW = CAST.sign(CAST.hospital, ANCHOR)


def test_what_is_read_is_what_was_written() -> None:
    envelope = transaction.decode(RAW)
    assert envelope.raw == RAW
    assert envelope.body.messages == [ANCHOR]
    assert envelope.signed == DOMAIN + transaction.encode_body(envelope.body)
    assert transaction.assemble(envelope.signed[len(DOMAIN) :], envelope.signatures) == RAW
    envelope.require_signatures([CAST.hospital.signer.key])


def test_it_is_rfc_8785() -> None:
    again = json.dumps(json.loads(RAW), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert again.encode() == RAW


def test_gas_counts_bytes_signatures_and_messages() -> None:
    envelope = transaction.decode(RAW)
    assert envelope.gas == len(RAW) + 1_000 + 500
    two = CAST.sign(CAST.hospital, ANCHOR, ANCHOR, beside=(CAST.insurer.signer,))
    assert transaction.decode(two).gas == len(two) + 2_000 + 1_000


def _padded(size: int) -> bytes:
    """Give a text of exactly this size whose one flaw, if any, is that size."""
    signature = "A" * (size - len(transaction.assemble(b"{}", [""])))
    return transaction.assemble(b"{}", [signature])


@raises(TOO_LARGE)
def test_one_byte_above_the_limit_is_too_large() -> None:
    transaction.decode(_padded(MAX_BYTES + 1))


@raises(MALFORMED)
def test_at_the_limit_it_is_read() -> None:
    transaction.decode(_padded(MAX_BYTES))


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw + b" ",
        lambda raw: b" " + raw,
        lambda raw: raw.replace(b'{"body":{', b'{"body": {', 1),
        lambda raw: raw.replace(b'"signatures":[', b'"signatures":[ ', 1),
        lambda raw: b'{"signatures":["AAAA"],' + raw[1:],
        lambda raw: raw.replace(b'"chain":"test"', b'"chain":"\\u0074est"', 1),
        lambda raw: raw.replace(b'"body"', b'"\\u0062ody"', 1),
    ],
)
def test_another_spelling_is_refused(change: object) -> None:
    assert callable(change)
    with pytest.raises(Refusal) as caught:
        transaction.decode(change(RAW))
    assert caught.value.code in (NOT_CANONICAL, MALFORMED)


def test_the_same_values_in_another_order_are_refused() -> None:
    found = json.loads(RAW)
    turned = {key: found[key] for key in ("signatures", "body")}
    with pytest.raises(Refusal) as caught:
        transaction.decode(json.dumps(turned, separators=(",", ":")).encode())
    assert caught.value.code is NOT_CANONICAL


@raises(SIGNATURES_MISSING)
def test_a_stripped_signature_is_missed() -> None:
    text = RAW[len(b'{"body":') : RAW.index(b',"signatures"')]
    transaction.decode(transaction.assemble(text, []))


@raises(SIGNER_REPEATED)
def test_a_signer_is_listed_once() -> None:
    signer = CAST.hospital.signer
    twice = CAST.body(CAST.hospital, ANCHOR, signers=[signer.id, signer.id])
    transaction.decode(seal(twice, signer, signer))


def test_there_are_at_most_eight_signers() -> None:
    signers = tuple(CAST.signer(f"signer {each}") for each in range(MAX_SIGNERS))
    with pytest.raises(Refusal) as caught:
        transaction.decode(CAST.sign(CAST.hospital, ANCHOR, beside=signers))
    assert caught.value.code is MALFORMED
    transaction.decode(CAST.sign(CAST.hospital, ANCHOR, beside=signers[1:]))


@raises(BAD_SIGNATURE)
def test_each_signature_is_for_its_own_place() -> None:
    one, two = CAST.hospital.signer, CAST.insurer.signer
    body = CAST.body(CAST.hospital, ANCHOR, signers=[one.id, two.id])
    transaction.decode(seal(body, two, one)).require_signatures([one.key, two.key])


def test_a_verdict_is_of_this_text_and_key() -> None:
    envelope = transaction.decode(RAW)
    assert envelope.judge(0, CAST.hospital.signer.key)
    assert not envelope.judge(0, CAST.insurer.signer.key)
    assert envelope.judge(0, CAST.hospital.signer.key)


def test_a_signature_of_the_body_without_its_domain_is_none() -> None:
    body = CAST.body(CAST.hospital, ANCHOR)
    text = transaction.encode_body(body)
    raw = transaction.assemble(text, [CAST.hospital.signer.sign(text)])
    assert not transaction.decode(raw).judge(0, CAST.hospital.signer.key)


def test_another_signature_makes_another_hash() -> None:
    body = CAST.body(CAST.hospital, ANCHOR)
    one = transaction.decode(seal(body, CAST.hospital.signer))
    two = transaction.decode(seal(body, CAST.insurer.signer))
    assert one.signed == two.signed
    assert one.hash != two.hash


def test_an_unknown_message_is_malformed() -> None:
    with pytest.raises(Refusal) as caught:
        transaction.decode(RAW.replace(b"records.Anchor", b"records.Unmade"))
    assert caught.value.code is MALFORMED
    assert codec.encode(ANCHOR) in RAW
