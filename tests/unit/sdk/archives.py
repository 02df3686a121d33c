"""Logs, witnesses and promotions for the verifier's tests, made with `ledger/` alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import nacl.bindings
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from tests.unit.sdk.receipts import START, Chain, sha
from yilian.ledger import block as b
from yilian.ledger import block_json as bj
from yilian.ledger import checkpoint as notes
from yilian.ledger import codec, merkle, promotion
from yilian.ledger.checkpoint import Checkpoint, LogProof, Note, NoteSignature, VerifierKey
from yilian.ledger.promotion import Mark, NewChain, OldChain, Promotion

SIZE = 40
NOW = START // b.SECOND + 60
"""When witnesses sign: what the trust files of the tests call now."""


class Cosigner(NamedTuple):
    """A witness with both kinds of key, made from its name."""

    name: str

    @property
    def keys(self) -> tuple[VerifierKey, VerifierKey]:
        """Its two verifier keys."""
        public, _ = nacl.bindings.crypto_sign_seed_keypair(sha(self.name.encode()))
        other = self._ml_dsa().public_key().public_bytes_raw()
        return (
            VerifierKey(self.name, notes.COSIGN_ED25519, bytes(public)),
            VerifierKey(self.name, notes.COSIGN_ML_DSA_44, other),
        )

    def _ml_dsa(self) -> MLDSA44PrivateKey:
        return MLDSA44PrivateKey.from_seed_bytes(sha(self.name.encode() + b"ml"))

    def lines(self, point: Checkpoint, seconds: int = NOW) -> tuple[NoteSignature, NoteSignature]:
        """Cosign a checkpoint with both."""
        _, secret = nacl.bindings.crypto_sign_seed_keypair(sha(self.name.encode()))
        text = notes.cosignature_text(point, seconds)
        message = notes.subtree_text(point, seconds, self.name)
        made = (nacl.bindings.crypto_sign(text, secret)[:64], self._ml_dsa().sign(message))
        one, other = (
            NoteSignature(key.name, key.key_id, notes.timestamped(seconds, signature))
            for key, signature in zip(self.keys, made, strict=True)
        )
        return one, other


A, B, C = (Cosigner(f"witness.example/{name}") for name in "abc")


def log_key(chain: str = "test-chain", label: str = "log") -> VerifierKey:
    public, _ = nacl.bindings.crypto_sign_seed_keypair(sha(label.encode()))
    return VerifierKey(notes.origin(chain), notes.ED25519, bytes(public))


def log_line(point: Checkpoint, label: str = "log") -> NoteSignature:
    """A node's own signature on a checkpoint."""
    _, secret = nacl.bindings.crypto_sign_seed_keypair(sha(label.encode()))
    key = log_key(point.origin.removeprefix(notes.ORIGIN), label)
    signature = nacl.bindings.crypto_sign(point.text().encode(), secret)[:64]
    return NoteSignature(key.name, key.key_id, signature)


class Log(NamedTuple):
    """A log that holds the header of one proof, and other leaves around it."""

    entries: tuple[bytes, ...]
    place: int
    point: Checkpoint

    def proof(self, *lines: NoteSignature, index: int | None = None) -> bytes:
        """The proof of the header, under the log's signature and `lines`."""
        note = Note(self.point.text(), (log_line(self.point), *lines)).encode()
        place = self.place if index is None else index
        return LogProof(place, tuple(merkle.inclusion(self.entries, place)), note).encode()


def log_of(paper: dict[str, Any], size: int = SIZE, chain: str | None = None) -> Log:
    """Put the header that a receipt's or state proof's commit signs in a log."""
    header = bj.header_from_json(paper.get("next_header", paper["header"]))
    index = header.height - 1
    entries = tuple(notes.leaf(header) if at == index else b"entry %d" % at for at in range(size))
    origin = notes.origin(header.chain_id if chain is None else chain)
    return Log(entries, index, Checkpoint(origin, size, merkle.root(entries)))


def pinned(trust: dict[str, Any], *witnesses: Cosigner, threshold: int, **told: Any) -> Any:
    """A trust file with witnesses."""
    keys = [key.encode() for each in witnesses for key in each.keys]
    return {**trust, "witnesses": keys, "witness_threshold": threshold, **told}


def record(
    old: Chain,
    new: Chain,
    *,
    height: int = 20,
    signers: Sequence[bytes] | None = None,
    **told: Any,
) -> Promotion:
    """The record that `new` goes on from `old`, signed by its validators."""
    ends = OldChain(
        chain=old.chain_id,
        height=height,
        header=codec.to_text(old.header(height).hash()),
        state=codec.to_text(sha(b"state")),
        validators=promotion.voters(old.validators),
    )
    begins = NewChain(
        **{
            "chain": new.chain_id,
            "time": (START + (height + 1) * new.step) // 10**6,
            "genesis": codec.to_text(sha(b"genesis")),
            "validators": promotion.voters(new.validators),
            **told,
        }
    )
    text = promotion.statement(ends, begins)
    marks = [
        Mark(
            public=codec.to_text(public),
            signature=codec.to_text(old.key_of[public].sign(text).signature),
        )
        for public in (old.key_of if signers is None else signers)
    ]
    return Promotion(old=ends, new=begins, signatures=marks)
