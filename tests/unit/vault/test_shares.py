from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault import shares
from yilian.vault.envelope import new_recipient
from yilian.vault.shares import PRIME, Keeper, Keepers, Share

SECRET = bytes(range(32))


def refused(*arguments: Any) -> str:
    with pytest.raises(Refusal) as refusal:
        shares.combine(*arguments)
    return refusal.value.code.name


def changed(share: Share, **fields: Any) -> Share:
    return msgspec.structs.replace(share, **fields)


def resealed(made: list[Share], at: int, value: bytes) -> list[Share]:
    """What a dishonest splitter can make: one value exchanged, and all digests made to agree."""
    threshold = made[0].threshold
    values = [value if index == at else each.value for index, each in enumerate(made)]
    checks = tuple(
        shares._check(threshold, each.index, found, each.salt)
        for each, found in zip(made, values, strict=True)
    )
    name = shares._set_id(threshold, checks)
    return [
        changed(each, value=found, checks=checks, set=name)
        for each, found in zip(made, values, strict=True)
    ]


def test_the_published_example_of_six_shares_and_three() -> None:
    """1234 among six, three suffice, modulus 1613 (Wikipedia, "Shamir's secret sharing")."""
    factors, prime = [1234, 166, 94], 1613
    points = [(index, shares.evaluate(factors, index, prime)) for index in range(1, 7)]
    assert points == [(1, 1494), (2, 329), (3, 965), (4, 176), (5, 1188), (6, 775)]
    for chosen in itertools.permutations(points, 3):
        assert shares.interpolate(chosen, prime) == 1234


def test_a_fixed_polynomial_over_our_prime() -> None:
    """f(x) = S + 7x + x^2 with S = 2^256 - 1, worked by hand: f(i) = i^2 + 7i - 298 mod p."""
    secret = 2**256 - 1
    assert secret - PRIME == -298
    values = [shares.evaluate([secret, 7, 1], index, PRIME) for index in (1, 2, 20)]
    assert values == [PRIME - 290, PRIME - 280, 242]
    assert shares.interpolate(list(zip((1, 2, 20), values, strict=True)), PRIME) == secret


def test_the_prime_is_one() -> None:
    """Fermat to many bases; the number is the first above 2^256 that passes."""
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
    first = next(
        number
        for number in range(2**256 + 1, PRIME + 1)
        if all(pow(base, number - 1, number) == 1 for base in bases)
    )
    assert first == PRIME


@pytest.mark.parametrize(("threshold", "members", "prime"), [(1, 1, 5), (2, 4, 5), (3, 4, 5)])
def test_fewer_than_the_threshold_leave_every_secret_equally_likely(
    threshold: int, members: int, prime: int
) -> None:
    """In a small field every polynomial is tried: what k-1 shares show fits each secret alike."""
    held = list(range(1, members + 1))[: threshold - 1]
    for holders in itertools.combinations(range(1, members + 1), len(held)):
        told: dict[tuple[int, ...], Counter[int]] = {}
        for factors in itertools.product(range(prime), repeat=threshold):
            seen = tuple(shares.evaluate(factors, index, prime) for index in holders)
            told.setdefault(seen, Counter())[factors[0]] += 1
        assert len(told) == prime ** len(holders)
        for secrets in told.values():
            assert set(secrets) == set(range(prime))
            assert len(set(secrets.values())) == 1


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.integers(1, 7), st.data())
def test_any_threshold_of_shares_gives_the_secret(
    secret: bytes, members: int, data: st.DataObject
) -> None:
    threshold = data.draw(st.integers(1, members))
    made = shares.split(secret, members, threshold)
    count = data.draw(st.integers(threshold, members))
    chosen = data.draw(st.permutations(made))[:count]
    sent = [codec.decode(codec.encode(each), Share) for each in chosen]
    assert shares.combine(sent, made[0].set) == secret


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.integers(2, 6), st.data())
def test_too_few_are_refused_and_two_splits_share_no_value(
    secret: bytes, members: int, data: st.DataObject
) -> None:
    threshold = data.draw(st.integers(2, members))
    made = shares.split(secret, members, threshold)
    chosen = data.draw(st.permutations(made))[: threshold - 1]
    assert refused(chosen, made[0].set) == "shares_too_few"
    again = shares.split(secret, members, threshold)
    assert not {each.value for each in made} & {each.value for each in again}


def test_no_share_at_all_is_too_few() -> None:
    assert refused([], shares.split(SECRET, 1, 1)[0].set) == "shares_too_few"


