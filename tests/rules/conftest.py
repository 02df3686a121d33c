"""Every rule runs on both cryptographic profiles."""

from __future__ import annotations

import pytest

from tests.chain import PROFILES, Chain


@pytest.fixture(params=sorted(PROFILES))
def world(request: pytest.FixtureRequest) -> Chain:
    """Give a fresh chain of three members."""
    return Chain(PROFILES[request.param])
