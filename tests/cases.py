"""Rule cases: one accepted or refused transaction each, run by pytest and written as vectors.

A case is a function that brings a chain to where the transaction matters and returns (or yields)
its bytes. What follows a `yield` looks at the applied block and at the state behind it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Mapping
from typing import NamedTuple

import msgspec
import pytest

from tests.chain import DAY, Chain
from yilian.ledger import errors
from yilian.ledger.errors import Code, Refusal
from yilian.ledger.machine import Applied, Result
from yilian.ledger.module import Message, snake_case
from yilian.ledger.modules.governance.state import USAGE
from yilian.ledger.spending import PERSONS

Play = Generator[bytes, Applied, None]
Build = Callable[[Chain], "bytes | Play"]
Test = Callable[[Chain], None]


class Case(NamedTuple):
    """One case: the message it is about, its name, and the code that must come back."""

    message: str
    name: str
    code: int
    build: Build

    def path(self) -> str:
        """Give the vector's place: capability, message in snake case, name."""
        capability, message = self.message.split(".")
        return f"{capability}/{snake_case(message)}/{self.name}.json"


CASES: dict[str, Case] = {}
ENVELOPE = "transaction.Envelope"
"""What a case is about when no single message is: the rules of the envelope."""

RAISED: dict[str, str] = {}
"""Names of codes that a test outside the rule cases raises, and that test."""


def accepted(message: type[Message] | str) -> Callable[[Build], Test]:
    """Mark a case whose transaction must be accepted."""
    return lambda build: _register(build, message, errors.OK)


def refused(message: type[Message] | str, code: Code) -> Callable[[Build], Test]:
    """Mark a case whose transaction must be refused with exactly this code."""
    return lambda build: _register(build, message, code.number)


def raises(code: Code) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Mark a test whose last act must be to raise exactly this refusal."""

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(*args: object, **named: object) -> None:
            with pytest.raises(Refusal) as caught:
                test(*args, **named)
            assert caught.value.code is code

        RAISED[code.name] = test.__qualname__
        return run

    return mark


def answers(code: Code) -> Callable[[Callable[..., Result]], Callable[..., None]]:
    """Mark a test that gives an applied result, which must have exactly this code."""

    def mark(test: Callable[..., Result]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(*args: object, **named: object) -> None:
            assert test(*args, **named).code == code.number

        RAISED[code.name] = test.__qualname__
        return run

    return mark


def _register(build: Build, message: type[Message] | str, code: int) -> Test:
    tag = message if isinstance(message, str) else str(message.__struct_config__.tag)
    case = Case(tag, build.__name__.removeprefix("test_"), code, build)
    if case.path() in CASES and CASES[case.path()].build.__module__ != build.__module__:
        raise ValueError(f"two cases are called {case.path()}")
    CASES[case.path()] = case

    @functools.wraps(build)
    def test(world: Chain) -> None:
        play(case, world)

    return test


def prepare(case: Case, world: Chain) -> tuple[bytes, Play | None]:
    """Run a case up to its transaction."""
    made = case.build(world)
    if isinstance(made, bytes):
        return made, None
    return next(made), made


def play(case: Case, world: Chain) -> Applied:
    """Run a case and hold its result against what every result must be."""
    raw, rest = prepare(case, world)
    told = told_by_check(world, raw)
    idle = world.apply()
    before = world.app_hash
    applied = world.apply(raw)
    result = applied.results[0]
    expected = errors.by_number(case.code).name if case.code else "ok"
    assert name(result) == expected, result
    if case.code:
        assert told in (case.code, errors.OK)
        assert told == case.code or case.code >= 100 or case.message != ENVELOPE
        assert result.data() == b""
        assert result.events == b"[]"
        assert set(result.parameters) == set(errors.by_number(case.code).parameters)
        assert outside_envelope(applied) == outside_envelope(idle)
    else:
        assert told == errors.OK
        assert msgspec.json.decode(result.events), "an accepted message announces something"
        assert applied.app_hash != before
    assert world.block(raw).app_hash == applied.app_hash
    if rest is not None:
        with pytest.raises(StopIteration):
            rest.send(applied)
    return applied


def name(result: Result) -> str:
    """Give the name of a result's code."""
    return errors.by_number(result.code).name if result.code else "ok"


def told_by_check(world: Chain, raw: bytes) -> int:
    """Give what `Machine.check` says of a transaction, at the time of the next block."""
    try:
        world.machine.check(raw, world.apply().time)
    except Refusal as refusal:
        return refusal.code.number
    return errors.OK


def outside_envelope(applied: Applied) -> set[bytes]:
    """Give the changed keys that are neither spent nonces nor usage: a refusal changes none."""
    return {key for key in applied.changes if not key.startswith((b"spent/", b"governance/usage/"))}


def spent_by(applied: Applied, held: Mapping[bytes, bytes]) -> tuple[int, int]:
    """Count the nonces that a block spent and the uses it charged, against what was held before."""
    day = applied.time // DAY
    spent = used = 0
    for key, value in applied.changes.items():
        if value is None:
            continue
        before = held.get(key)
        if key.startswith(b"spent/nonce/"):
            spent += before is None
        elif key.startswith(PERSONS.prefix):
            now, was = PERSONS.decode(value), PERSONS.decode(before) if before else None
            spent += len(set(now.spent) - set(was.spent if was else ()))
            used += now.used - (was.used if was is not None and was.day == day else 0)
        elif key.startswith(USAGE.prefix):
            payer, last = USAGE.decode(value), USAGE.decode(before) if before else None
            used += payer.used - (last.used if last is not None and last.day == day else 0)
    return spent, used
