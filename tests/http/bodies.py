"""Malformed and hostile request bodies, made from bodies that are sound in form."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.http.direct import Header, Sent
from tests.simulation import Dice

Write = Callable[[bytes], bytes]
"""Seals the JSON text of a body anew after a change; leaves alone what it cannot seal."""

MIB = 1 << 20
_BOMB = gzip.compress(bytes(10 * MIB), mtime=0)
OVER_EVERY_LIMIT = 64 * MIB + 1
"""One more than the largest body that any operation takes."""

_MARK = "\u2420mark\u2420"
WRONG: tuple[Any, ...] = (None, True, -1, 0, 1.5, 2**53, "", "x", "医", [], {}, [[]], {"a": 1})
NUMBERS = (
    b"9" * 30,
    b"9" * 5_000,
    b"-" + b"9" * 400,
    b"1e400",
    b"1e-400",
    b"1e5",
    b"0.1e1",
    b"-0",
    b"01",
    b"0x10",
    b"NaN",
    b"-Infinity",
    b"9007199254740993",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551616",
)
SURROGATES = (
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\\ud83d\\u0041"',
    b'"\\ud8"',
    b'"\xed\xa0\x80"',
    b'"\xed\xb0\x80\xed\xa0\x80"',
)
STRINGS = (
    "../../../../etc/passwd",
    "' OR 1=1 --",
    "{0.__class__} %s %n ${x}",
    "<script>alert(1)</script>",
    "\u202e\u2066医链\u0301",
    "\x00\x01\x1f\x7f",
    "A" * 21 + "B",
    "A" * 23,
    "A" * 21 + "A\n",
    "\\",
    '"',
)
CHARSETS = ("gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "utf-7", "big5")
MEDIA = (
    b"",
    b"text/plain",
    b"application/xml",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=x",
    b"application/octet-stream",
    b"application/json, application/json",
    b"application",
    b"\xff\xfe",
    b"x" * 4_000,
)
LENGTHS = (
    b"",
    b"-1",
    b"+5",
    b"0",
    b"1",
    b"abc",
    b"1e9",
    b"0x10",
    b"\xb2",
    b"5, 5",
    b" 5",
    b"9" * 15,
    b"9" * 5_000,
)


def text(value: Any) -> bytes:
    """Write a value as JSON without white space, sorted, lone surrogates as they are."""
    made = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return made.encode("utf-8", "surrogatepass")


class Bodies:
    """Draws hostile bodies for one operation, each from the dice that stand in `dice` by then.

    `sound` are bodies that fit the operation's schema, `unsound` some that do not; `others` are
    ids that exist but are not the caller's to use here.
    """

    def __init__(
        self,
        media: bytes,
        sound: Sequence[bytes],
        unsound: Sequence[bytes],
        others: Sequence[str],
        write: Write = lambda made: made,
    ) -> None:
        self.dice = Dice("")
        self._media = media
        self._sound = sound
        self._unsound = unsound
        self._others = others
        self._write = write

    def kinds(self) -> dict[str, Callable[[], Sent]]:
        """Name every kind of body and how it is drawn."""
        plain: dict[str, Callable[[], bytes]] = {
            "sound in form": lambda: self.dice.pick(self._sound),
            "against the schema": lambda: self.dice.pick(self._unsound),
            "random bytes": self._random,
            "cut JSON": self._cut,
            "damaged bytes": self._damaged,
            "a wrong type": lambda: self._changed(self.dice.pick(WRONG)),
            "a huge number": lambda: self._swapped(self.dice.pick(NUMBERS)),
            "deep nesting": self._deep,
            "zero bytes": self._zeros,
            "a lone surrogate": lambda: self._swapped(self.dice.pick(SURROGATES)),
            "a hostile string": lambda: self._changed(self.dice.pick(STRINGS)),
            "a giant string": self._giant,
            "a key twice": self._twice,
            "a member more": self._more,
            "a member less": self._less,
            "another's ids": self._anothers,
            "nothing": lambda: b"",
        }
        made = {name: self._as_sent(draw) for name, draw in plain.items()}
        return {
            **made,
            "another charset": self._charset,
            "another media type": self._another_media,
            "oversized": self._oversized,
            "a false length": self._false_length,
            "compressed": self._compressed,
            "broken off": self._broken_off,
        }

    def _as_sent(self, draw: Callable[[], bytes]) -> Callable[[], Sent]:
        return lambda: self._sent(draw())

    def _sent(self, body: bytes, *more: Header, media: bytes | None = None) -> Sent:
        """Send a body whole or in pieces, mostly with its length."""
        kind = self._media if media is None else media
        headers = [(b"content-type", kind)] if kind else []
        if self.dice.chance(80) and b"content-length" not in dict(more):
            headers.append((b"content-length", str(len(body)).encode()))
        at = self.dice.below(len(body) + 1)
        pieces = (body[:at], b"", body[at:]) if self.dice.chance(20) else (body,)
        return Sent((*headers, *more), pieces)

    # -- bytes ---------------------------------------------------------------------------------

    def _base(self) -> bytes:
        return self.dice.pick(self._sound)

    def _value(self) -> Any:
        """Give a sound body's value; an empty object where the operation takes no JSON."""
        try:
            return json.loads(self._base())
        except ValueError:
            return {}

    def _random(self) -> bytes:
        size = 1 + self.dice.below(2_000)
        return (self.dice.bytes() * (size // 32 + 1))[:size]

    def _cut(self) -> bytes:
        base = self._base()
        return base[: self.dice.below(len(base))]

    def _damaged(self) -> bytes:
        body = bytearray(self._base())
        for _ in range(1 + self.dice.below(5)):
            at = self.dice.below(len(body) + 1)
            body[at : at + self.dice.below(4)] = self.dice.bytes()[: self.dice.below(4)]
        return bytes(body)

    def _zeros(self) -> bytes:
        base = self._base()
        at = self.dice.below(len(base) + 1)
        how = self.dice.below(4)
        if how == 0:
            return bytes(1 + self.dice.below(100))
        if how == 1:
            return self._swapped(b'"a\\u0000b"')
        return base[:at] + bytes(1 + self.dice.below(3)) + base[at:]

    def _deep(self) -> bytes:
        open_, close = self.dice.pick(((b"[", b"]"), (b'{"a":', b"}"), (b'{"body":', b"}")))
        depth = self.dice.pick((10, 200, 1_000, 20_000))
        nested = open_ * depth + b"1" + close * (depth if self.dice.chance(70) else 0)
        return nested if self.dice.chance(30) else self._swapped(nested)

    # -- JSON ----------------------------------------------------------------------------------

    def _member(self, value: Any) -> tuple[Any, Any] | None:
        """Pick a member or an item at any depth; None where there is none."""
        found = list(places(value))
        return self.dice.pick(found) if found else None

    def _changed(self, new: Any) -> bytes:
        """Put another value in the place of a member, an item, or the whole body."""
        value = self._value()
        found = self._member(value)
        if found is None or self.dice.chance(5):
            return self._write(text(new))
        found[0][found[1]] = new
        return self._write(text(value))

    def _swapped(self, token: bytes) -> bytes:
        """Put a piece of text that Python would not write in the place of a member."""
        value = self._value()
        found = self._member(value)
        if found is None:
            return token
        found[0][found[1]] = _MARK
        return self._write(text(value).replace(text(_MARK), token))

    def _giant(self) -> bytes:
        letter = self.dice.pick(("x", "医", "\\", '"', "\u0000"))
        return self._changed(letter * (1_000 << self.dice.below(8)))

    def _twice(self) -> bytes:
        value = self._value()
        found = [each for each in objects(value) if each]
        if not found:
            return b'{"a":1,"a":2}'
        place = self.dice.pick(found)
        name = self.dice.pick(list(place))
        other = self.dice.pick((None, 1, "x", [], {}, place[name]))
        place[name + _MARK] = other
        return self._write(text(value).replace(_MARK.encode(), b""))

    def _more(self) -> bytes:
        value = self._value()
        found = list(objects(value))
        if not found:
            return b'{"extra":1}'
        name = self.dice.pick(("extra", "__class__", "type", "format", "", "医", "Person", "$ref"))
        self.dice.pick(found)[name] = self.dice.pick(WRONG)
        return self._write(text(value))

    def _less(self) -> bytes:
        value = self._value()
        found = self._member(value)
        if found is None:
            return b"{}"
        del found[0][found[1]]
        return self._write(text(value))

    def _anothers(self) -> bytes:
        value = self._value()
        ids = [(at, key) for at, key in places(value) if _is_id(at[key])]
        for place, key in ids:
            if self.dice.chance(60):
                place[key] = self.dice.pick(self._others)
        return self._write(text(value))

    # -- what goes around a body ---------------------------------------------------------------

    def _charset(self) -> Sent:
        base = self._base().decode("utf-8", "replace").replace("test", "医链")
        name = self.dice.pick(CHARSETS)
        media = self._media + b"; charset=" + name.encode()
        return self._sent(base.encode(name, "replace"), media=media)

    def _another_media(self) -> Sent:
        again = ((b"content-type", self._media),) if self.dice.chance(20) else ()
        return self._sent(self._base(), *again, media=self.dice.pick(MEDIA))

    def _oversized(self) -> Sent:
        declared = ((b"content-length", str(OVER_EVERY_LIMIT).encode()),)
        space = b" " * MIB
        return Sent(
            ((b"content-type", self._media), *(declared if self.dice.chance(30) else ())),
            (self._base(), *[space] * (OVER_EVERY_LIMIT // MIB), b" "),
        )

    def _false_length(self) -> Sent:
        lengths = [self.dice.pick(LENGTHS) for _ in range(1 + self.dice.below(2))]
        return self._sent(self._base(), *((b"content-length", each) for each in lengths))

    def _compressed(self) -> Sent:
        base = self._base()
        name, made = self.dice.pick(
            (
                (b"gzip", gzip.compress(base, mtime=0)),
                (b"gzip", _BOMB),
                (b"deflate", zlib.compress(base)),
                (b"br", base),
                (b"gzip, gzip", gzip.compress(gzip.compress(base, mtime=0), mtime=0)),
            )
        )
        return self._sent(made, (b"content-encoding", name))

    def _broken_off(self) -> Sent:
        base = self._base()
        length = (b"content-length", str(len(base)).encode())
        part = base[: self.dice.below(len(base))]
        return Sent(((b"content-type", self._media), length), (part,), whole=False)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """List every member and item at any depth, as (where it is, its key or index)."""
    if isinstance(value, dict):
        for key in value:
            yield value, key
            yield from places(value[key])
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield value, index
            yield from places(each)


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """List every object at any depth."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from objects(each)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 22
