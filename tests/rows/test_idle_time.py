"""What has ended gives nothing on a chain that stands still: the clock decides, not a block."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.rows.consenting import Actor, doctor, give, keep, path, person, read, session, speak
from tests.rows.served import Served
from tests.rows.test_f28_break_glass import Doctor
from yilian.gateway import organisation as organisations
from yilian.gateway.practice import emergencies
from yilian.ledger.modules.consent.state import EMERGENCIES, GRANTS, SESSIONS, custodian
from yilian.ledger.modules.identity.state import LICENCES
from yilian.sdk import drafts
from yilian.sdk.errors import ProblemError

LASTS_MS = 4_000


def past(moment: int) -> None:
    """Let this machine's clock go past a moment (ms)."""
    while time.time_ns() // 1_000_000 <= moment:
        time.sleep(0.05)


class Idle:
    """Four ways to read that were open, and end on a chain that nothing is written to."""

    def __init__(self, served: Served, shorter: pytest.MonkeyPatch) -> None:
        self.served = served
        self.person = person(served, served.a, "idle")
        self.reader = doctor(served, served.b)
        self.glass = Doctor(served, served.b)
        self.licensed = Doctor(served, served.a)
        self.record = keep(served, served.a, self.person.id, "laboratory", "result")
        keep(served, served.a, self.person.id, "problem", "finding")
        with served.client(served.a) as client:
            team = {"person": self.person.id, "team": [self.licensed.id]}
            client.request("POST", path(served.a, "encounters"), team)
        self.lasting = give(served, self.person, self.person.id, categories=["laboratory"])
        with served.client(served.authority) as client:
            client.identity.revoke_licence(licence=self.licensed.licence)
        shorter.setattr(organisations, "SESSION_MS", LASTS_MS)
        shorter.setattr(emergencies, "MINUTE_MS", LASTS_MS)
        self._open()
        self._still()

    def _open(self) -> None:
        served = self.served
        ends = served.node.engine.now() + LASTS_MS
        self.grant = give(
            served, self.person, self.person.id, categories=["laboratory"], ends=ends
        )["grant"]
        self.licence = self._licence(ends)
        self.under_grant = session(served, self.reader, self.grant)
        self.short = session(served, self.reader, self.lasting["grant"])
        self.access = self.glass.break_glass(served.a, person=self.person.id, minutes=1)
        self.before = {name: call() for name, call in self.calls().items()}

    def _licence(self, ends: int) -> str:
        licence = drafts.fresh_id()
        with self.served.client(self.served.authority) as client:
            client.identity.issue_licence(
                licence=licence,
                practitioner=self.licensed.id,
                profession="physician",
                ends=ends,
            )
        return licence

    def _still(self) -> None:
        """Stop what writes by itself, note where the chain stands, and let all of it end."""
        node = self.served.node
        node._closing.set()
        assert node._anchoring is not None
        node._anchoring.join()
        last = max(self.ends().values())
        past(last)
        self.height = node.engine.height

    def ends(self) -> dict[str, int]:
        """When each way ends, as the chain has it."""
        state = self.served.node.engine.state()
        return {
            "grant": GRANTS.require(state, self.grant).ends,
            "session": SESSIONS.require(state, self.short).ends,
            "emergency": EMERGENCIES.require(state, self.access).ends,
            "licence": LICENCES.require(state, self.licence).ends,
        }

    def calls(self) -> dict[str, Callable[[], Any]]:
        """Read in each of the ways."""
        served, record = self.served, f"records/{self.record}"
        return {
            "grant": lambda: read(served, self.reader, self.under_grant),
            "session": lambda: read(served, self.reader, self.short),
            "emergency": lambda: self.glass.read(self.access),
            "licence": lambda: self.licensed.ask("GET", record),
        }


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Idle]:
    folder = tmp_path_factory.mktemp("idle") / "node"
    with pytest.MonkeyPatch.context() as shorter, Served(folder) as served:
        yield Idle(served, shorter)


WAYS = ("grant", "session", "emergency", "licence")


@pytest.mark.parametrize("way", WAYS)
def test_what_ended_on_an_idle_chain_is_refused(idle: Idle, way: str) -> None:
    before = idle.before[way]
    assert before.get("records") or before["record"] == idle.record
    with pytest.raises(ProblemError) as refused:
        idle.calls()[way]()
    assert refused.value.status == 403
    # No block has told the chain of the end: its own time is before it, at the same height.
    engine = idle.served.node.engine
    assert engine.height == idle.height
    assert engine.tip.time < idle.ends()[way]


def test_what_has_not_ended_still_gives(idle: Idle) -> None:
    """The person's own reading, on the same still chain, at the same moment."""
    owner: Actor = idle.person
    with speak(idle.served, owner, idle.served.a) as client:
        answer = client.request("GET", path(idle.served.a, f"records/{idle.record}"))
    assert answer["content"] == "result"
    assert idle.served.node.engine.height == idle.height


def test_a_custodian_ends_by_the_clock_where_no_block_can_come(served: Served) -> None:
    """The chain has a timer for this end, so it is stopped: its state still says `on`."""
    owner, relative = (person(served, served.a, each) for each in ("owner", "relative"))
    record = keep(served, served.a, owner.id, "laboratory", "result")

    def ask(who: Actor) -> Any:
        with speak(served, who, served.a) as client:
            return client.request("GET", path(served.a, f"records/{record}"))

    engine = served.node.engine
    ends = engine.now() + LASTS_MS // 2
    with speak(served, owner, served.a) as client:
        client.consent.name_custodian(custodian=relative.id, ends=ends, powers=["read"])
    assert ask(relative)["content"] == "result"
    engine.condemn(RuntimeError("the disk is full"))
    past(ends)
    with pytest.raises(ProblemError) as refused:
        ask(relative)
    assert (refused.value.code, refused.value.status) == ("reading.denied", 403)
    assert ask(owner)["content"] == "result"
    named = custodian(engine.state(), owner.id, relative.id)
    assert named is not None
    assert (named.on, named.ends) == (True, ends)
    assert engine.tip.time < ends
