"""F44 from outside: an observer with a public node's answers alone learns nothing from posts.

Four makers of equal standing trade by the gateway: every two seconds each of them does nothing,
ships two packs, or makes and ships sixty, to one of the other three; all of it is drawn
beforehand. The observer asks what anybody may: blocks, receipts of all transactions, the events,
the status twenty times a second. It knows this code and which two members a guess is about, and
it guesses which of them traded, how much one traded, and whether two traded with each other: from
lengths, counts, bytes and order of what is in a post, from its place in the block, from the time at
which it came, from posts that are missing, from what waits.

How strong that is: of `ROUNDS` times four cases a half is learned from. With 45 rounds a guess that
is right in 72 % of even cases is found out (`SURE`), with 400 one of 58 %. That all posts have
one length is asserted besides. Without filling, which is put on by cutting from each post what its
maker filled in, lengths follow the trade, and the observer's figures are printed.

The audit trail of the same calls is anchored in transactions of its own, so the observer looks at
these too: their sizes, their number, and when they come after a post.
"""

from __future__ import annotations

import operator
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from tests.epcis_sample import check_digit, sgln, sgtin
from tests.rows.observing import Guessed, features, guessed
from tests.rows.served import FOUNDERS, Served
from tests.rows.supplied import INTERVAL_MS, Trading, path
from tests.scale import scale
from yilian.bootstrap import Founder
from yilian.ledger.modules.governance.messages import SetParameter
from yilian.node.config import HostedOrganisation
from yilian.sdk import drafts
from yilian.vault.audit import EVEN

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("observer")]

ROUNDS = scale(45, 400)
SURE = 1e-5
"""Below this chance a guess counts as better than luck; there are three such chances to err."""

FIRST, FEW, MANY = 200, 2, 60
ROUND_MS = 2 * INTERVAL_MS
TRAIL = "records.AnchorDisclosures"
LOOKED_AT = 3
"""Posts of a member that are looked at, from the one on that came next after it did something."""

PREFIXES = ("9520001", "9520002", "9520003", "9520004")
PAIRS = ((0, 1), (2, 3))
"""No member is in two: what is drawn for one pair says nothing of another."""


AMOUNTS = (0, 0, FEW, MANY)
"""Half of the time nothing: in every second case one of two members traded, and the other not."""


class Deed(NamedTuple):
    """What a member does in a round: ships so many packs (0: does nothing) to another."""

    packs: int
    to: int


class Round(NamedTuple):
    """What each member did in a round, and when its turn came (ms), also where it did nothing."""

    turns: tuple[int, ...]
    deeds: tuple[Deed, ...]


class Glance(NamedTuple):
    """One look at the status."""

    at: int
    height: int
    pending: int


class Sent(NamedTuple):
    """A transaction as its receipt has it, and the block it came in: its time, how full it is."""

    raw: bytes
    time: int
    place: int
    beside: int
    gas: int

    @property
    def body(self) -> dict[str, Any]:
        """What was signed."""
        body: dict[str, Any] = msgspec.json.decode(self.raw)["body"]
        return body

    @property
    def kinds(self) -> list[str]:
        """The types of its messages."""
        return [each["type"] for each in self.body["messages"]]


class Played(NamedTuple):
    """What happened, what the observer has of it, and how much of each post was real."""

    makers: tuple[str, ...]
    rounds: tuple[Round, ...]
    glances: tuple[Glance, ...]
    sent: tuple[Sent, ...]
    events: int
    slots: dict[tuple[str, int], int]
    calls: dict[str, int]


