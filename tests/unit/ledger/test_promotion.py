"""Promotion: the record that a chain goes on from another one, and what does not hold of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.unit.sdk.archives import record
from tests.unit.sdk.receipts import Chain, sha
from yilian.ledger import codec, promotion
from yilian.ledger.block import vote_sign_bytes
from yilian.ledger.errors import MALFORMED, Code, Refusal
from yilian.ledger.promotion import (
    PROMOTION_DIFFERS,
    PROMOTION_UNSIGNED,
    Promotion,
    check,
    check_new,
    check_old,
)

OLD = Chain((10, 10, 10, 10), chain_id="old")
NEW = Chain((5, 5, 5), label="new", chain_id="new")
GOOD = record(OLD, NEW)


def refused(code: Code, work: Callable[[], object]) -> dict[str, Any]:
    with pytest.raises(Refusal) as caught:
        work()
    assert caught.value.code is code
    return caught.value.parameters


def test_a_record_comes_back_and_holds() -> None:
    text = codec.encode(GOOD)
    assert codec.decode(text, Promotion) == GOOD
    check(GOOD)
    assert promotion.validator_set(GOOD.new.validators) == NEW.validators


def test_two_thirds_are_not_enough_and_more_are() -> None:
    three = Chain((10, 10, 10), chain_id="old")
    keys = list(three.key_of)
    refused(PROMOTION_UNSIGNED, lambda: check(record(three, NEW, signers=keys[:2])))
    check(record(three, NEW))
    check(record(OLD, NEW, signers=list(OLD.key_of)[1:]))


def test_nobody_counts_twice_and_no_stranger_counts() -> None:
    keys = list(OLD.key_of)
    refused(PROMOTION_UNSIGNED, lambda: check(record(OLD, NEW, signers=[*keys[:2], keys[0]])))
    stranger = record(NEW, OLD).signatures[0]
    marks = [*GOOD.signatures, stranger]
    bent = msgspec.structs.replace(GOOD, signatures=marks)
    refused(PROMOTION_UNSIGNED, lambda: check(bent))


@pytest.mark.parametrize("end", ["old", "new"])
def test_every_member_is_signed(end: str) -> None:
    half = getattr(GOOD, end)
    for name in half.__struct_fields__:
        value = getattr(half, name)
        other = {
            int: lambda value=value: value + 1,
            str: lambda value=value: "other" if name == "chain" else codec.to_text(sha(b"o")),  # noqa: B023
            list: lambda value=value: value[:-1],
        }[type(value)]()
        bent = msgspec.structs.replace(
            GOOD, **{end: msgspec.structs.replace(half, **{name: other})}
        )
        refused(PROMOTION_UNSIGNED, lambda bent=bent: check(bent))  # type: ignore[misc]


def test_a_chain_does_not_go_on_from_itself() -> None:
    refused(MALFORMED, lambda: check(record(OLD, Chain((5,), label="n", chain_id="old"))))


def test_a_validator_named_twice_is_refused() -> None:
    double = promotion.voters(NEW.validators)[:1] * 2
    refused(MALFORMED, lambda: check(record(OLD, NEW, validators=double)))


NEW_TOLD: dict[str, Any] = {
    "chain": "new",
    "time": GOOD.new.time,
    "genesis": sha(b"genesis"),
    "validators": NEW.validators,
}
OLD_TOLD: dict[str, Any] = {
    "chain": "old",
    "height": 20,
    "header": OLD.header(20).hash(),
    "state": sha(b"state"),
    "validators": OLD.validators,
}


@pytest.mark.parametrize(
    ("what", "other"),
    [
        ("chain", "third"),
        ("time", 1),
        ("genesis", sha(b"another")),
        ("validators", OLD.validators),
    ],
)
def test_the_new_chain_must_be_the_one_that_is_named(what: str, other: Any) -> None:
    check_new(GOOD, **NEW_TOLD)
    told = refused(PROMOTION_DIFFERS, lambda: check_new(GOOD, **{**NEW_TOLD, what: other}))
    assert told == {"what": what}


@pytest.mark.parametrize(
    ("what", "other"),
    [
        ("chain", "third"),
        ("height", 21),
        ("header", sha(b"h")),
        ("state", sha(b"s")),
        ("validators", NEW.validators),
    ],
)
def test_the_old_chain_must_be_the_one_that_is_named(what: str, other: Any) -> None:
    check_old(GOOD, **OLD_TOLD)
    told = refused(PROMOTION_DIFFERS, lambda: check_old(GOOD, **{**OLD_TOLD, what: other}))
    assert told == {"what": what}


def test_what_is_signed_is_no_vote() -> None:
    text = promotion.statement(GOOD.old, GOOD.new)
    assert text.startswith(b'yilian-promotion/1\n{"new":{"chain":"new"')
    vote = vote_sign_bytes("old", 20, 0, None, 0)
    assert vote[1] == 0x08 != text[1]


@pytest.mark.parametrize(
    "bend",
    [
        lambda told: told | {"more": 1},
        lambda told: told | {"format": "yilian-promotion/2"},
        lambda told: told | {"signatures": []},
        lambda told: told | {"old": told["old"] | {"height": 0}},
        lambda told: told | {"old": told["old"] | {"header": "AAAA"}},
        lambda told: told | {"new": told["new"] | {"validators": []}},
        lambda told: told | {"new": told["new"] | {"chain": "New Chain"}},
        lambda told: told | {"new": told["new"] | {"chain": "new\n"}},
    ],
)
def test_what_is_no_record(bend: Callable[[dict[str, Any]], Any]) -> None:
    text = codec.encode(bend(msgspec.to_builtins(GOOD)))
    refused(MALFORMED, lambda: codec.decode(text, Promotion))
