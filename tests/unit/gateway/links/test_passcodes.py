"""Ten wrong passcodes in a link's whole life, however they come, and it is shut."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.rows.consenting import Actor
from tests.rows.served import Served
from tests.unit.gateway.links.sharing import RECIPIENT, Kept, Link, house, share, shown
from tests.unit.gateway.links.test_opening import gone, problem
from yilian.gateway.links import opening, passcodes
from yilian.ledger.errors import Refusal

ASKED = {"categories": ["laboratory"], "passcode": "2468 é", "openings": 3}


def wrong(served: Served, link: Link) -> int:
    """Guess wrong, by the way that the public route takes; gives what is left."""
    with pytest.raises(Refusal) as refused:
        opening.open_manifest([house(served)], link.address, "x", "0000", None)
    return int(refused.value.parameters.get("left", -1))


def test_the_right_one_opens_and_a_wrong_one_counts(
    served: Served, patient: Actor, kept: Kept
) -> None:
    link = share(served, patient, ASKED)
    assert link.payload["flag"] == "P"
    none = problem(link.post(), "links.passcode_wrong", 401)
    assert none["remainingAttempts"] == 10
    refused = link.post({**RECIPIENT, "passcode": "0000"})
    assert problem(refused, "links.passcode_wrong", 401)["remainingAttempts"] == 9
    assert shown(served, patient, link)["failures"] == 1
    # The same letters, typed on a keyboard that writes é as two code points.
    assert link.post({**RECIPIENT, "passcode": "2468 e\u0301"}).status_code == 200
    found = shown(served, patient, link)
    assert (found["failures"], found["left"], found["passcode"]) == (1, 2, True)


def test_ten_wrong_ones_shut_it_for_good(served: Served, patient: Actor, kept: Kept) -> None:
    link = share(served, patient, ASKED)
    assert [wrong(served, link) for _ in range(11)] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, -1]
    gone(link.post({**RECIPIENT, "passcode": "2468 é"}))
    found = shown(served, patient, link)
    assert (found["state"], found["failures"], found["openings"]) == ("guessed", 10, [])
    assert house(served).store.content(link.id) is None


def test_guesses_at_the_same_instant_are_ten_in_all(
    served: Served, patient: Actor, kept: Kept
) -> None:
    link = share(served, patient, ASKED)
    with ThreadPoolExecutor(8) as pool:
        left = list(pool.map(lambda _: wrong(served, link), range(24)))
    assert sum(each >= 0 for each in left) == 10
    assert shown(served, patient, link)["failures"] == 10


def test_a_passcode_is_kept_as_a_salted_hash() -> None:
    kept, other = passcodes.made("2468"), passcodes.made("2468")
    assert kept != other
    assert b"2468" not in kept
    assert passcodes.matches(kept, "2468")
    assert not passcodes.matches(kept, "2469")
    assert not passcodes.matches(kept, "")
