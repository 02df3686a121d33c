"""Play a validator that signs two votes for one height, and hand the proof to another member.

    python demo/lie.py FOLDER_OF_THE_LIAR FOLDER_OF_ANOTHER

Both votes are real signatures of the liar's key: one for the block that the height has, one for a
block that never was. CometBFT checks them as it checks what it meets between its peers.

Source: CometBFT v0.38, `types/evidence.go` (DuplicateVoteEvidence and its JSON).
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import nacl.signing

from yilian.ledger import block_json
from yilian.ledger.block import PRECOMMIT, BlockId, PartSetHeader, Validator, vote_sign_bytes
from yilian.node.config import NodeFolder
from yilian.node.embedded import validator_public
from yilian.node.home import EngineHome
from yilian.node.rpc import Rpc


def main() -> None:
    """Sign twice, hand the proof in, and print what was signed as JSON."""
    liar, other = (NodeFolder(Path(each)) for each in sys.argv[1:])
    rpc = Rpc(EngineHome(other.engine).rpc)
    # The newest height has no commit yet that a block holds.
    height = int(rpc.status()["sync_info"]["latest_block_height"]) - 1
    votes = _Votes(rpc, height, liar.validator_seed())
    try:
        said = rpc.call("broadcast_evidence", evidence=votes.evidence())
    finally:
        rpc.close()
    told = {"height": height, "address": votes.own.address.hex(), "evidence": said["hash"]}
    print(json.dumps({"ok": True, **told}))


class _Votes:
    def __init__(self, rpc: Rpc, height: int, seed: bytes) -> None:
        self._height, self._seed = height, seed
        self._signed = rpc.call("commit", height=str(height))["signed_header"]
        validators = rpc.validators(height)
        public = validator_public(seed)
        self._total = validators.total_power
        self._place, self.own = next(
            (place, each)
            for place, each in enumerate(validators.validators)
            if each.public_key == public
        )

    def evidence(self) -> dict[str, Any]:
        """Write the proof as the engine's RPC takes it: the vote for the smaller block id first."""
        true = block_json.block_id_from_json(self._signed["commit"]["block_id"])
        false = BlockId(_digest("a block"), PartSetHeader(1, _digest("that never was")))
        first, second = sorted((true, false), key=lambda each: each.hash)
        return {
            "type": "tendermint/DuplicateVoteEvidence",
            "value": {
                "vote_a": self._vote(first),
                "vote_b": self._vote(second),
                "TotalVotingPower": str(self._total),
                "ValidatorPower": str(self.own.power),
                "Timestamp": self._signed["header"]["time"],
            },
        }

    def _vote(self, block: BlockId) -> dict[str, Any]:
        header = self._signed["header"]
        time = block_json.time_from_text(header["time"])
        text = vote_sign_bytes(header["chain_id"], self._height, 0, block, time)
        signature = nacl.signing.SigningKey(self._seed).sign(text).signature
        return {
            "type": PRECOMMIT,
            "height": str(self._height),
            "round": 0,
            "block_id": block_json.block_id_to_json(block),
            "timestamp": header["time"],
            "validator_address": Validator(self.own.public_key, 1).address.hex().upper(),
            "validator_index": self._place,
            "signature": base64.b64encode(signature).decode("ascii"),
            "extension": None,
            "extension_signature": None,
        }


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


if __name__ == "__main__":
    main()
