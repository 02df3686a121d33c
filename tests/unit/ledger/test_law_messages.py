"""Messages of a later law: refused at the door, and in a block what older releases find them."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Union

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cases import raises
from tests.chain import Chain, name_of
from tests.rules.governance.voting import under_law
from tests.rules.supply.cast import company
from yilian.ledger import codec, errors, transaction
from yilian.ledger.errors import OK, Refusal
from yilian.ledger.module import Message
from yilian.ledger.modules import RULES
from yilian.ledger.modules.governance.messages import Tick, Upgrade
from yilian.ledger.modules.records.messages import Anchor
from yilian.ledger.transaction import Body, decode

OLD = 2
NEW = 3


@cache
def _reader(law: int) -> msgspec.json.Decoder[Any]:
    """Give the reader of a release that knows the messages of this law and no later one."""
    known: Any = Union.__getitem__(tuple(each for each in RULES if each.law <= law))
    fields: list[Any] = []
    for each in msgspec.structs.fields(Body):
        kind: Any = Annotated[list[known], msgspec.Meta(min_length=1, max_length=32)]
        hint = kind if each.name == "messages" else each.type
        fields.append((each.name, hint) if each.required else (each.name, hint, each.default))
    made = msgspec.defstruct(
        "Body", fields, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
    )
    return codec.decoder(made)


def _as_an_older_release(raw: bytes, law: int, monkeypatch: pytest.MonkeyPatch) -> int:
    with monkeypatch.context() as patched:
        patched.setattr(transaction, "_read_body", _reader(law))
        return _code(raw, None)


def _code(raw: bytes, law: int | None) -> int:
    try:
        decode(raw, law)
    except Refusal as refusal:
        return refusal.code.number
    return OK


def _both(chain: Chain) -> tuple[bytes, bytes, bytes]:
    """Give a transaction of each law, and one that mixes them."""
    new = company()
    old = Anchor(record=name_of("record"), commitment="A" * 43)
    actor = chain.hospital
    return chain.sign(actor, old), chain.sign(actor, new), chain.sign(actor, old, new)


def test_messages_name_the_law_that_brought_them() -> None:
    later = {each.__struct_config__.tag for each in RULES if each.law > 1}
    assert {str(each).split(".")[0] for each in later} == {"supply"}
    assert Message.law == 1


@raises(errors.LAW_TOO_OLD)
def test_the_door_refuses_what_no_vote_brought() -> None:
    chain = Chain()
    chain.machine.check(_both(chain)[1], chain.time)


@raises(errors.NOT_YET_ACTIVE)
def test_the_door_names_the_height_of_a_vote() -> None:
    chain = Chain()
    under_law(chain, OLD)
    height = chain.height + 100
    chain.carried(Upgrade(NEW, height), "soon")
    with pytest.raises(Refusal) as caught:
        chain.machine.check(_both(chain)[2], chain.time)
    assert caught.value.parameters == {"height": height}
    chain.machine.check(_both(chain)[1], chain.time)


def test_the_door_names_the_law_that_is_missing() -> None:
    chain = Chain()
    chain.carried(Upgrade(OLD, chain.height + 100), "another")
    with pytest.raises(Refusal) as caught:
        chain.machine.check(_both(chain)[1], chain.time)
    assert caught.value.code is errors.LAW_TOO_OLD
    assert caught.value.parameters == {"version": NEW}


@pytest.mark.parametrize("law", [1, OLD])
def test_in_a_block_it_is_malformed_and_leaves_nothing(law: int) -> None:
    chain = Chain()
    if law == OLD:
        under_law(chain, OLD)
    _, new, mixed = _both(chain)
    applied = chain.apply(new, mixed)
    nothing = chain.apply(*[b"{}"] * 2)
    assert [each.code for each in applied.results] == [errors.MALFORMED.number] * 2
    assert [each.gas for each in applied.results] == [len(new), len(mixed)]
    assert applied.changes == nothing.changes
    assert applied.app_hash == nothing.app_hash


def test_the_law_of_a_height_reads_its_block() -> None:
    """The block before the switch finds it malformed; the block of the switch takes it."""
    chain = Chain()
    under_law(chain, OLD)
    height = chain.height + 16
    chain.carried(Upgrade(NEW, height), "new")
    while chain.height < height - 2:
        chain.block()
    raw = _both(chain)[1]
    assert chain.block(raw).results[0].code == errors.MALFORMED.number
    assert chain.block(raw).results[0].code == OK
    assert chain.height == height
    chain.machine.check(chain.sign(chain.hospital, Tick()), chain.time)


CAST = Chain()
RAWS = _both(CAST)


@given(st.data())
def test_whatever_the_bytes_both_releases_say_the_same(data: st.DataObject) -> None:
    """Cut, changed, spelled otherwise or whole: one code, by the old reader and by the new."""
    raw = data.draw(st.sampled_from(RAWS))
    place = data.draw(st.integers(0, len(raw) - 1))
    changed = {
        "whole": raw,
        "cut": raw[:place],
        "bit": raw[:place] + bytes((raw[place] ^ (1 << place % 7),)) + raw[place + 1 :],
        "spaced": raw.replace(b'":', b'": ', 1 + place % 9),
        "tag": raw.replace(b"supply.RegisterCompany", b"supply.EndCompany"),
        "loose": raw.replace(b'"gln":"69', b'"gln":"x9'),
        "unsigned": raw.replace(b'"signatures":["', b'"signatures":["A', 1),
    }[data.draw(st.sampled_from(["whole", "cut", "bit", "spaced", "tag", "loose", "unsigned"]))]
    with pytest.MonkeyPatch.context() as patched:
        for law in (1, OLD):
            assert _code(changed, law) == _as_an_older_release(changed, law, patched)


def test_the_new_reader_reads_what_the_old_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, mixed = RAWS
    for raw, code in ((old, OK), (new, errors.MALFORMED.number), (mixed, errors.MALFORMED.number)):
        assert _as_an_older_release(raw, OLD, monkeypatch) == code
        assert _code(raw, OLD) == code
        assert _code(raw, NEW) == _code(raw, None) == OK
