"""The page for those who connect says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from yilian.gateway.epcis import capture, schedule, subscriptions, tokens
from yilian.gateway.http.epcis import answering, events, live, paging, refusals
from yilian.ledger import errors

PAGE = (Path(__file__).parents[3] / "docs" / "epcis.md").read_text(encoding="utf-8")
LIMITS = capture.Limits()


@pytest.mark.parametrize(
    "words",
    [
        f"{LIMITS.events:,} events, {LIMITS.bytes >> 20} MiB",
        f"a single event | {events.MAX_EVENT >> 20} MiB",
        f"captures waiting to be carried out | {capture.WAITING},",
        f"{answering.MAX_URI:,} bytes, then 414",
        f"{paging.PER_PAGE} if nothing is said; more than {paging.MAX_PER_PAGE:,} are",
        f"{subscriptions.MAX_SUBSCRIPTIONS} for an organisation, "
        f"{subscriptions.MAX_OF_PARTNER} of them for one partner",
        f"{subscriptions.MAX_BATCH} events or {subscriptions.MAX_BATCH_BYTES >> 20} MiB",
        f"WebSockets | {live.MAX_LIVE} for a node",
        f"{tokens.MAX_LIFE_MS // 86_400_000} days ahead",
        f"At most {tokens.MAX_TOKENS} tokens",
    ],
)
def test_the_limits_are_those_of_the_code(words: str) -> None:
    assert words in PAGE


def test_a_page_token_lives_an_hour() -> None:
    assert paging.LIFE_MS == 3_600_000
    assert "| a `nextPageToken` | one hour" in PAGE


def test_the_example_of_a_schedule_is_read() -> None:
    for text in re.findall(r'"schedule":(\{[^}]*\})', PAGE):
        fields = dict(re.findall(r'"(\w+)":"([^"]*)"', text))
        assert schedule.read(fields).next_after(0) is not None


def test_the_codes_have_their_exceptions() -> None:
    """The mapping names only codes that exist."""

    for name in refusals._BY_NAME:
        assert errors.by_name(name).name == name
