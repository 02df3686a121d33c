"""Refusals: the stable, numbered reasons why the law says no. Append only: part of consensus.

A refusal carries a code and parameters, never a sentence: the sentence is a text key, so that a
person reads it in their own language (`text/<language>/errors.json`).
"""

from __future__ import annotations

from collections.abc import Iterator


class Code:
    """One reason: its number on the wire, its name, its HTTP status and its parameter names."""

    __slots__ = ("name", "number", "parameters", "status")

    def __init__(self, number: int, name: str, status: int, parameters: tuple[str, ...]) -> None:
        self.number = number
        self.name = name
        self.status = status
        self.parameters = parameters

    def __call__(self, **parameters: int | str) -> Refusal:
        """Make the refusal to raise; the parameters must be the declared ones."""
        if tuple(sorted(parameters)) != self.parameters:
            raise TypeError(f"{self.name} takes {self.parameters}, got {sorted(parameters)}")
        return Refusal(self, parameters)

    def __repr__(self) -> str:
        return f"<Code {self.number} {self.name}>"


class Refusal(Exception):
    """Raised in normal operation: what was asked is not allowed, and nothing was changed.

    `code` says why; `parameters` say about what (ids, limits, heights: never personal data).
    """

    def __init__(self, code: Code, parameters: dict[str, int | str]) -> None:
        super().__init__(code.name)
        self.code = code
        self.parameters = parameters


class InvariantBroken(Exception):
    """The state contradicts itself: the node must stop rather than go on with a false history."""


class LawUnknown(InvariantBroken):
    """Members voted a law that this software does not know: the node stops before its block.

    `version` is that law, `height` the block that was not applied.
    """

    def __init__(self, version: int, height: int) -> None:
        super().__init__(
            f"law {version} holds in block {height}: install a release that knows law {version}"
        )
        self.version = version
        self.height = height


_by_number: dict[int, Code] = {}
_by_name: dict[str, Code] = {}

OK = 0


def code(number: int, name: str, status: int = 409, *parameters: str) -> Code:
    """Declare a refusal code; a number or a name taken twice is a programming error."""
    if number in _by_number or name in _by_name:
        raise ValueError(f"refusal {number} {name} is taken")
    made = Code(number, name, status, tuple(sorted(parameters)))
    _by_number[number] = made
    _by_name[name] = made
    return made


def by_number(number: int) -> Code:
    """Find a declared code by its number on the wire. Raises KeyError."""
    return _by_number[number]


def by_name(name: str) -> Code:
    """Find a declared code by name. Raises KeyError."""
    return _by_name[name]


def every() -> Iterator[Code]:
    """List all declared codes by number."""
    return iter(sorted(_by_number.values(), key=lambda each: each.number))


# 1..99: the envelope. Modules own a hundred each, from 100 upward (see their errors.py).
INTERNAL = code(1, "internal", 500)
MALFORMED = code(2, "malformed", 400)
NOT_CANONICAL = code(3, "not_canonical", 400)
TOO_LARGE = code(4, "too_large", 413, "limit")
WRONG_CHAIN = code(5, "wrong_chain", 409, "chain")
EXPIRED = code(6, "expired", 409, "expires")
EXPIRES_TOO_LATE = code(7, "expires_too_late", 400, "limit")
NONCE_SPENT = code(8, "nonce_spent", 409)
UNKNOWN_KEY = code(9, "unknown_key", 403, "key")
KEY_REVOKED = code(10, "key_revoked", 403, "key")
BAD_SIGNATURE = code(11, "bad_signature", 403, "index")
SIGNATURES_MISSING = code(12, "signatures_missing", 400)
SIGNER_REPEATED = code(13, "signer_repeated", 400)
SENDER_NOT_SIGNER = code(14, "sender_not_signer", 403)
PAYER_NOT_RESPONSIBLE = code(15, "payer_not_responsible", 403)
PAYER_INACTIVE = code(16, "payer_inactive", 403)
SENDER_INACTIVE = code(17, "sender_inactive", 403)
QUOTA_USED_UP = code(18, "quota_used_up", 429, "limit")
TOO_MANY_PENDING = code(19, "too_many_pending", 429, "limit")
SUITE_NOT_ALLOWED = code(20, "suite_not_allowed", 400, "suite")
KEY_REFUSED = code(21, "key_refused", 400)
OUT_OF_GAS = code(22, "out_of_gas", 413, "limit")
ALREADY_PENDING = code(23, "already_pending", 409)
NOT_YET_ACTIVE = code(24, "not_yet_active", 409, "height")
"""A message of a later law, whose height members have voted. It never stands in a block's results:
before that height nodes of older releases cannot read the message, so there it is malformed."""

LAW_TOO_OLD = code(25, "law_too_old", 409, "version")
"""A message of a later law for which members have not voted; it too never stands in a block."""