class Makers(Served, Trading):
    """Four makers, each with a product, whose titles move every second."""

    def __init__(self, folder: Path) -> None:
        founders = [Founder(f"Maker {each}", "maker", f"M-{each}") for each in PREFIXES]
        super().__init__(folder, (*FOUNDERS, *founders))
        self.places = {
            each.id: sgln(prefix, 1, "0", link=True)
            for each, prefix in zip(self.more, PREFIXES, strict=True)
        }
        self.made = [0] * len(self.more)
        self.calls = dict.fromkeys((each.id for each in self.more), 0)
        self.stock: list[list[str]] = [[] for _ in self.more]

    def begin(self) -> None:
        """Register everybody, have titles move every second, and fill the shelves."""
        proposal = drafts.fresh_id()
        action = SetParameter(name="supply_interval_ms", value=INTERVAL_MS)
        voters = (self.a, self.b, self.authority, *self.more)[:5]
        with self.client(voters[0]) as client:
            client.governance.propose(proposal=proposal, action=action)
        for each in voters[1:]:
            with self.client(each) as client:
                client.governance.vote(proposal=proposal, approve=True)
        for at, each in enumerate(self.more):
            body = PREFIXES[at] + "00001"
            with self.client(each) as client:
                client.supply.register_company(
                    company=drafts.fresh_id(),
                    gln=body + check_digit(body),
                    prefixes=[PREFIXES[at]],
                )
                client.supply.register_product(
                    gtin=pack(at, 0).split("/")[4],
                    kind="medicine",
                    name=f"Product {at}",
                    responder=each.id,
                )
        for at in range(len(self.more)):
            self.make(at, FIRST)

    def do(
        self, who: HostedOrganisation, action: str, units: Sequence[str], **more: Any
    ) -> dict[str, Any]:
        """Carry an action out, and count the call."""
        self.calls[who.id] += 1
        return super().do(who, action, units, **more)

    def make(self, at: int, count: int) -> None:
        """Have a maker commission packs."""
        fresh = [pack(at, self.made[at] + each) for each in range(count)]
        self.do(self.more[at], "commission", fresh, lot="L1", expiry="2070-12-31")
        self.made[at] += count
        self.stock[at] += fresh

    def carry_out(self, at: int, deed: Deed) -> None:
        """Do what was drawn."""
        if not deed.packs:
            return
        if deed.packs == MANY:
            self.make(at, MANY)
        some, self.stock[at] = self.stock[at][: deed.packs], self.stock[at][deed.packs :]
        self.until_done(self.more[at], "ship", some, to=self.more[deed.to].id)

    def receive(self, who: HostedOrganisation) -> int:
        """Take in whatever has come; gives how many shipments that were."""
        self.calls[who.id] += 1
        with self.client(who) as client:
            waiting = client.request("GET", path(who, "shipments"))["shipments"]
        come = [each for each in waiting if each["checked"]]
        for each in come:
            self.do(who, "receive", each["units"], shipment=each["shipment"])
        return len(come)


def pack(at: int, number: int) -> str:
    """A pack of a maker."""
    return sgtin(PREFIXES[at], 1, f"S{number}", link=True)


def drawn(chance: random.Random) -> list[tuple[Deed, ...]]:
    """Draw all that will happen, each deed by itself."""
    every = range(len(PREFIXES))
    return [
        tuple(
            Deed(chance.choice(AMOUNTS), chance.choice([to for to in every if to != at]))
            for at in every
        )
        for _ in range(ROUNDS)
    ]


