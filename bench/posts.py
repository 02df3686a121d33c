"""What posts of the trade cost: bytes of a transaction, of state and of disk, and posts a second.

    python -m bench.posts [--members 200] [--rounds 20] [--slots 8] [--json]

Members with a company each post once per interval of one second, through the embedded engine, each
block durable. State is the entries that a post leaves for ever (root, nullifiers), keys and values;
disk is the whole store: blocks, results, events, state, tree.
"""

from __future__ import annotations

import argparse
import json
import secrets
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench import chain
from yilian.ledger import codec, transaction
from yilian.ledger import genesis as geneses
from yilian.ledger.module import Message
from yilian.ledger.modules.governance.state import LAWS_KNOWN, Parameters
from yilian.ledger.modules.supply import messages
from yilian.ledger.modules.supply.numbers import check_digit
from yilian.ledger.modules.supply.state import NULLIFIERS, POSTS, pace
from yilian.node.embedded import Embedded, validator_public
from yilian.node.engine import now_ms
from yilian.sdk.signers import Ed25519Signer


class Member(NamedTuple):
    """An organisation and its key."""

    id: str
    signer: Ed25519Signer

    def sign(self, message: Message) -> bytes:
        """Sign a message at its own expense."""
        body = transaction.Body(
            chain=chain.CHAIN,
            sender=self.id,
            payer=self.id,
            signers=[self.signer.key_id],
            nonce=chain.new_id(),
            expires=now_ms() + 3_600_000,
            messages=[message],
        )
        text = transaction.encode_body(body)
        signature = codec.to_text(self.signer.sign(transaction.DOMAIN + text))
        return transaction.assemble(text, [signature])


def begin(folder: Path, members: list[Member], slots: int) -> Embedded:
    """Make a chain on which every member has a company."""
    genesis = geneses.Genesis(
        chain=chain.CHAIN,
        time=now_ms(),
        members=[
            geneses.FirstMember(
                organisation=each.id,
                kind="distributor",
                name=f"Member {place}",
                registration=f"M{place}",
                key=each.signer.key,
            )
            for place, each in enumerate(members)
        ],
        validators=[geneses.FirstValidator(public=codec.to_text(validator_public(SEED)), power=1)],
        parameters=Parameters(supply_interval_ms=1_000, supply_slots=slots),
        law=max(LAWS_KNOWN),
    )
    engine = Embedded.create(folder, genesis, SEED)
    raws = []
    for place, each in enumerate(members):
        digits = f"69{place:010d}"
        gln = digits + check_digit(digits)
        company = messages.RegisterCompany(company=chain.new_id(), gln=gln, prefixes=[])
        raws.append(each.sign(company))
    assert {each.result().code for each in engine.submit_many(raws)} == {0}
    return engine


SEED = secrets.token_bytes(32)


def measure(count: int, rounds: int, slots: int) -> dict[str, float | int]:
    """Post in rounds of one interval each."""
    members = [Member(chain.new_id(), Ed25519Signer.generate()) for _ in range(count)]
    with tempfile.TemporaryDirectory(prefix="yilian-bench-") as scratch:
        folder = Path(scratch) / "chain"
        engine = begin(folder, members, slots)
        engine.close()
        engine = Embedded(folder, SEED)
        before, spent, size = _disk(folder), 0.0, 0
        for _ in range(rounds):
            time.sleep(1.0)
            now = engine.now()
            at = pace(engine.state(), now).at(now)
            raws = [each.sign(_post(at, slots)) for each in members]
            size += sum(map(len, raws))
            start = time.perf_counter()
            assert {each.result().code for each in engine.submit_many(raws)} == {0}
            spent += time.perf_counter() - start
        state = sum(
            len(key) + len(value)
            for table in (POSTS, NULLIFIERS)
            for key, value in engine.store.scan(table.prefix)
        )
        engine.close()
        posts = count * rounds
        return {
            "members": count,
            "slots": slots,
            "posts": posts,
            "transaction_bytes": round(size / posts, 1),
            "state_bytes": round(state / posts, 1),
            "disk_bytes": round((_disk(folder) - before) / posts, 1),
            "posts_per_second": round(posts / spent, 1),
        }


def _post(interval: int, slots: int) -> messages.Post:
    nullifiers = [chain.new_digest() for _ in range(slots)]
    return messages.Post(interval=interval, root=chain.new_digest(), nullifiers=nullifiers)


def _disk(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--slots", type=int, nargs="+", default=[8])
    parser.add_argument("--json", action="store_true", help="one line of JSON per run")
    given = parser.parse_args()
    for slots in given.slots:
        found = measure(given.members, given.rounds, slots)
        told = ", ".join(f"{name} {value}" for name, value in found.items())
        print(json.dumps(found) if given.json else told)


if __name__ == "__main__":
    main()
