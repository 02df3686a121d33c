"""Nonces: each serves once, is forgotten after its time, and no key can fill the memory."""

from __future__ import annotations

import pytest

from yilian.gateway.errors import RATE_LIMITED, REPLAYED_REQUEST
from yilian.gateway.nonces import Nonces
from yilian.ledger.errors import Refusal


def test_a_nonce_serves_once_per_key() -> None:
    """The same nonce of another key is another nonce."""
    nonces = Nonces()
    nonces.use("a", "n", 100, 0)
    nonces.use("b", "n", 100, 0)
    with pytest.raises(Refusal) as caught:
        nonces.use("a", "n", 100, 99)
    assert caught.value.code is REPLAYED_REQUEST


def test_memory_ends_with_expiry() -> None:
    """After its expiry a nonce takes no room: the request itself is stale by then."""
    nonces = Nonces()
    for each in range(1000):
        nonces.use("a", str(each), 100 + each, 50)
    assert len(nonces) == 1000
    nonces.use("a", "last", 5000, 1099)
    assert len(nonces) == 1


def test_one_key_cannot_fill_the_memory() -> None:
    """A key has a limit; other keys are not touched by it, and it ends with time."""
    nonces = Nonces(per_key=3)
    for each in range(3):
        nonces.use("a", str(each), 100, 0)
    with pytest.raises(Refusal) as caught:
        nonces.use("a", "more", 100, 0)
    assert caught.value.code is RATE_LIMITED
    assert caught.value.parameters == {"limit": 3}
    nonces.use("b", "0", 100, 0)
    nonces.use("a", "more", 200, 100)
