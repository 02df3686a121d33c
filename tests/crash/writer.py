"""A process that writes under load and tells, over its standard output, what was acknowledged.

    python -m tests.crash.writer FOLDER SEED [crash point]

It opens (or makes) a chain, submits signed anchors as fast as it can and prints the hash of each
acknowledged transaction on a line of its own, until it is killed or a crash point ends it.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yilian.ledger import codec, errors, keys, transaction
from yilian.ledger.genesis import FirstMember, FirstValidator, Genesis
from yilian.ledger.modules.records.messages import Anchor
from yilian.node.embedded import Embedded, validator_public
from yilian.node.engine import now_ms
from yilian.node.store import Store
from yilian.sdk.signers import Ed25519Signer

VALIDATOR = b"v" * 32
OPERATOR = b"o" * 32
ORGANISATION = codec.to_text(b"hospital of test")
BATCH = 40

POINTS = ("before_write", "after_write", "after_adopt", "after_answer")
"""The steps of a commit: RocksDB's one synced write, the tree's adoption, the answers."""


def signer() -> Ed25519Signer:
    """The operator's key, the same in every run."""
    return Ed25519Signer(OPERATOR)


def open_engine(folder: Path) -> Embedded:
    """Open the chain, or make it where the folder is empty (a first run may have been killed)."""
    chain = folder / "chain"
    if (folder / "made").exists():
        return Embedded(chain, VALIDATOR)
    genesis = Genesis(
        chain="crash",
        time=now_ms(),
        members=[
            FirstMember(
                organisation=ORGANISATION,
                kind="hospital",
                name="Hospital",
                registration="H1",
                key=signer().key,
            )
        ],
        validators=[FirstValidator(public=codec.to_text(validator_public(VALIDATOR)), power=1)],
    )
    engine = Embedded.create(chain, genesis, VALIDATOR)
    (folder / "made").touch()
    return engine


def anchor(draw: random.Random) -> bytes:
    """A signed transaction that anchors one record."""
    key = signer()
    body = transaction.Body(
        chain="crash",
        sender=ORGANISATION,
        payer=ORGANISATION,
        signers=[key.key_id],
        nonce=codec.to_text(draw.randbytes(16)),
        expires=now_ms() + 600_000,
        messages=[
            Anchor(
                record=codec.to_text(draw.randbytes(16)),
                commitment=codec.to_text(draw.randbytes(32)),
            )
        ],
    )
    text = transaction.encode_body(body)
    return transaction.assemble(text, [codec.to_text(key.sign(transaction.DOMAIN + text))])


def plant(point: str, after: int) -> None:
    """Make the process vanish at a step of the commit of the `after`-th block from now."""
    count = [0]

    def vanish() -> None:
        count[0] += 1
        if count[0] >= after:
            os._exit(9)

    if point == "before_write":
        _wrap(Store, "_write", before=vanish)
    elif point == "after_write":
        _wrap(Store, "_write", then=vanish)
    elif point == "after_adopt":
        _wrap(Embedded, "_answer", before=vanish)
    elif point == "after_answer":
        _wrap(Embedded, "_answer", then=vanish)
    else:
        raise ValueError(point)


def _wrap(
    owner: type, name: str, before: Callable[[], None] | None = None, then: Any = None
) -> None:
    inner = getattr(owner, name)

    def wrapped(*arguments: Any) -> Any:
        if before is not None:
            before()
        result = inner(*arguments)
        if then is not None:
            then()
        return result

    setattr(owner, name, wrapped)


def main(folder: Path, seed: int, point: str | None) -> None:
    """Write until something ends the process."""
    draw = random.Random(seed)
    engine = open_engine(folder)
    print("open", engine.height, flush=True)
    if point is not None:
        plant(point, draw.randrange(1, 6))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        raws = [anchor(draw) for _ in range(draw.randrange(1, BATCH))]
        for raw, future in zip(raws, engine.submit_many(raws), strict=True):
            outcome = future.result()
            assert outcome.code == errors.OK, outcome
            sys.stdout.write(keys.sha256(raw).hex() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