def test_a_share_of_another_set_is_named() -> None:
    ours, theirs = shares.split(SECRET, 3, 2), shares.split(SECRET, 3, 2)
    with pytest.raises(Refusal) as refusal:
        shares.combine([ours[0], theirs[2]], ours[0].set)
    assert refusal.value.code is shares.OF_OTHER_SET
    assert refusal.value.parameters == {"index": 3}
    renamed = changed(theirs[2], set=ours[0].set)
    assert refused([ours[0], renamed], ours[0].set) == "share_wrong"


@pytest.mark.parametrize(
    "fields",
    [
        {"value": bytes(33)},
        {"value": bytes(32)},
        {"value": b"\xff" * 33},
        {"index": 3},
        {"index": 255},
        {"threshold": 1},
        {"salt": codec.to_text(bytes(32))},
        {"checks": (codec.to_text(bytes(32)),) * 3},
        {"checks": ()},
        {"salt": "not a salt"},
    ],
)
def test_a_changed_share_is_refused_whichever_field_changed(fields: dict[str, Any]) -> None:
    made = shares.split(SECRET, 3, 2)
    broken = changed(made[1], **fields)
    assert refused([made[0], broken], made[0].set) in ("share_wrong", "malformed")


def test_one_wrong_share_among_enough_right_ones_is_named_not_outvoted() -> None:
    made = shares.split(SECRET, 4, 2)
    broken = changed(made[3], value=made[0].value)
    with pytest.raises(Refusal) as refusal:
        shares.combine([made[0], made[1], broken], made[0].set)
    assert refusal.value.parameters == {"index": 4}


def test_one_share_twice_does_not_count_twice() -> None:
    made = shares.split(SECRET, 3, 2)
    assert refused([made[0], made[0]], made[0].set) == "share_repeated"


def test_shares_that_lie_on_no_one_polynomial_are_refused() -> None:
    bent = resealed(shares.split(SECRET, 3, 2), 2, bytes(33))
    assert refused(bent, bent[0].set) == "shares_inconsistent"
    assert shares.combine(bent[:2], bent[0].set) == SECRET


def test_a_set_whose_secret_is_no_32_bytes_is_refused() -> None:
    high = resealed(shares.split(SECRET, 1, 1), 0, (2**256).to_bytes(33, "big"))
    assert refused(high, high[0].set) == "shares_inconsistent"
    above = resealed(shares.split(SECRET, 1, 1), 0, PRIME.to_bytes(33, "big"))
    assert refused(above, above[0].set) == "share_wrong"


@pytest.mark.parametrize(("members", "threshold"), [(0, 0), (3, 0), (3, 4), (256, 2)])
def test_counts_that_do_not_go_together_are_refused(members: int, threshold: int) -> None:
    with pytest.raises(Refusal) as refusal:
        shares.split(SECRET, members, threshold)
    assert refusal.value.code is shares.KEEPERS_REFUSED


def test_a_secret_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        shares.split(b"short", 2, 2)
    assert len(shares.new_secret()) == 32


def test_a_share_shows_nothing_of_itself() -> None:
    share = shares.split(SECRET, 1, 1)[0]
    assert int.from_bytes(share.value, "big") == int.from_bytes(SECRET, "big")
    for shown in (repr(share), str(share), f"{share!r}", str(share.__rich_repr__())):
        assert SECRET.hex() not in shown
        assert share.salt not in shown
        assert "\\x01\\x02" not in shown


def test_the_digests_in_one_share_confirm_no_guess_of_another() -> None:
    """A short secret behind 1 of 2: without the other share's salt its digest tells nothing."""
    first, second = shares.split(bytes(32), 2, 2)
    guessed = shares._check(2, second.index, second.value, first.salt)
    assert guessed not in first.checks
    plain = codec.to_text(hashlib.sha256(second.value).digest())
    assert plain not in first.checks


def test_keepers_are_checked_before_anything_is_split() -> None:
    first, second = (new_recipient().public.data for _ in range(2))
    good = Keepers(2, (Keeper("a", first), Keeper("b", second)))
    assert [name for name, _ in shares.check_keepers(good)] == ["a", "b"]
    assert not good.alone
    assert Keepers(1, good.members[:1]).alone
    for bad in (
        Keepers(1, ()),
        Keepers(0, good.members),
        Keepers(3, good.members),
        Keepers(1, (good.members[0], Keeper("a", second))),
        Keepers(1, (good.members[0], Keeper("b", first))),
    ):
        with pytest.raises(Refusal) as refusal:
            shares.check_keepers(bad)
        assert refusal.value.code is shares.KEEPERS_REFUSED
    with pytest.raises(Refusal) as refusal:
        shares.check_keepers(Keepers(1, (Keeper("a", b"\x01 no key"),)))
    assert refusal.value.code.name == "envelope_key_not_accepted"
