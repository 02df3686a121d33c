"""A chain to measure on: one hospital, enrolled persons with keys, and a state of any size."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import nacl.bindings

from yilian.ledger import codec, keys, transaction
from yilian.ledger import genesis as geneses
from yilian.ledger.block import results_hash
from yilian.ledger.keys import Suites
from yilian.ledger.machine import Applied, Machine
from yilian.ledger.module import Message
from yilian.ledger.modules.consent.messages import Grant
from yilian.ledger.modules.consent.state import GRANTS
from yilian.ledger.modules.consent.state import Grant as StoredGrant
from yilian.ledger.modules.governance.state import Parameters
from yilian.ledger.modules.identity.messages import EnrolPerson
from yilian.node.embedded import Embedded, validator_public
from yilian.node.engine import load_tree, now_ms
from yilian.node.store import Store, Tip
from yilian.sdk.signers import Ed25519Signer

CHAIN = "bench"
SEED = secrets.token_bytes(32)
CHUNK = 50_000

HOSPITAL = codec.to_text(secrets.token_bytes(16))


def new_id() -> str:
    return codec.to_text(secrets.token_bytes(16))


def new_digest() -> str:
    return codec.to_text(secrets.token_bytes(32))


class Person:
    """A person with an id at the hospital and a key of their own."""

    def __init__(self) -> None:
        self.id = new_id()
        self.signer = Ed25519Signer.generate()


def signed(signer: Ed25519Signer, sender: str, messages: list[Message]) -> bytes:
    """Write a signed transaction at the hospital's expense."""
    body = transaction.Body(
        chain=CHAIN,
        sender=sender,
        payer=HOSPITAL,
        signers=[signer.key_id],
        nonce=new_id(),
        expires=now_ms() + 3_600_000,
        messages=messages,
    )
    text = transaction.encode_body(body)
    return transaction.assemble(text, [codec.to_text(signer.sign(transaction.DOMAIN + text))])


def make(folder: Path, operator: Ed25519Signer, entries: int) -> None:
    """Make a chain whose state holds `entries` grants from before its first block."""
    genesis = geneses.Genesis(
        chain=CHAIN,
        time=now_ms(),
        members=[
            geneses.FirstMember(
                organisation=HOSPITAL,
                kind="hospital",
                name="Hospital",
                registration="H1",
                key=operator.key,
            )
        ],
        validators=[geneses.FirstValidator(public=codec.to_text(validator_public(SEED)), power=1)],
        parameters=Parameters(
            person_quota=1_000_000, pending_per_payer=1_000_000, block_payer_share_percent=100
        ),
    )
    folder.mkdir(parents=True)
    store = Store(folder, create=True)
    machine = Machine(genesis, store, load_tree(store, Suites(genesis.profile)))
    applied = machine.first_state()
    document = codec.encode(genesis)
    _write(store, machine, applied, document)
    grants = _grants(entries)
    while chunk := dict(islice(grants, CHUNK)):
        view = machine.tree.stage(chunk)
        applied = Applied(0, genesis.time, [], b"[]", chunk, view, {})
        _write(store, machine, applied, document)
    store.close()


def _write(store: Store, machine: Machine, applied: Applied, document: bytes) -> None:
    tip = Tip(0, applied.time, applied.app_hash, results_hash(()), b"", 0, b"", False)
    store.write_first(document, applied, tip)
    machine.adopt(applied)


def _grants(count: int) -> Iterator[tuple[bytes, bytes | None]]:
    now = now_ms()
    for _ in range(count):
        record = StoredGrant(
            person=new_id(), terms=new_digest(), starts=now, ends=now + 10**9, since=0
        )
        yield GRANTS.key(new_id()), codec.encode(record)


def people(engine: Embedded, operator: Ed25519Signer, count: int) -> list[Person]:
    """Enrol persons who hold their own keys."""
    made = [Person() for _ in range(count)]
    raws = [
        signed(
            operator,
            HOSPITAL,
            [EnrolPerson(person=each.id, tag=new_digest(), key=each.signer.key)],
        )
        for each in made
    ]
    for future in engine.submit_many(raws):
        assert future.result().code == 0
    return made


def grants(persons: list[Person], count: int) -> list[bytes]:
    """Sign consent grants, one per transaction, persons in turn."""
    now = now_ms()
    return [
        signed(
            each.signer,
            each.id,
            [Grant(grant=new_id(), terms=new_digest(), starts=now, ends=now + 10**9)],
        )
        for each in (persons[index % len(persons)] for index in range(count))
    ]


def raw_verifications_per_second(seconds: float = 0.5) -> float:
    """Measure PyNaCl's bare Ed25519 verification on one core, over 600-byte messages."""
    import time

    public, secret = nacl.bindings.crypto_sign_keypair()
    text = nacl.bindings.crypto_sign(secrets.token_bytes(600), secret)
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        for _ in range(200):
            nacl.bindings.crypto_sign_open(text, public)
        done += 200
    return done / (time.perf_counter() - start)


__all__ = ["HOSPITAL", "SEED", "Person", "grants", "keys", "make", "people", "signed"]