class Watching(threading.Thread):
    """Looks at the status all the time."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.glances: list[Glance] = []
        self.over = threading.Event()
        self._url = url

    def run(self) -> None:
        """Look until it is over."""
        with httpx.Client(base_url=self._url) as asking:
            while not self.over.wait(0.05):
                status = asking.get("/v1/status").json()
                self.glances.append(Glance(now(), status["height"], status["pending"]))


def now() -> int:
    """The time in ms."""
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """All that happened, once for all tests."""
    chance = random.Random(44)
    with Makers(tmp_path_factory.mktemp("f44") / "node") as served:
        served.begin()
        time.sleep(2 * INTERVAL_MS / 1_000)  # What was called up to now is not counted below.
        served.calls = dict.fromkeys(served.calls, 0)
        with httpx.Client(base_url=served.url, timeout=60) as asking:
            first = asking.get("/v1/status").json()["height"]
        watching = Watching(served.url)
        watching.start()
        # Nothing is waited for: the observer has some posts of before, to know the rhythm.
        time.sleep(3 * INTERVAL_MS / 1_000)
        rounds = tuple(play(served, drawn(chance), chance))
        time.sleep((LOOKED_AT + 1) * INTERVAL_MS / 1_000)
        watching.over.set()
        watching.join()
        sent, events = seen(served.url, first)
        names = tuple(each.id for each in served.more)
        yield Played(
            names, rounds, tuple(watching.glances), sent, events, real(served), served.calls
        )


def play(
    served: Makers, plan: Sequence[tuple[Deed, ...]], chance: random.Random
) -> Iterator[Round]:
    """Carry a plan out, round by round, the members in another order each time."""
    coming: set[int] = set()
    for deeds in plan:
        began = now()
        order = list(range(len(deeds)))
        chance.shuffle(order)
        turns = [0] * len(deeds)
        for at in order:
            turns[at] = now()
            served.carry_out(at, deeds[at])
        coming.update(deed.to for deed in deeds if deed.packs)
        for at in sorted(coming):
            if served.receive(served.more[at]):
                coming.discard(at)
        yield Round(tuple(turns), deeds)
        time.sleep(max(0.0, (began + ROUND_MS - now()) / 1_000))


def seen(url: str, first: int) -> tuple[tuple[Sent, ...], int]:
    """Ask a node, as anybody, for all transactions above a height, and for the events."""
    found = []
    with httpx.Client(base_url=url, timeout=60) as asking:
        last = asking.get("/v1/status").json()["height"] - 1
        for height in range(first + 1, last + 1):
            block = asking.get(f"/v1/blocks/{height}").json()
            listed = block["transactions"]
            for place, each in enumerate(listed):
                receipt = asking.get(f"/v1/transactions/{each['hash']}/receipt").json()
                gas = int(receipt["result"]["gas_used"])
                raw = receipt["transaction"].encode()
                found.append(Sent(raw, block["time"], place, len(listed), gas))
        events, after = 0, "0.t.0"
        while page := asking.get("/v1/events", params={"after": after, "limit": 200}).json():
            events += len(page["events"])
            if not page["events"]:
                break
            after = page["next"]
    return tuple(found), events


def real(served: Makers) -> dict[tuple[str, int], int]:
    """How many places of each post are real, which its maker alone knows."""
    found: dict[tuple[str, int], int] = {}
    for each in served.more:
        supply = served.node.organisations[each.id].supply
        assert supply is not None
        query = "SELECT interval, slots FROM title_posts WHERE interval IS NOT NULL"
        with supply.database.read() as connection:
            for interval, slots in connection.exec_driver_sql(query):
                found[each.id, interval] = slots
    return found


# What the observer makes of it


Shown = dict[str, list[float]]
"""Numbers by kind: sizes and counts, random bytes, times, the status."""


class View:
    """What there is to see of members; `bare`: as if nothing had been filled in."""

    def __init__(self, played: Played, *, bare: bool = False) -> None:
        self._played = played
        self._bare = bare
        self._posts = {each: self._of(each, "supply.Post") for each in played.makers}
        self._trail = {each: self._of(each, TRAIL) for each in played.makers}
        self._moment = {each: self._usual(each) for each in played.makers}

    def _of(self, member: str, kind: str) -> list[Sent]:
        return [
            each
            for each in self._played.sent
            if each.body["payer"] == member and each.kinds == [kind]
        ]

    def _usual(self, member: str) -> float:
        """At which moment of an interval a member's posts come."""
        first = self._posts[member][0].time
        return first + median(_apart(each.time - first) for each in self._posts[member])

    def member(self, at: int, round_: Round) -> Shown:
        """What there is to see of a member after its turn in a round came, by kind."""
        name, turn = self._played.makers[at], round_.turns[at]
        posts = self._posts[name]
        start = next(n for n, each in enumerate(posts) if each.time > turn)
        looked = [
            self._post(name, before, each)
            for before, each in pairwise(posts[start - 1 : start + LOOKED_AT])
        ]
        found = {kind: [x for each in looked for x in each[kind]] for kind in looked[0]}
        found["sizes"] += [float(sum(each["sizes"][0] for each in looked))]
        end = posts[start + LOOKED_AT - 1].time
        near = [x.pending for x in self._played.glances if turn < x.at <= end]
        found["status"] = [float(max(near, default=0)), float(sum(near)), float(len(near))]
        came = [each for each in self._trail[name] if posts[start - 1].time <= each.time < end]
        found["trail"] = self._trail_of(name, came)
        return found

    def _trail_of(self, name: str, came: Sequence[Sent]) -> list[float]:
        sizes = [message["size"] for each in came for message in each.body["messages"]]
        apart = [_apart(each.time - self._moment[name]) for each in came] or [0.0]
        lengths = [len(each.raw) for each in came] or [0]
        beside = [each.beside for each in came] or [0]
        numbers = (len(came), sum(sizes), max(lengths), sum(beside), sum(each.gas for each in came))
        return [*map(float, numbers), min(apart), fmean(apart), max(apart)]

    def _post(self, name: str, before: Sent, post: Sent) -> Shown:
        message = post.body["messages"][0]
        missed = message["interval"] - before.body["messages"][0]["interval"]
        size, *drawn_ = features(post.raw)
        if self._bare:
            places = len(message["nullifiers"])
            filled = places - self._played.slots.get((name, message["interval"]), 0)
            size, drawn_ = size - filled * (len(message["nullifiers"][0]) + 3), []
        return {
            "sizes": [size, *map(float, (post.place, post.beside, post.gas, missed))],
            "bytes": drawn_,
            "times": [
                float(post.time - before.time),
                _apart(post.time - self._moment[name]),
                float(post.body["expires"] - post.time),
            ],
        }


def _apart(span: float) -> float:
    """How far a span is from whole intervals (ms)."""
    return (span + INTERVAL_MS / 2) % INTERVAL_MS - INTERVAL_MS / 2


