"""Hostile transactions, made from a valid one at the level of bytes, JSON and signatures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from tests.chain import Actor, Cast, Signer, name_of, seal
from tests.simulation import Dice
from yilian.ledger import codec, transaction
from yilian.ledger.transaction import DOMAIN

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
WRONG: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    2**53,
    10**40,
    "",
    "x",
    "é医",
    "A" * 22,
    [],
    {},
    [[]],
    {"a": 1},
    "x" * 5_000,
    "\u0000",
]
TOKENS = [
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e400",
    b"1.0",
    b"-0",
    b"0x10",
    b"01",
    b"9" * 400,
    b"9007199254740993",
    b"1e-5",
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\xed\xa0\x80"',
    b'"\xc0\x80"',
    b'"\xff\xfe"',
    b"'x'",
    b"undefined",
    b"[" * 3_000,
    b'{"a":' * 2_000,
    b"/*x*/1",
    b'"\\x41"',
    b'"\\u0041\\u0000"',
]
SPACES = [b" ", b"\n", b"\t", b"\r\n", b"\x00", b"\xef\xbb\xbf", b"\xc2\xa0", b",", b"//\n"]


class Hostile:
    """Draws one hostile text after another; `raw` is the valid transaction it starts from."""

    def __init__(self, cast: Cast, actor: Actor, raw: bytes, dice: Dice) -> None:
        self.cast = cast
        self.actor = actor
        self.raw = raw
        self.dice = dice
        self.stranger = cast.signer("stranger")

    def kinds(self) -> dict[str, Callable[[], bytes]]:
        """Name every kind of hostile text and how it is drawn."""
        return {
            "flip a bit": self._flip,
            "drop bytes": self._drop,
            "double bytes": self._double,
            "insert random bytes": self._insert,
            "cut": self._cut,
            "add behind": self._behind,
            "white space": self._space,
            "another encoding": self._encoding,
            "escape a letter": self._escape,
            "a hostile token": self._token,
            "a duplicate key": self._duplicate,
            "another order": self._order,
            "a wrong type": self._wrong,
            "an unknown member": self._unknown,
            "a missing member": self._missing,
            "a giant string": self._giant,
            "a base64 tail": self._tail,
            "a null default": self._default,
            "random bytes": self._random,
            "no signatures": self._strip,
            "a signature more": self._more,
            "another's signature": self._anothers,
            "a signature of other text": self._elsewhere,
            "a changed signature": self._changed,
            "a re-made body": self._remade,
        }

    def _place(self) -> int:
        return self.dice.below(len(self.raw))

    def _flip(self) -> bytes:
        at = self._place()
        return self.raw[:at] + bytes((self.raw[at] ^ 1 << self.dice.below(8),)) + self.raw[at + 1 :]

    def _drop(self) -> bytes:
        at = self._place()
        return self.raw[:at] + self.raw[at + 1 + self.dice.below(40) :]

    def _double(self) -> bytes:
        at, size = self._place(), 1 + self.dice.below(60)
        return self.raw[: at + size] + self.raw[at:]

    def _insert(self) -> bytes:
        at = self._place()
        return self.raw[:at] + self.dice.bytes()[: 1 + self.dice.below(8)] + self.raw[at:]

    def _cut(self) -> bytes:
        return self.raw[: self._place()]

    def _behind(self) -> bytes:
        more = (b" ", b"\n", b"\x00", b"}", b"{}", self.raw, b"\xff", b",")
        return self.raw + self.dice.pick(more)

    def _space(self) -> bytes:
        places = [at for at in range(len(self.raw)) if self.raw[at : at + 1] in b'{}[]:,"']
        at = self.dice.pick(places)
        return self.raw[:at] + self.dice.pick(SPACES) + self.raw[at:]

    def _encoding(self) -> bytes:
        text = self.raw.decode()
        name = self.dice.pick(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "utf-7"))
        if self.dice.chance(25):
            return text.replace("test", "医链").encode("gb18030")
        return text.replace("{", "\u007b").encode(name) if name != "utf-7" else b"+" + self.raw

    def _escape(self) -> bytes:
        letters = [at for at in range(len(self.raw)) if self.raw[at : at + 1].isalpha()]
        at = self.dice.pick(letters)
        return self.raw[:at] + b"\\u%04x" % self.raw[at] + self.raw[at + 1 :]

    def _token(self) -> bytes:
        starts = [at + 1 for at in range(len(self.raw)) if self.raw[at : at + 1] == b":"]
        at = self.dice.pick(starts)
        end = min(
            (end for each in (b",", b"}") if (end := self.raw.find(each, at)) >= 0),
            default=len(self.raw),
        )
        return self.raw[:at] + self.dice.pick(TOKENS) + self.raw[end:]

    # -- JSON ----------------------------------------------------------------------------------

    def _json(self, change: Callable[[dict[str, Any]], None], *, sign: bool = True) -> bytes:
        """Change the parsed transaction and write it canonically, mostly signed anew."""
        found = json.loads(self.raw)
        change(found)
        body = _canonical(found.get("body"))
        signatures = found.get("signatures")
        if sign and signatures and self.dice.chance(80):
            signatures = [self.actor.signer.sign(DOMAIN + body)]
        other = {key: found[key] for key in found if key not in ("body", "signatures")}
        text = b'{"body":' + body + b',"signatures":' + _canonical(signatures)
        more = _canonical(other)[1:-1]
        return text + (b"," + more if more else b"") + b"}"

    def _member(self, found: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Pick a member at any depth of the body."""
        places = list(_members(found["body"]))
        return self.dice.pick(places)

    def _wrong(self) -> bytes:
        def change(found: dict[str, Any]) -> None:
            place, key = self._member(found)
            others = [each for each in WRONG if each != place[key] or type(each) is not type(key)]
            place[key] = self.dice.pick(others)

        return self._json(change)

    def _unknown(self) -> bytes:
        def change(found: dict[str, Any]) -> None:
            place, _ = self._member(found)
            name = self.dice.pick(("extra", "zz", "__class__", "fee", "Chain", "type "))
            (found if self.dice.chance(10) else place)[name] = self.dice.pick(WRONG)

        return self._json(change)

    def _missing(self) -> bytes:
        def change(found: dict[str, Any]) -> None:
            place, key = self._member(found)
            del place[key]

        return self._json(change)

    def _giant(self) -> bytes:
        def change(found: dict[str, Any]) -> None:
            place, key = self._member(found)
            place[key] = self.dice.pick(("x", "医", "\\", '"')) * (100 << self.dice.below(10))

        return self._json(change)

    def _default(self) -> bytes:
        def change(found: dict[str, Any]) -> None:
            found["body"]["on_behalf_of"] = None

        return self._json(change)

    def _tail(self) -> bytes:
        """Give a key, id or signature its other spelling: the same bytes with spare bits set."""
        names = [found for found in _texts(json.loads(self.raw)) if len(found) % 4 in (2, 3)]
        text = self.dice.pick(names)
        last = ALPHABET.index(text[-1].encode())
        other = text[:-1] + chr(ALPHABET[last | (1 + self.dice.below(3))])
        if other == text:
            other = text + "A"
        return self.raw.replace(text.encode(), other.encode())

    def _duplicate(self) -> bytes:
        starts = [at for at in range(len(self.raw)) if self.raw[at : at + 1] == b"{"]
        at = self.dice.pick(starts)
        name = self.raw[at + 1 : self.raw.index(b":", at)]
        value = self.dice.pick((b"1", b"null", b'"test"', b"[]", b"{}"))
        return self.raw[: at + 1] + name + b":" + value + b"," + self.raw[at + 1 :]

    def _order(self) -> bytes:
        found = json.loads(self.raw)
        if self.dice.chance(30):
            found = {"signatures": found["signatures"], "body": found["body"]}
        else:
            found["body"] = dict(reversed(found["body"].items()))
        text = json.dumps(found, separators=(",", ":"), ensure_ascii=False)
        return text.encode()

    def _random(self) -> bytes:
        size = self.dice.below(2_000)
        return (self.dice.bytes() * (size // 32 + 1))[:size]

    # -- signatures ----------------------------------------------------------------------------

    def _body(self) -> bytes:
        return self.raw[len(b'{"body":') : self.raw.rindex(b',"signatures":')]

    def _strip(self) -> bytes:
        return transaction.assemble(self._body(), [])

    def _more(self) -> bytes:
        own = self.actor.signer.sign(DOMAIN + self._body())
        extra = self.dice.pick((own, self.stranger.sign(DOMAIN + self._body()), "AAAA"))
        return transaction.assemble(self._body(), [own] + [extra] * (1 + self.dice.below(9)))

    def _anothers(self) -> bytes:
        return transaction.assemble(self._body(), [self.stranger.sign(DOMAIN + self._body())])

    def _elsewhere(self) -> bytes:
        other = self.dice.pick((b"", self._body(), b"yilian/request/1\n" + self._body(), DOMAIN))
        return transaction.assemble(self._body(), [self.actor.signer.sign(other)])

    def _changed(self) -> bytes:
        signature = bytearray(codec.to_bytes(self.actor.signer.sign(DOMAIN + self._body())))
        signature[self.dice.below(len(signature))] ^= 1 << self.dice.below(8)
        cut = self.dice.pick((64, 64, 64, 63, 1))
        return transaction.assemble(self._body(), [codec.to_text(bytes(signature[:cut]))])

    def _remade(self) -> bytes:
        """Sign rightly what is wrong: a stranger's key, another chain, a moment long gone."""
        body = transaction.decode(self.raw).body
        wrong: list[tuple[dict[str, Any], Signer]] = [
            ({"signers": [self.stranger.id]}, self.stranger),
            ({"chain": self.dice.pick(("other", "Test", "test ", "tést"))}, self.actor.signer),
            ({"expires": self.dice.below(self.cast.clock())}, self.actor.signer),
            ({"sender": name_of("nobody")}, self.actor.signer),
            ({"messages": []}, self.actor.signer),
            ({"messages": [*body.messages] * 33}, self.actor.signer),
            ({"signers": [self.actor.signer.id] * 2}, self.actor.signer),
        ]
        fields, signer = self.dice.pick(wrong)
        count = len(fields.get("signers", "1"))
        return seal(msgspec.structs.replace(body, **fields), *[signer] * count)


def _canonical(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def _members(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(value, dict):
        for key in value:
            yield value, key
            yield from _members(value[key])
    elif isinstance(value, list):
        for each in value:
            yield from _members(each)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) >= 22 and all(letter.encode() in ALPHABET for letter in value):
            yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
