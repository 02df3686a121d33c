"""Drafts: from messages to the exact signed bytes of a transaction, without a network.

`draft` makes the body; each signer signs it where its key is (`signature`); `assemble` puts the
text together. `sign` does both for keys at one place. What is drafted is read back under the law's
own types, so what the law would call malformed never leaves.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence

from yilian.ledger import codec, keys, transaction
from yilian.ledger.errors import BAD_SIGNATURE, SIGNATURES_MISSING, TOO_LARGE
from yilian.ledger.keys import PublicKey
from yilian.ledger.module import Message
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.identity import rules
from yilian.ledger.transaction import Body
from yilian.sdk.signers import Signer
from yilian.vault.envelope import new_id

EXPIRES_IN = 120
"""Seconds after which an unsent or unanswered draft is void."""


def draft(
    chain: str,
    sender: str,
    payer: str,
    messages: Sequence[Message],
    signers: Sequence[Signer | PublicKey],
    *,
    expires_in: float = EXPIRES_IN,
    on_behalf_of: str | None = None,
    nonce: str | None = None,
) -> Body:
    """Make a body to sign: the sender's key first, then all others that must sign.

    `expires_in` is in seconds, at most the chain's limit (24 hours). Refuses what has not the form
    of a transaction, and messages that contradict themselves.
    """
    listed = [each if isinstance(each, PublicKey) else each.key for each in signers]
    made = Body(
        chain=chain,
        sender=sender,
        payer=payer,
        signers=[keys.key_id(each) for each in listed],
        nonce=fresh_id() if nonce is None else nonce,
        expires=time.time_ns() // 1_000_000 + round(expires_in * 1000),
        messages=list(messages),
        on_behalf_of=on_behalf_of,
    )
    body = codec.decode(transaction.encode_body(made), Body)
    for message in body.messages:
        message.check()
    return body


def signature(body: Body, signer: Signer) -> str:
    """Sign a body, at the place where the key is."""
    return codec.to_text(signer.sign(transaction.DOMAIN + transaction.encode_body(body)))


def assemble(body: Body, signatures: Mapping[str, str]) -> bytes:
    """Put a body and its signatures (by key id) together as the exact transaction text.

    Refuses where a listed signer is missing, where the text is too large, and what the law would
    not read.
    """
    if sorted(signatures) != sorted(body.signers):
        raise SIGNATURES_MISSING()
    text = transaction.encode_body(body)
    raw = transaction.assemble(text, [signatures[name] for name in body.signers])
    if len(raw) > transaction.MAX_BYTES:
        raise TOO_LARGE(limit=transaction.MAX_BYTES)
    return transaction.decode(raw).raw


def sign(body: Body, signers: Sequence[Signer]) -> bytes:
    """Sign a body with all its signers; gives the exact bytes to submit.

    Each signature is checked before it leaves: a wrong one would only cost a round trip.
    """
    signatures = {each.key_id: signature(body, each) for each in signers}
    raw = assemble(body, signatures)
    envelope = transaction.decode(raw)
    by_id = {each.key_id: each.key for each in signers}
    for index, name in enumerate(body.signers):
        if not envelope.judge(index, by_id[name]):
            raise BAD_SIGNATURE(index=index)
    return raw


def transaction_hash(raw: bytes) -> str:
    """Name a transaction as the node does: the SHA-256 of its bytes, in hex."""
    return keys.sha256(raw).hex()


def fresh_id() -> str:
    """Draw a random id (16 bytes) for a subject, grant, record or nonce."""
    return new_id()


def fresh_salt() -> str:
    """Draw a random salt (32 bytes) for a commitment."""
    return codec.to_text(secrets.token_bytes(32))


def key_proof(owner: str, signer: Signer) -> str:
    """Let a new key prove that its holder asks for it: `AddKey`, `RotateKey` and their like."""
    return codec.to_text(signer.sign(rules.key_proof(owner, signer.key)))


def guardian_commitment(key: PublicKey, salt: str) -> str:
    """Commit to a guardian's key; the person keeps the salt, the guardian the key."""
    return rules.guardian_commitment(key, salt)


def recovery_approval(
    recovery: str, person: str, key: PublicKey, guardian: Signer, salt: str
) -> identity.Approval:
    """Let a guardian approve that `key` takes over for a person who lost theirs."""
    text = rules.recovery_approval(recovery, person, key)
    return identity.Approval(
        key=guardian.key, salt=salt, signature=codec.to_text(guardian.sign(text))
    )
