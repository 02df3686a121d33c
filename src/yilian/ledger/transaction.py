"""The transaction: a signed, canonical JSON text that a person can read and a browser can make.

    {"body": {"chain", "expires", "messages", "nonce", "payer", "sender", "signers", ...},
     "signatures": [one per listed signer, in order]}

What is signed is `DOMAIN` followed by the canonical bytes of the body. The body lists its signers,
so signatures cannot be stripped or added; (sender, nonce) is spent once, so a re-made signature
does not make a second transaction.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from yilian.ledger import codec, keys
from yilian.ledger.errors import (
    BAD_SIGNATURE,
    MALFORMED,
    NOT_CANONICAL,
    SIGNATURES_MISSING,
    SIGNER_REPEATED,
    TOO_LARGE,
)
from yilian.ledger.modules import AnyMessage, Message

DOMAIN = b"yilian/transaction/1\n"
MAX_BYTES = 65_536
MAX_MESSAGES = 32
MAX_SIGNERS = 8

GAS_PER_BYTE = 1
GAS_PER_SIGNATURE = 1_000
GAS_PER_MESSAGE = 500


class Body(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    """What is asked, by whom, at whose expense, and until when it may be asked.

    `sender` acts (for `on_behalf_of`, where named); `payer` is the organisation that answers for
    it; `expires` is at most 24 hours after the block time; `messages` are about one matter.
    """

    chain: Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
    sender: codec.Id
    payer: codec.Id
    signers: Annotated[list[codec.Id], msgspec.Meta(min_length=1, max_length=MAX_SIGNERS)]
    nonce: codec.Id
    expires: codec.Millis
    messages: Annotated[list[AnyMessage], msgspec.Meta(min_length=1, max_length=MAX_MESSAGES)]
    on_behalf_of: codec.Id | None = None


class _Wire(msgspec.Struct, forbid_unknown_fields=True):
    body: msgspec.Raw
    signatures: Annotated[list[codec.Binary], msgspec.Meta(max_length=MAX_SIGNERS)]


_read_wire = codec.decoder(_Wire)
_read_body = codec.decoder(Body)


class Envelope:
    """A decoded transaction with its exact bytes, its hash and the signature verdicts so far."""

    __slots__ = ("body", "gas", "hash", "raw", "roles", "signatures", "signed", "verdicts")

    def __init__(self, raw: bytes, body: Body, signed: bytes, signatures: list[str]) -> None:
        self.raw = raw
        self.body = body
        self.signed = signed
        self.signatures = signatures
        self.hash = keys.sha256(raw)
        self.gas = gas(len(raw), len(signatures), len(body.messages))
        self.verdicts: dict[tuple[int, keys.PublicKey], bool] = {}
        self.roles: Any = None
        """What `Machine.precheck` found out about who acts, and until when that holds."""

    def judge(self, index: int, key: keys.PublicKey) -> bool:
        """Verify signature `index` under `key`; the verdict of this exact text is remembered."""
        verdict = self.verdicts.get((index, key))
        if verdict is None:
            signature = codec.to_bytes(self.signatures[index])
            verdict = keys.verify(key, self.signed, signature)
            self.verdicts[index, key] = verdict
        return verdict

    def require_signatures(self, signing: list[keys.PublicKey]) -> None:
        """Refuse unless every listed signer's signature is valid, in order."""
        for index, key in enumerate(signing):
            if not self.judge(index, key):
                raise BAD_SIGNATURE(index=index)


def gas(size: int, signatures: int, messages: int) -> int:
    """Count what a transaction costs every node: bytes, signature checks and messages."""
    return size * GAS_PER_BYTE + signatures * GAS_PER_SIGNATURE + messages * GAS_PER_MESSAGE


def decode(raw: bytes, law: int | None = None) -> Envelope:
    """Read a transaction from its bytes, or refuse what is not exactly one canonical text.

    Under a version of the law that is named, a message of a later one is `malformed`, as releases
    find it that do not know it: old and new ones must give a block the same results.
    """
    if len(raw) > MAX_BYTES:
        raise TOO_LARGE(limit=MAX_BYTES)
    try:
        wire = _read_wire.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        raise MALFORMED() from None
    text = bytes(wire.body)
    body: Body = codec.read_with(_read_body, text)
    if law is not None and any(each.law > law for each in body.messages):
        raise MALFORMED()
    codec.require_canonical(body, text)
    signatures: list[str] = wire.signatures
    if raw != assemble(text, signatures):
        raise NOT_CANONICAL()
    if len(signatures) != len(body.signers):
        raise SIGNATURES_MISSING()
    if len(set(body.signers)) != len(body.signers):
        raise SIGNER_REPEATED()
    for signature in signatures:
        codec.to_bytes(signature)
    return Envelope(raw, body, DOMAIN + text, signatures)


def assemble(body: bytes, signatures: list[str]) -> bytes:
    """Put a canonical body and its signatures together as the exact transaction text."""
    return b'{"body":' + body + b',"signatures":' + codec.encode(signatures) + b"}"


def encode_body(body: Body) -> bytes:
    """Write the canonical bytes of a body; `DOMAIN` + these are what each signer signs."""
    return codec.encode(body)


__all__ = ["DOMAIN", "AnyMessage", "Body", "Envelope", "Message", "assemble", "decode"]
