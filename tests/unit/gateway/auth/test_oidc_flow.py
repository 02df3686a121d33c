"""Ways to a provider: each serves once, for ten minutes, and only so many are remembered."""

from __future__ import annotations

import json
import re

import pytest

from tests.unit.gateway.auth.browser import SessionKey
from yilian.gateway.auth import oidc_flow
from yilian.gateway.auth.oidc_flow import LIFE_MS, Flow, Flows, ReturnClaim
from yilian.ledger.errors import Refusal

KEY = SessionKey()
NOW = 1_000_000


def flow() -> Flow:
    """Draw a way."""
    redirect = "http://localhost/en/outside"
    return oidc_flow.new("hospital", "sign_in", KEY.public, redirect, "en", NOW)


def test_a_way_is_found_again_and_taken_once() -> None:
    flows = Flows()
    state = flows.begin(flow())
    assert re.fullmatch("[A-Za-z0-9_-]{43}", state)
    assert flows.find(state, NOW) == flows.find(state, NOW) == flows.take(state, NOW)
    for act in (flows.find, flows.take):
        with pytest.raises(Refusal, match=r"outside.flow_unknown"):
            act(state, NOW)


def test_a_way_ends_after_ten_minutes() -> None:
    flows = Flows()
    state = flows.begin(flow())
    flows.find(state, NOW + LIFE_MS - 1)
    for act in (flows.find, flows.take):
        with pytest.raises(Refusal, match=r"outside.flow_unknown"):
            act(state, NOW + LIFE_MS)


def test_the_oldest_is_forgotten_first() -> None:
    flows = Flows(kept=2)
    first, second, third = (flows.begin(flow()) for _ in range(3))
    flows.find(second, NOW)
    flows.find(third, NOW)
    with pytest.raises(Refusal, match=r"outside.flow_unknown"):
        flows.find(first, NOW)


def test_what_is_drawn_is_new_each_time_and_shown_nowhere() -> None:
    one, two = flow(), flow()
    assert len({one.nonce, two.nonce, one.verifier, two.verifier}) == 4
    # RFC 7636, section 4.1: 43 to 128 unreserved characters.
    assert re.fullmatch("[A-Za-z0-9._~-]{43,128}", one.verifier)
    assert one.nonce not in repr(one)
    assert one.verifier not in repr(one)


def test_what_is_no_session_key_begins_nothing() -> None:
    for key in (b"", b"\x04" + bytes(64), KEY.public[:-1]):
        with pytest.raises(Refusal, match=r"sign_in.session_key_refused"):
            oidc_flow.new("hospital", "sign_in", key, "", "en", NOW)


def test_what_a_browser_signs_is_canonical() -> None:
    told = {"chain": "c", "code": "x", "iss": "", "origin": "http://localhost", "state": "s"}
    text = oidc_flow.text(ReturnClaim(**told))
    assert text == b"yilian/outside/1\n" + json.dumps(told, separators=(",", ":")).encode()
