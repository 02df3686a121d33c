"""Reading what a request asks for: media types, integers, cursors."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from yilian.gateway.errors import BAD_PARAMETER
from yilian.gateway.http import asking
from yilian.ledger import codec
from yilian.ledger.errors import Refusal

JSON, STREAM = "application/json", "text/event-stream"


def request(*accept: str) -> Request:
    """A request with `Accept` headers."""
    headers = [(b"accept", each.encode("latin-1")) for each in accept]
    return Request({"type": "http", "headers": headers, "query_string": b""})


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ((), JSON),
        (("",), JSON),
        (("*/*",), JSON),
        (("text/event-stream",), STREAM),
        (("TEXT/*",), STREAM),
        (("application/json, text/event-stream",), JSON),
        (("application/json;q=0.5, text/event-stream",), STREAM),
        (("application/json;q=0.5", "text/event-stream"), STREAM),
        (("*/*;q=0.1, text/event-stream;q=0",), JSON),
        (("application/json;q=0, */*",), STREAM),
        (("text/html",), None),
        (("application/json;q=0",), None),
        (("application/json;q=x",), None),
        (("application/json;q=nan",), None),
        (("nonsense",), None),
        (("application/jsonx, */json",), None),
        (("application/json;charset=utf-8;q=0.3",), JSON),
        (("x/y," * 2000 + "application/json",), None),
    ],
)
def test_media_types(accept: tuple[str, ...], chosen: str | None) -> None:
    """The most specific range decides; the heaviest wins; the first offered breaks a tie."""
    assert asking.accepted(request(*accept), JSON, STREAM) == chosen


@pytest.mark.parametrize("text", ["", "-1", "+1", "01", "1.0", "1e3", " 1", "0x1", "١", "9" * 17])
def test_whole_numbers(text: str) -> None:
    """One spelling for an integer, and bounds that hold."""
    with pytest.raises(Refusal) as caught:
        asking.whole(text, "x")
    assert caught.value.code is BAD_PARAMETER
    assert asking.whole("0", "x") == 0
    assert asking.whole(str(codec.MAX_INTEGER), "x") == codec.MAX_INTEGER
    for bad in ("9", "201", str(codec.MAX_INTEGER + 1)):
        with pytest.raises(Refusal):
            asking.whole(bad, "x", 10, 200)


def test_cursors() -> None:
    """What was written is read, for the same list only."""
    for seq in (0, 1, 2**53 - 1, 2**62):
        assert asking.read_cursor(asking.cursor(seq, "a"), "a") == seq
    assert asking.read_cursor(None, "a") is None
    text = asking.cursor(7, "a")
    negative = codec.to_text(b"\xff" + codec.to_bytes(text)[1:])
    for bad in ("", "A", text[:-1], text + "A", text + "=", negative, text.swapcase(), "é" * 22):
        with pytest.raises(Refusal) as caught:
            asking.read_cursor(bad, "a")
        assert caught.value.parameters == {"name": "cursor"}
    with pytest.raises(Refusal):
        asking.read_cursor(text, "b")
