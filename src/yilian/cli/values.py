"""How a value is typed on the command line: ids, digests, moments, numbers, keys, files."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from yilian.cli.console import Console
from yilian.cli.shape import option_name
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.keys import PublicKey
from yilian.sdk.signers import MAX_FILE, read_public

_SPAN = re.compile(r"\+([0-9]{1,6})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_KEY = re.compile(r"([a-z][a-z0-9-]*):([A-Za-z0-9_-]+)")


class Value(click.ParamType[Any]):
    """A kind of value: a reader that raises ValueError, and the words for what it expects."""

    def __init__(self, console: Console, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._console = console
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a typed value; one that is no text has been read before."""
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except (ValueError, OverflowError, Refusal, msgspec.MsgspecError):
            expected = self._console.words(f"expects/{self.name}")
            raise self._console.usage(
                "expects", name=option_name(param), expected=expected
            ) from None


class NewKey:
    """A public key that a message brings in, and the private key file behind it, if it is here."""

    def __init__(self, key: PublicKey, path: Path | None) -> None:
        self.key = key
        self.path = path


def id_of(console: Console) -> Value:
    """Read 22 letters of base64url."""
    return Value(console, "id", lambda text: msgspec.convert(text, codec.Id))


def digest(console: Console) -> Value:
    """Read 43 letters of base64url."""
    return Value(console, "digest", lambda text: msgspec.convert(text, codec.Digest))


def moment(console: Console) -> Value:
    """Read a moment as ms: `now`, `+30d`, RFC 3339 with its offset, or plain ms."""
    return Value(console, "moment", _moment)


def text(console: Console, name: str, hint: Any) -> Value:
    """Read a text that the law's own type admits."""
    return Value(console, name, lambda given: msgspec.convert(given, hint))


def whole(console: Console, hint: Any) -> Value:
    """Read an integer that the law's own type admits."""
    return Value(console, "number", lambda given: msgspec.convert(int(given), hint))


def seconds(console: Console) -> Value:
    """Read a positive number of seconds."""

    def read(given: str) -> float:
        value = float(given)
        if not 0 < value <= 86_400:
            raise ValueError(given)
        return value

    return Value(console, "seconds", read)


def key(console: Console) -> Value:
    """Read `suite:base64url`, or any key file."""

    def read(given: str) -> NewKey:
        written = _KEY.fullmatch(given)
        if written is None:
            path = Path(given)
            return NewKey(read_public(path), path)
        codec.to_bytes(written[2])
        return NewKey(PublicKey(written[1], written[2]), None)

    return Value(console, "key", read)


def file(console: Console) -> Value:
    """Read the path of a file."""
    return Value(console, "file", Path)


def document(console: Console, hint: Any) -> Value:
    """Read a small JSON file as one of the law's own types."""

    def read(given: str) -> Any:
        try:
            with Path(given).open("rb") as source:
                data = source.read(MAX_FILE + 1)
        except OSError:
            raise ValueError(given) from None
        if len(data) > MAX_FILE:
            raise ValueError(given)
        return msgspec.json.decode(data, type=hint)

    return Value(console, "document", read)


def _moment(given: str) -> int:
    now = time.time_ns() // 1_000_000
    span = _SPAN.fullmatch(given)
    if given == "now":
        return now
    if span is not None:
        return now + timedelta(**{_UNITS[span[2]]: int(span[1])}) // timedelta(milliseconds=1)
    if given.isascii() and given.isdigit():
        return msgspec.convert(int(given), codec.Millis)
    at = datetime.fromisoformat(given)
    if at.tzinfo is None:
        raise ValueError("a moment without its offset means another moment elsewhere")
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return msgspec.convert(since // timedelta(milliseconds=1), codec.Millis)
