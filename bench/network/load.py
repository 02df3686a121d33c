"""The load: the same number of signed transactions of the same sizes, for each application.

Ours are consent grants by enrolled persons, each with one Ed25519 signature. The baseline's are its
own, made by its program: a key, a signature, and a payload. The `kvstore` takes `key=value`.
"""

from __future__ import annotations

import base64
import secrets
import subprocess
from pathlib import Path
from typing import NamedTuple

from bench import chain
from yilian.ledger import codec
from yilian.ledger import genesis as geneses
from yilian.ledger.block import results_hash
from yilian.ledger.genesis import Genesis
from yilian.ledger.keys import Suites
from yilian.ledger.machine import Machine
from yilian.ledger.modules.governance.state import Parameters
from yilian.ledger.modules.identity.messages import EnrolPerson
from yilian.node.embedded import validator_public
from yilian.node.engine import load_tree, now_ms, write_genesis
from yilian.node.store import Store, Tip
from yilian.sdk.signers import Ed25519Signer

SENDERS = 1_000
ENROLLED_AT_ONCE = 100


class Ground(NamedTuple):
    """What all members begin from: genesis, the validators' seeds, a first state, the senders."""

    genesis: Genesis
    seeds: list[bytes]
    folder: Path
    persons: list[chain.Person]


def make_ground(folder: Path, members: int) -> Ground:
    """Make a chain whose first state knows the senders already."""
    operator = Ed25519Signer.generate()
    seeds = [secrets.token_bytes(32) for _ in range(members)]
    genesis = Genesis(
        chain=chain.CHAIN,
        time=now_ms(),
        members=[
            geneses.FirstMember(
                organisation=chain.HOSPITAL,
                kind="hospital",
                name="Hospital",
                registration="H1",
                key=operator.key,
            )
        ],
        validators=[
            geneses.FirstValidator(public=codec.to_text(validator_public(seed)), power=10)
            for seed in seeds
        ],
        parameters=Parameters(
            block_max_bytes=2_000_000,
            block_max_gas=20_000_000,
            person_quota=1_000_000,
            pending_per_payer=1_000_000,
            block_payer_share_percent=100,
        ),
    )
    write_genesis(folder, genesis)
    persons = [chain.Person() for _ in range(SENDERS)]
    _enrol(folder, genesis, operator, persons)
    return Ground(genesis, seeds, folder, persons)


def _enrol(
    folder: Path, genesis: Genesis, operator: Ed25519Signer, persons: list[chain.Person]
) -> None:
    store = Store(folder)
    machine = Machine(genesis, store, load_tree(store, Suites(genesis.profile)))
    raws = [
        chain.signed(
            operator,
            chain.HOSPITAL,
            [EnrolPerson(person=each.id, tag=chain.new_digest(), key=each.signer.key)],
        )
        for each in persons
    ]
    applied = machine.apply_block(1, genesis.time, raws)
    assert {each.code for each in applied.results} == {0}
    tip = Tip(0, genesis.time, applied.app_hash, results_hash(()), b"", 0, b"", False)
    store.write_first(codec.encode(genesis), applied, tip)
    store.close()


def ours(ground: Ground, count: int) -> list[bytes]:
    """Sign consent grants, the senders in turn."""
    return chain.grants(ground.persons, count)


def for_kvstore(count: int, size: int) -> list[bytes]:
    """Make `key=value` of the same size."""
    made = []
    for _ in range(count):
        text = secrets.token_hex(size // 2 + 1).encode()
        made.append(text[:40] + b"=" + text[40 : size - 1])
    return made


def for_baseline(program: Path, count: int, size: int) -> list[bytes]:
    """Have the baseline's own program sign payloads, as many senders in turn."""
    command = [str(program), "make", "-count", str(count), "-least", str(size)]
    command += ["-most", str(size), "-senders", str(SENDERS)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return [base64.b64decode(line) for line in done.stdout.splitlines()]