class Case(NamedTuple):
    """What is seen, by kind, and what is so."""

    shown: Shown
    so: int


def told(cases: list[Case]) -> Guessed:
    """Guess by each kind of what is seen alone, and by all; the best, with luck for each try."""
    kinds = [kind for kind, row in cases[0].shown.items() if row]
    found = [
        guessed(cases, lambda case: case.so, lambda case, kind=kind: case.shown[kind])  # type: ignore[misc]
        for kind in kinds
    ]
    found.append(
        guessed(cases, lambda case: case.so, lambda case: [x for y in kinds for x in case.shown[y]])
    )
    best = min(found, key=lambda each: each.luck)
    return best._replace(luck=min(1.0, best.luck * len(found)))


def both(one: Shown, two: Shown, how: Callable[[float, float], float]) -> Shown:
    """What is seen of two members, and what it gives together."""
    return {kind: [*one[kind], *two[kind], *map(how, one[kind], two[kind])] for kind in one}


def which(played: Played, view: View) -> Guessed:
    """Which of two members traded, of whom one did."""
    cases = []
    for each in played.rounds:
        for one, two in PAIRS:
            if bool(each.deeds[one].packs) != bool(each.deeds[two].packs):
                shown = both(view.member(one, each), view.member(two, each), operator.sub)
                cases.append(Case(shown, int(each.deeds[one].packs > 0)))
    return told(cases)


def how_much(played: Played, view: View) -> Guessed:
    """How much a member traded: nothing, little, a flood."""
    every = range(len(played.makers))
    return told(
        [
            Case(view.member(at, each), each.deeds[at].packs)
            for each in played.rounds
            for at in every
        ]
    )


def with_each_other(played: Played, view: View) -> Guessed:
    """Whether two members traded with each other."""
    cases = []
    for each in played.rounds:
        for one, two in PAIRS:
            pair = ((one, two), (two, one))
            did = any(each.deeds[a].packs and each.deeds[a].to == b for a, b in pair)
            shown = both(view.member(one, each), view.member(two, each), operator.mul)
            cases.append(Case(shown, int(did)))
    return told(cases)


QUESTIONS = (which, how_much, with_each_other)


def test_everything_that_was_drawn_was_done(played: Played) -> None:
    """And it was seen: a post for nearly every interval, and packs that moved."""
    deeds = [deed for each in played.rounds for deed in each.deeds]
    assert {deed.packs for deed in deeds} == {0, FEW, MANY}
    posts = [each for each in played.sent if each.kinds == ["supply.Post"]]
    assert len(posts) > len(deeds)
    assert len({len(each.raw) - len(str(each.body["expires"])) for each in posts}) <= 2
    assert sum(played.slots.values()) > len([deed for deed in deeds if deed.packs])
    assert played.events > len(posts)
    assert len(played.glances) > len(played.rounds)


@pytest.mark.parametrize("question", QUESTIONS)
def test_posts_tell_nothing(played: Played, question: Any) -> None:
    found = question(played, View(played))
    print(f"{question.__name__}: {found}")
    assert found.luck > SURE, found


def test_posts_that_are_not_filled_up_tell(played: Played) -> None:
    """Without what is filled in, posts are longer where more is traded, and are of many lengths.

    To whom packs go is not seen even then: who is given a title spends nothing.
    """
    view = View(played, bare=True)
    total: dict[int, list[float]] = {0: [], FEW: [], MANY: []}
    for each in played.rounds:
        for at, deed in enumerate(each.deeds):
            total[deed.packs].append(view.member(at, each)["sizes"][-1])
    means = {packs: fmean(found) for packs, found in total.items()}
    print(f"bytes of {LOOKED_AT} posts by what was shipped: {means}")
    assert means[MANY] > means[0]
    assert len({size for found in total.values() for size in found}) > 3
    for question in (which, how_much):
        print(f"{question.__name__}, bare: {question(played, view)}")


def test_the_audit_trail_has_one_size_and_the_beat_of_the_posts(played: Played) -> None:
    """Members called, some more than others; batches are alike, one with each post but the last."""
    assert len(set(played.calls.values())) > 1
    for name in played.makers:
        posts = [each for each in played.sent if each.body["payer"] == name]
        posts = [each for each in posts if each.kinds == ["supply.Post"]]
        trail = [
            each for each in played.sent if each.body["payer"] == name and each.kinds == [TRAIL]
        ]
        assert {each.body["messages"][0]["size"] for each in trail} == {EVEN[0]}
        assert abs(len(trail) - len(posts)) <= 1
