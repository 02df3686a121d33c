"""Accounts over time: what ends when, what is counted, and what a refusal leaves as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gateway.auth.browser import Authenticator, SessionKey
from tests.unit.gateway.auth.people import ADDRESS, SITE, People
from yilian.gateway.auth import challenges, claim, passkeys, sessions
from yilian.gateway.auth.challenges import Challenges
from yilian.gateway.auth.factors import code_at
from yilian.gateway.auth.failures import WINDOW_MS
from yilian.ledger import codec
from yilian.ledger.errors import Refusal

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    """Accounts of one node."""
    made = People(tmp_path / "accounts.sqlite")
    yield made
    made.accounts.close()


def refusal(act: Callable[..., Any], *given: Any) -> str:
    """Give the name of the code that an act is refused with."""
    with pytest.raises(Refusal) as caught:
        act(*given)
    return caught.value.code.name


def wrong(secret: bytes, now: int) -> str:
    """Give a code that is right at no time near."""
    near = {code_at(secret, now + step * 30_000) for step in range(-100, 101)}
    return next(each for each in map("{:06d}".format, range(1_000_000)) if each not in near)


def test_a_persons_session_ends_by_rest_and_at_last(people: People) -> None:
    session = people.join(people.invite(people.chain.person()))
    for _ in range(4):
        people.chain.wait(7 * DAY - MINUTE)
        people.stands(session)
        people.used(session)
    people.chain.wait(2 * DAY)
    people.stands(session)
    people.used(session)
    people.chain.wait(5 * MINUTE)
    assert refusal(people.stands, session) == "sign_in.session_expired"
    other = people.sign_in()
    people.chain.wait(7 * DAY)
    assert refusal(people.stands, other) == "sign_in.session_expired"


def test_a_professionals_session_is_shorter(people: People) -> None:
    _, session, _ = people.joined_doctor()
    began = people.chain.time
    while people.chain.time < began + 12 * HOUR - 30 * MINUTE:
        people.chain.wait(29 * MINUTE)
        people.stands(session)
        people.used(session)
    people.chain.wait(30 * MINUTE)
    assert refusal(people.stands, session) == "sign_in.session_expired"
    first = people.sign_in()
    people.chain.wait(sessions.FIRST_MS - 1)
    people.stands(first)
    people.chain.wait(1)
    assert refusal(people.stands, first) == "sign_in.session_expired"


def test_invitations_and_attempts_end(people: People) -> None:
    person = people.chain.person()
    code = people.invite(person)
    begun = people.accounts.begin_joining(code, people.key.public, ADDRESS).begun
    people.chain.wait(challenges.LIFE_MS)
    assert refusal(people.finish_joining, begun) == "sign_in.attempt_unknown"
    begun = people.accounts.begin_joining(code, people.key.public, ADDRESS).begun
    people.chain.wait(10 * MINUTE)
    assert refusal(people.join, code) == "sign_in.invitation_ended"
    assert refusal(people.finish_joining, begun) == "sign_in.attempt_unknown"
    assert people.accounts.passkeys.of(person.id) == []


def test_two_who_hold_one_code_cannot_both_join(people: People) -> None:
    code = people.invite(people.chain.person())
    one = people.accounts.begin_joining(code, people.key.public, ADDRESS).begun
    two = people.accounts.begin_joining(code, SessionKey().public, ADDRESS).begun
    people.finish_joining(one)
    assert refusal(people.finish_joining, two) == "sign_in.invitation_used"


def test_an_attempt_serves_the_kind_it_was_begun_for(people: People) -> None:
    begun = people.begin()
    assert refusal(people.finish_joining, begun) == "sign_in.attempt_unknown"
    joined = people.accounts.begin_joining(
        people.invite(people.chain.person()), people.key.public, ADDRESS
    ).begun
    people.device.create(joined.challenge, SITE.origin, SITE.rp_id, joined.handle)
    shown = people.shown(joined)
    assert refusal(people.accounts.by_passkey, joined.attempt, shown, SITE, ADDRESS) == (
        "sign_in.attempt_unknown"
    )


def test_the_oldest_of_too_many_attempts_is_forgotten() -> None:
    kept = Challenges(kept=3)
    begun = [kept.begin("sign_in", SessionKey().public, 0) for _ in range(4)]
    assert refusal(kept.take, begun[0].attempt, "sign_in", 0) == "sign_in.attempt_unknown"
    assert kept.take(begun[1].attempt, "sign_in", 0) == begun[1]


def test_ten_wrong_codes_lock_an_account_for_a_quarter_hour(people: People) -> None:
    _, _, secret = people.joined_doctor()
    session = people.sign_in()
    for number in range(10):
        code = wrong(secret, people.chain.time)
        given = (session, code, f"192.0.2.{number + 50}")
        assert refusal(people.accounts.give_code, *given) == "sign_in.factor_wrong"
    right = code_at(secret, people.chain.time + 30_000)
    with pytest.raises(Refusal) as locked:
        people.accounts.give_code(session, right, "192.0.2.99")
    assert locked.value.code.name == "sign_in.locked"
    assert locked.value.parameters == {"minutes": 15, "seconds": 900}
    people.chain.wait(WINDOW_MS)
    session = people.sign_in()
    fresh = code_at(secret, people.chain.time)
    assert people.accounts.give_code(session, fresh, ADDRESS).level == 2


def test_ten_wrong_tries_lock_an_address_and_no_other(people: People) -> None:
    session = people.join(people.invite(people.chain.person()))
    good, people.device = people.device, Authenticator()
    for _ in range(10):
        people.device.create(bytes(32), SITE.origin, SITE.rp_id, bytes(32))
        assert refusal(people.sign_in) == "sign_in.refused"
    people.device = good
    assert refusal(people.begin) == "sign_in.locked"
    people.stands(session)
    begun = people.accounts.begin(people.key.public, "198.51.100.1")
    people.accounts.by_passkey(begun.attempt, people.shown(begun), SITE, "198.51.100.1")
    people.chain.wait(WINDOW_MS)
    people.sign_in()


@pytest.mark.parametrize("known", [True, False])
def test_a_lock_tells_nobody_whether_there_is_such_a_passkey(people: People, known: bool) -> None:
    if known:
        people.join(people.invite(people.chain.person()))
    else:
        people.device.create(bytes(32), SITE.origin, SITE.rp_id, bytes(32))
    answers = []
    for number in range(12):
        begun = people.accounts.begin(people.key.public, f"192.0.2.{number}")
        shown = people.shown(begun)._replace(signature=b"wrong")
        given = (begun.attempt, shown, SITE, f"192.0.2.{number}")
        answers.append(refusal(people.accounts.by_passkey, *given))
    assert answers == ["sign_in.refused"] * 10 + ["sign_in.locked"] * 2


def test_one_more_than_so_many_sessions_ends_the_one_that_rested_longest(people: People) -> None:
    begun = [people.join(people.invite(people.chain.person()))]
    for _ in range(sessions.MAX_SESSIONS):
        people.chain.wait(1_000)
        begun.append(people.sign_in())
    assert refusal(people.stands, begun[0]) == "sign_in.session_ended"
    for each in begun[1:]:
        people.stands(each)


def test_so_many_passkeys_and_no_more(people: People) -> None:
    person = people.chain.person()
    for _ in range(passkeys.MAX_PASSKEYS):
        people.join(people.invite(person))
    code = people.invite(person)
    assert refusal(people.join, code) == "sign_in.too_many"
    assert len(people.accounts.passkeys.of(person.id)) == passkeys.MAX_PASSKEYS
    people.join(people.invite(person, renews=True))
    assert len(people.accounts.passkeys.of(person.id)) == 1


def test_devices_strangers_and_others_people_are_not_invited(people: People) -> None:
    chain = people.chain
    for actor in (chain.device(), chain.practitioner("other", chain.insurer), chain.insurer):
        assert refusal(people.invite, actor) == "sign_in.not_to_be_invited"


def test_a_key_of_a_device_or_of_another_node_signs_nobody_in(people: People) -> None:
    chain = people.chain
    for actor in (chain.device(), chain.practitioner("other", chain.insurer)):
        begun = people.begin()
        signed = claim.key_text(
            claim.KeyClaim(
                chain=chain.genesis.chain,
                challenge=codec.to_text(begun.challenge),
                key=actor.signer.id,
                origin=SITE.origin,
                sender=actor.id,
            )
        )
        signature = codec.to_bytes(actor.signer.sign(signed))
        given = (begun.attempt, actor.id, actor.signer.id, signature, SITE, ADDRESS)
        assert refusal(people.accounts.by_key, *given) == "sign_in.refused"
