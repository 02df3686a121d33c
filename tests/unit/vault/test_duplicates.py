from __future__ import annotations

import itertools

import nacl.bindings as sodium
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.vault.builders import CLINIC, HOSPITAL
from yilian.ledger.errors import Refusal
from yilian.vault import duplicates
from yilian.vault.duplicates import ORDER, Partial, Share

SYSTEM = "urn:oid:2.16.156.10011.1.3"
NUMBER = "11010519491231002X"
SECRET = (2**200 + 17).to_bytes(32, "little")


def threshold_tag(shares: list[Share], number: str = NUMBER) -> str:
    blinded = duplicates.blind(duplicates.point(HOSPITAL, SYSTEM, number))
    partials = [duplicates.partial(each, blinded.point) for each in shares]
    return duplicates.tag(duplicates.unblind(duplicates.combine(partials), blinded))


@pytest.mark.parametrize(("members", "threshold"), [(1, 1), (4, 3), (5, 2), (4, 4)])
def test_any_threshold_of_members_gives_the_tag_of_the_whole_key(
    members: int, threshold: int
) -> None:
    alone = duplicates.tag_alone(SECRET, HOSPITAL, SYSTEM, NUMBER)
    shares = duplicates.share(SECRET, members, threshold)
    for chosen in itertools.combinations(shares, threshold):
        assert threshold_tag(list(reversed(chosen))) == alone


@settings(max_examples=20, deadline=None)
@given(st.integers(1, ORDER - 1), st.integers(1, 6), st.data())
def test_shares_of_any_key_agree(key: int, members: int, data: st.DataObject) -> None:
    threshold = data.draw(st.integers(1, members))
    secret = key.to_bytes(32, "little")
    shares = duplicates.share(secret, members, threshold)
    chosen = data.draw(st.permutations(shares))[:threshold]
    assert threshold_tag(chosen) == duplicates.tag_alone(secret, HOSPITAL, SYSTEM, NUMBER)


def test_fewer_members_than_the_threshold_get_another_tag() -> None:
    alone = duplicates.tag_alone(SECRET, HOSPITAL, SYSTEM, NUMBER)
    shares = duplicates.share(SECRET, 4, 3)
    for chosen in itertools.combinations(shares, 2):
        assert threshold_tag(list(chosen)) != alone


def test_tags_differ_by_organisation_system_and_number() -> None:
    made = {
        duplicates.tag_alone(SECRET, organisation, system, number)
        for organisation in (HOSPITAL, CLINIC)
        for system in (SYSTEM, SYSTEM + ".1")
        for number in (NUMBER, "110105194912310021")
    }
    assert len(made) == 8


def test_a_dictionary_without_the_key_confirms_no_number() -> None:
    published = duplicates.tag_alone(SECRET, HOSPITAL, SYSTEM, NUMBER)
    foreign = duplicates.new_secret()
    numbers = [f"1101051949123100{last}X" for last in range(10, 40)] + [NUMBER]
    assert published not in {
        duplicates.tag_alone(foreign, HOSPITAL, SYSTEM, number) for number in numbers
    }
    assert published not in {
        duplicates.tag(duplicates.point(HOSPITAL, SYSTEM, number)) for number in numbers
    }


def test_members_see_a_blinded_point() -> None:
    at = duplicates.point(HOSPITAL, SYSTEM, NUMBER)
    first, second = duplicates.blind(at), duplicates.blind(at)
    assert len({at, first.point, second.point}) == 3


@pytest.mark.parametrize(
    "spelling",
    [
        "11010519491231002x",
        " 110105 19491231 002X ",
        "110105-19491231-002X",
        "\uff11\uff11\uff10\uff11\uff10\uff15\uff11\uff19\uff14\uff19\uff11\uff12\uff13\uff11"
        "\uff10\uff10\uff12\uff38",
        "110105\u300019491231\u2013002\uff58",
    ],
)
def test_spellings_of_one_number_are_one(spelling: str) -> None:
    assert duplicates.normalise(spelling) == NUMBER


def test_other_numbers_keep_their_letters() -> None:
    assert duplicates.normalise("军字第1234567号") == "军字第1234567号"
    assert duplicates.normalise("a123456(7)") == "A1234567"
    assert duplicates.normalise("12/345") != duplicates.normalise("1/2345")


@pytest.mark.parametrize("number", ["", " - ", "1" * 65, "12\n34", "12\x0034"])
def test_malformed_numbers_are_refused(number: str) -> None:
    with pytest.raises(Refusal) as caught:
        duplicates.normalise(number)
    assert caught.value.code.name == "duplicate_number_refused"


def test_bad_partials_are_refused() -> None:
    at = duplicates.point(HOSPITAL, SYSTEM, NUMBER)
    shares = duplicates.share(SECRET, 3, 2)
    first, second = (duplicates.partial(each, at) for each in shares[:2])
    identity = bytes([1]) + bytes(31)
    order_two = bytes([0xEC]) + b"\xff" * 30 + b"\x7f"
    bad: list[list[Partial]] = [
        [],
        [first, first],
        [first, Partial(0, second.point)],
        [first, Partial(256, second.point)],
        [first, Partial(2, b"")],
        [first, Partial(2, identity)],
        [first, Partial(2, order_two)],
        [first, Partial(2, b"\xff" * 32)],
    ]
    for partials in bad:
        with pytest.raises(Refusal) as caught:
            duplicates.combine(partials)
        assert caught.value.code.name == "duplicate_partials_refused"
    with pytest.raises(Refusal):
        duplicates.partial(shares[0], order_two)


@pytest.mark.parametrize(("members", "threshold"), [(0, 0), (2, 3), (256, 2), (3, 0)])
def test_impossible_thresholds_cannot_be_made(members: int, threshold: int) -> None:
    with pytest.raises(ValueError, match="threshold"):
        duplicates.share(SECRET, members, threshold)
    with pytest.raises(ValueError, match="scalar"):
        duplicates.share(ORDER.to_bytes(32, "little"), 1, 1)


def test_points_are_in_the_group_and_shares_show_nothing() -> None:
    for number in range(20):
        at = duplicates.point(HOSPITAL, SYSTEM, f"{number}7")
        assert sodium.crypto_core_ed25519_is_valid_point(at)
    held = duplicates.share(duplicates.new_secret(), 2, 2)[0]
    assert repr(held) == "<Share 1>"
    assert repr(duplicates.blind(at)) == "<Blinded>"
