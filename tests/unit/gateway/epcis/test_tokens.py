"""Bearer tokens: what they carry, when they end, and that nothing else opens the door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.gateway.epcis.store_builders import Home
from yilian.gateway.epcis import tokens as module
from yilian.gateway.epcis.tokens import MAX_LIFE_MS, Tokens, is_partner
from yilian.ledger.errors import Refusal

HOUR = 3_600_000
GLN = "9520001000010"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.close()


def refusal(tokens: Tokens, text: str) -> str:
    with pytest.raises(Refusal) as caught:
        tokens.judge(text)
    return caught.value.code.name


def test_a_token_is_told_once_and_kept_as_a_digest(home: Home) -> None:
    tokens = Tokens(home.database, home.clock)
    issued = tokens.issue("仓库系统", ["query", "capture"], None, home.clock() + HOUR)
    assert tokens.judge(issued.text) == issued.token
    assert issued.token.rights == "capture query"
    assert issued.token.may("capture")
    secret = issued.text.partition(".")[2]
    assert len(secret) == 43
    for shown in (repr(issued), repr(issued.token), str(tokens.all())):
        assert secret not in shown
        assert "digest" not in shown
    home.database.close()
    files = b"".join(each.read_bytes() for each in home.folder.iterdir())
    assert issued.token.token.encode() in files
    assert secret.encode() not in files
    home.open()
    assert Tokens(home.database, home.clock).judge(issued.text).name == "仓库系统"


def test_rights_and_partner_are_as_they_were_given(home: Home) -> None:
    tokens = Tokens(home.database, home.clock)
    capture = tokens.issue("a", ["capture"], None, home.clock() + HOUR).token
    query = tokens.issue("b", ["query"], GLN, home.clock() + HOUR).token
    assert (capture.may("capture"), capture.may("query"), capture.partner) == (True, False, None)
    assert (query.may("capture"), query.may("query"), query.partner) == (False, True, GLN)
    assert [each.name for each in tokens.all()] == ["b", "a"]


def test_what_opens_nothing(home: Home) -> None:
    tokens = Tokens(home.database, home.clock)
    first = tokens.issue("a", ["query"], None, home.clock() + HOUR)
    second = tokens.issue("b", ["query"], None, home.clock() + HOUR)
    name, _, secret = first.text.partition(".")
    other = second.text.partition(".")[2]
    for text in (
        "",
        name,
        f"{name}.",
        f"{name}.{other}",
        f"{second.token.token}.{secret}",
        first.text + "A",
        first.text[:-1],
        " " + first.text,
        f"{'A' * 22}.{secret}",
        f"{name}.{first.token.digest.hex()}"[:66],
        "²" * 66,
    ):
        assert refusal(tokens, text) == "epcis.token_refused", text
    assert tokens.judge(first.text).name == "a"


def test_an_expired_token_says_so_to_its_bearer_alone(home: Home) -> None:
    tokens = Tokens(home.database, home.clock)
    issued = tokens.issue("a", ["query"], None, home.clock() + HOUR)
    home.clock.now += HOUR
    assert refusal(tokens, issued.text) == "epcis.token_expired"
    assert refusal(tokens, issued.text[:-2] + "AA") == "epcis.token_refused"
    with pytest.raises(Refusal):
        tokens.require_living(issued.token.token)


def test_a_revoked_token_is_refused_at_once_and_for_good(home: Home) -> None:
    tokens = Tokens(home.database, home.clock)
    issued = tokens.issue("a", ["query"], None, home.clock() + HOUR)
    tokens.require_living(issued.token.token)
    ended = tokens.revoke(issued.token.token)
    assert ended.revoked is not None
    assert tokens.revoke(issued.token.token) == ended
    assert refusal(tokens, issued.text) == "epcis.token_refused"
    with pytest.raises(Refusal) as caught:
        tokens.require_living(issued.token.token)
    assert caught.value.code.name == "epcis.token_refused"
    with pytest.raises(Refusal) as caught:
        tokens.revoke("A" * 22)
    assert caught.value.code.name == "epcis.token_unknown"


@pytest.mark.parametrize(
    ("changes", "life"),
    [
        ({"name": ""}, HOUR),
        ({"name": "  "}, HOUR),
        ({"name": "a\nb"}, HOUR),
        ({"name": "n" * 101}, HOUR),
        ({"rights": []}, HOUR),
        ({"rights": ["query", "query"]}, HOUR),
        ({"rights": ["everything"]}, HOUR),
        ({"partner": "9520001000011"}, HOUR),
        ({"partner": "nobody"}, HOUR),
        ({"partner": ""}, HOUR),
        ({}, 0),
        ({}, -1),
        ({}, MAX_LIFE_MS + 60_000),
    ],
)
def test_what_is_no_token(home: Home, changes: dict[str, object], life: int) -> None:
    tokens = Tokens(home.database, home.clock)
    asked: dict[str, object] = {"name": "a", "rights": ["query"], "partner": None, **changes}
    with pytest.raises(Refusal) as caught:
        tokens.issue(**asked, expires=home.clock.now + life)  # type: ignore[arg-type]
    assert caught.value.code.name == "malformed"
    assert tokens.all() == []


def test_there_is_an_end_to_how_many(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TOKENS", 2)
    tokens = Tokens(home.database, home.clock)
    first = tokens.issue("a", ["query"], None, home.clock() + HOUR)
    tokens.issue("b", ["query"], None, home.clock() + 10)
    with pytest.raises(Refusal) as caught:
        tokens.issue("c", ["query"], None, home.clock() + HOUR)
    assert caught.value.parameters == {"limit": 2}
    tokens.revoke(first.token.token)
    home.clock.now += 100  # and the second has expired
    tokens.issue("c", ["query"], None, home.clock() + HOUR)
    tokens.issue("d", ["query"], None, home.clock() + HOUR)


def test_who_can_be_a_partner() -> None:
    assert is_partner(GLN)
    assert is_partner("AAAAAAAAAAAAAAAAAAAAAA")
    assert not is_partner("9520001000015")
    assert not is_partner("952000100001")
    assert not is_partner("AAAAAAAAAAAAAAAAAAAAAB")
