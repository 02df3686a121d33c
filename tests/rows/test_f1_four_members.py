"""F1: 100 transactions, each to any of four members -> one height, block hash and state root."""

from __future__ import annotations

import random
import threading

import pytest

from tests.network.members import Running, require_all, send

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

TRANSACTIONS = 100
CLIENTS = 5


def test_what_any_member_takes_in_all_members_have(running: Running) -> None:
    draw = random.Random(1)
    members = list(running)
    plan = [(draw.choice(members), draw.choice(members)) for _ in range(TRANSACTIONS)]
    sent = []
    failed = []

    def work(part: int) -> None:
        try:
            for sender, at in plan[part::CLIENTS]:
                sent.append(send(running, sender, [at]))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(part,)) for part in range(CLIENTS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not failed
    assert len({each.hash for each in sent}) == TRANSACTIONS

    seen = running.agreed(max(each.height for each in sent))
    assert len(seen.voters) == 4
    require_all(running, sent)
    first, *others = [running.blocks(each, range(1, seen.height + 1)) for each in members]
    assert all(each == first for each in others)


def test_a_receipt_of_one_member_is_verified_against_anothers_trust(running: Running) -> None:
    a, b = running["A"], running["B"]
    done = send(running, a, [a])
    with a.client() as at_a, b.client() as at_b:
        receipt = at_a.receipt(done.hash)
        verified = at_b.verify(receipt, at_b.trust())
    assert (verified.height, verified.level) == (done.height, "agreed")
