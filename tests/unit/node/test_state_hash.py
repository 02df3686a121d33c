"""State proofs of a chain whose profile hashes state with another suite than SHA-256."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.chain import SECOND, VALIDATOR_SEED, Cast, genesis
from yilian.ledger.modules.governance.state import Parameters
from yilian.node.embedded import Embedded
from yilian.node.engine import now_ms
from yilian.sdk import verify as v


def test_the_verifier_checks_proofs_under_the_hash_that_the_trust_file_names(
    tmp_path: Path,
) -> None:
    cast = Cast(SECOND, clock=now_ms)
    document = genesis(SECOND, Parameters())
    key = f"identity/subject/{cast.hospital.id}".encode()
    with Embedded.create(tmp_path / "chain", document, VALIDATOR_SEED) as engine:
        proofs = [engine.state_proof(key), engine.state_proof(key + b"x")]
        trust = engine.trust()
    assert trust["state_hash"] == "sha3-256"
    texts = [json.dumps(each) for each in proofs]
    now = json.dumps(trust)
    assert "has the value" in v.verify(texts[0], now).proved
    assert "is absent" in v.verify(texts[1], now).proved
    for text in texts:
        with pytest.raises(v.NotVerified):
            v.verify(text, json.dumps({**trust, "state_hash": "sha256"}))
    with pytest.raises(v.NotVerified) as refused:
        v.verify(texts[0], json.dumps({**trust, "state_hash": "md5"}))
    assert refused.value.code == "unsupported_format"
