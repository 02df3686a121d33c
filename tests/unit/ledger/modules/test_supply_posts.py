"""Posts at random by several members: what is spent is what plain sets of nullifiers say."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chain import Actor, Chain, digest_of, name_of
from tests.rules.governance.voting import under_law
from tests.rules.supply.cast import gln
from tests.scale import scale
from yilian.ledger import errors
from yilian.ledger.modules.governance.messages import AdmitMember, Propose, SetParameter, Vote
from yilian.ledger.modules.supply import errors as refusals
from yilian.ledger.modules.supply.messages import Post, RegisterCompany
from yilian.ledger.modules.supply.state import (
    NULLIFIERS,
    POSTS,
    last_post,
    pace,
    post_key,
    posted,
    slots,
    spent,
)

SECONDS = 10_000


class Try(NamedTuple):
    """A post that is tried: by whom, how far from now, of what, and how long the block waits."""

    member: int
    offset: int
    drawn: list[int]
    root: int
    wait: int


TRIES = st.builds(
    Try,
    st.integers(0, 2),
    st.integers(-2, 3),
    st.lists(st.integers(0, 40), min_size=2, max_size=4),
    st.integers(0, 5),
    st.sampled_from((0, 0, 3_000, SECONDS, 35_000)),
)


class Model:
    """The same rules over Python sets."""

    def __init__(self, first: int) -> None:
        self.last = dict.fromkeys(range(3), first)
        self.spent: dict[tuple[int, str], tuple[int, int]] = {}
        self.roots: dict[tuple[int, int], str] = {}

    def post(self, member: int, message: Post, most: int, size: int) -> int:
        """Give the code that a post must have, and take it in where it is accepted."""
        if len(set(message.nullifiers)) < len(message.nullifiers):
            return refusals.BAD_LIST.number
        if message.interval <= self.last[member]:
            return refusals.INTERVAL_PAST.number
        if message.interval > most:
            return refusals.INTERVAL_AHEAD.number
        if len(message.nullifiers) != size:
            return refusals.WRONG_SLOTS.number
        if any((member, each) in self.spent for each in message.nullifiers):
            return refusals.SPENT.number
        for slot, each in enumerate(message.nullifiers):
            self.spent[member, each] = (message.interval, slot)
        self.last[member] = message.interval
        self.roots[member, message.interval] = message.root
        return errors.OK


def _begun() -> tuple[Chain, list[Actor]]:
    chain = Chain()
    under_law(chain, 2)
    under_law(chain, 3)
    chain.carried(SetParameter("supply_slots", 3), "three slots")
    members = [chain.hospital]
    for place, label in enumerate(("maker", "pharmacy")):
        made = chain.organisation(label, "maker" if place == 0 else "pharmacy")
        chain.carried(AdmitMember(made.id), f"admit {label}")
        members.append(made)
    raws = [
        chain.sign(
            each, RegisterCompany(company=name_of(f"company {place}"), gln=gln(place), prefixes=[])
        )
        for place, each in enumerate(members)
    ]
    assert [each.code for each in chain.block(*raws).results] == [errors.OK] * 3
    return chain, members


@settings(max_examples=scale(25, 2_000))
@given(st.lists(st.lists(TRIES, min_size=1, max_size=4), min_size=1, max_size=12))
def test_random_posts_of_several_members(blocks: list[list[Try]]) -> None:
    chain, members = _begun()
    first = last_post(chain.state, members[0].id)
    assert first is not None
    model = Model(first)
    for tries in blocks:
        chain.wait(tries[0].wait)
        now = pace(chain.state, chain.time).at(chain.time + 1_000)
        messages = [
            Post(
                interval=now + each.offset,
                root=digest_of(f"root {each.root}"),
                nullifiers=[digest_of(f"nullifier {drawn}") for drawn in each.drawn],
            )
            for each in tries
        ]
        size = slots(chain.state)
        wanted = [
            model.post(each.member, message, now + 1, size)
            for each, message in zip(tries, messages, strict=True)
        ]
        raws = [
            chain.sign(members[each.member], message)
            for each, message in zip(tries, messages, strict=True)
        ]
        assert [each.code for each in chain.block(*raws).results] == wanted
    _agrees(chain, members, model)


def _agrees(chain: Chain, members: list[Actor], model: Model) -> None:
    state = chain.state
    held = dict(NULLIFIERS.scan(chain.memory))
    names = {actor.id: place for place, actor in enumerate(members)}
    told = {}
    for name, each in held.items():
        organisation, nullifier = name.split(".")
        told[names[organisation], nullifier] = (each.interval, each.slot)
        assert spent(state, organisation, nullifier) == each
    assert told == model.spent
    for (place, interval), root in model.roots.items():
        assert posted(state, members[place].id, interval) == root
    keys = {post_key(members[place].id, interval) for place, interval in model.roots}
    assert {name for name, _ in POSTS.scan(chain.memory)} == keys
    for place, last in model.last.items():
        assert last_post(state, members[place].id) == last


@settings(max_examples=scale(25, 1_000))
@given(
    st.lists(
        st.tuples(st.sampled_from((1_000, 7_000, SECONDS, 60_000)), st.integers(0, 90_000)),
        max_size=6,
    )
)
def test_numbers_of_intervals_never_go_back(changes: list[tuple[int, int]]) -> None:
    """However often members change the length, and whether anybody posts in between or not."""
    chain, members = _begun()
    actor = members[0]
    number = 0
    for step, (length, wait) in enumerate(changes):
        chain.wait(wait)
        before = pace(chain.state, chain.time).at(chain.time)
        raws = _vote(chain, members, length, step)
        chain.block(*raws)
        rhythm = pace(chain.state, chain.time)
        assert rhythm.at(chain.time) >= before
        assert rhythm.ms == length
        at = rhythm.at(chain.time)
        assert rhythm.begins(at) <= chain.time < rhythm.begins(at + 1)
        interval = pace(chain.state, chain.time).at(chain.time + 1_000)
        drawn = [digest_of(f"{step} {slot}") for slot in range(3)]
        post = Post(interval=interval, root=digest_of("root"), nullifiers=drawn)
        result = chain.block(chain.sign(actor, post)).results[0]
        if interval > number:
            assert result.code == errors.OK
            number = interval
        else:
            assert result.code == refusals.INTERVAL_PAST.number


def _vote(chain: Chain, members: list[Actor], length: int, step: int) -> list[bytes]:
    """Give the votes of all five members for another length of an interval."""
    name = name_of(f"length {step}")
    action = SetParameter("supply_interval_ms", length)
    others = [*members[1:], chain.insurer, chain.authority]
    votes = [chain.sign(each, Vote(proposal=name, approve=True)) for each in others]
    return [chain.sign(members[0], Propose(proposal=name, action=action)), *votes]
