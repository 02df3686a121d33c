"""Seeded blocks as a file to replay, and the app hashes that they must give.

python -m tests.blocks write PROFILE FILE     make the block file of a profile
python -m tests.blocks replay FILE...         apply each and print its app hashes
python -m tests.blocks pin                    write vectors/app_hash.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

from tests.chain import PROFILES, STEP, Chain
from tests.simulation import Simulation
from yilian.ledger import codec
from yilian.ledger.module import Misbehaviour

PIN = Path(__file__).resolve().parents[1] / "vectors" / "app_hash.json"
SEED = "yilian app hash"
BLOCKS = 110
EVERY = 10


def make(profile: str) -> tuple[str, dict[int, str]]:
    """Make the block file of a profile: its text, and the app hash behind every tenth height."""
    simulation = Simulation(profile, SEED)
    lines = [json.dumps({"profile": profile})]
    hashes = {}
    for _ in range(BLOCKS):
        raws = simulation.step()
        chain = simulation.chain
        block = {
            "time": chain.time,
            "transactions": [codec.to_text(raw) for raw in raws],
            "misbehaviour": [
                {**msgspec.structs.asdict(each), "address": each.address.hex()}
                for each in simulation.proved
            ],
        }
        lines.append(json.dumps(block))
        if chain.height % EVERY == 0:
            hashes[chain.height] = chain.app_hash.hex()
    return "\n".join(lines) + "\n", hashes


def replay(path: Path) -> dict[int, str]:
    """Apply a block file; gives the app hash behind every tenth height."""
    first, *rest = path.read_text("utf-8").splitlines()
    chain = Chain(PROFILES[json.loads(first)["profile"]])
    hashes = {}
    for line in rest:
        repeat(chain, line)
        if chain.height % EVERY == 0:
            hashes[chain.height] = chain.app_hash.hex()
    return hashes


def repeat(chain: Chain, line: str) -> None:
    """Apply the block of a file's line."""
    block = json.loads(line)
    chain.time = block["time"] - STEP
    proved = [
        Misbehaviour(**{**each, "address": bytes.fromhex(each["address"])})
        for each in block["misbehaviour"]
    ]
    raws = [codec.to_bytes(each) for each in block["transactions"]]
    chain.block(*raws, misbehaviour=proved)


def pinned() -> dict[str, dict[int, str]]:
    """Read the pinned app hashes: by profile, by height."""
    found = json.loads(PIN.read_text("utf-8"))["app_hash"]
    return {name: {int(height): each for height, each in found[name].items()} for name in found}


def main(arguments: list[str]) -> None:
    """Write, replay or pin."""
    if arguments[0] == "write":
        Path(arguments[2]).write_text(make(arguments[1])[0], "utf-8")
    elif arguments[0] == "replay":
        print(json.dumps([replay(Path(each)) for each in arguments[1:]]))
    elif arguments[0] == "pin":
        content = {
            "format": "yilian-app-hash/1",
            "made_by": "python -m tests.blocks pin",
            "seed": SEED,
            "app_hash": {name: make(name)[1] for name in PROFILES},
        }
        PIN.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
