"""A network with the real consensus engine, each member a process of its own, as users run it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from yilian.bootstrap import Founder, Network, Seat, make_network
from yilian.bootstrap.network import PORTS_PER_MEMBER, Pace
from yilian.bootstrap.overview import Address, Overview, get, overview
from yilian.ledger.module import Message
from yilian.ledger.modules.governance.state import LAWS_KNOWN, Parameters
from yilian.ledger.modules.records.messages import Anchor
from yilian.node import binary
from yilian.node.config import HostedOrganisation, NodeFolder
from yilian.node.fleet import Fleet, News
from yilian.sdk import drafts
from yilian.sdk.client import Client
from yilian.sdk.errors import AnswerError, PendingError, UnavailableError, UnreachableError
from yilian.sdk.signers import Ed25519Signer
from yilian.sdk.steps import Outcome

FOUNDERS = (
    ("A", Founder("云溪市第一人民医院", "hospital", "H-A-0001")),
    ("B", Founder("Lakeside General Hospital", "hospital", "H-B-0002")),
    ("C", Founder("Eastgate Insurance", "insurer", "I-0003")),
    ("D", Founder("云溪市卫生健康委员会", "authority", "A-0004")),
)
PACE = Pace(commit_ms=100, empty_blocks_ms=2_000)
STARTS_IN = 60.0
FOLLOWS_IN = 60.0
_AWAY = (UnreachableError, UnavailableError, AnswerError, PendingError)


def require_engine() -> None:
    """Skip where the engine was not built."""
    try:
        binary.find_engine()
    except binary.EngineMissing as missing:
        pytest.skip(str(missing))


def free_ports(count: int) -> int:
    """Find the first of so many neighbouring ports that nobody listens at."""
    while True:
        first = random.randrange(20_000, 32_000 - count, 10)
        if all(_free(first + each) for each in range(count)):
            return first


def _free(port: int) -> bool:
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_for(what: str, seconds: float, done: Callable[[], Any]) -> Any:
    """Ask again and again until the answer is true; gives that answer."""
    until = time.monotonic() + seconds
    while True:
        found = done()
        if found:
            return found
        assert time.monotonic() < until, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)


class Member:
    """One member: its folder, its process, and how it is spoken to."""

    def __init__(self, path: Path, seat: Seat) -> None:
        self.name = seat.name
        self.seat = seat
        self.path = path / seat.folder
        self.folder = NodeFolder(self.path)
        self.url = seat.gateway
        self.news: list[News] = []
        self.fleet: Fleet | None = None

    @property
    def organisation(self) -> HostedOrganisation:
        """The organisation that this member's node works for."""
        return self.folder.configuration().organisations[0]

    def start(self) -> None:
        """Start it, watched over as `yilian network up` does."""
        assert self.fleet is None
        self.fleet = Fleet({self.name: self.path}, self.news.append)
        self.fleet.start()

    def stop(self) -> None:
        """Stop it in good order."""
        if self.fleet is not None:
            self.fleet.stop()
            self.fleet = None

    def wait_serving(self) -> None:
        """Wait until its gateway answers."""
        with httpx.Client(timeout=5) as http:
            wait_for(f"{self.name} serves", STARTS_IN, lambda: self.status(http))

    def status(self, http: httpx.Client) -> dict[str, Any] | None:
        """Ask how it stands."""
        return get(http, self.url, "/v1/status")

    @property
    def pid(self) -> int:
        """The process of the node that was told to serve last."""
        return next(each.pid for each in reversed(self.news) if each.step == "serving")

    @property
    def engine_pid(self) -> int | None:
        """The consensus engine's process, where one runs now."""
        for each in children(self.pid):
            if name_of(each) == "cometbft":
                return each
        return None

    @cached_property
    def _signer(self) -> Ed25519Signer:
        return Ed25519Signer.read(self.folder.operator_key(self.seat.organisation))

    def signer(self) -> Ed25519Signer:
        """Give the organisation's operator key, which clients have even if the folder is gone."""
        return self._signer

    def client(self, at: Member | None = None, patience: float | None = 20.0) -> Client:
        """Speak as this member's organisation, to its own gateway or another's."""
        return Client(
            (at or self).url,
            signer=self.signer(),
            sender=self.seat.organisation,
            payer=self.seat.organisation,
            patience=patience,
        )


def children(pid: int) -> list[int]:
    """List a process's children; none where it is gone."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def name_of(pid: int) -> str:
    """Give a process's name; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def kill(pid: int | None) -> None:
    """End a process without a word, where it still is."""
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class Running:
    """Members that run."""

    def __init__(
        self,
        path: Path,
        founders: Sequence[tuple[str, Founder]] = FOUNDERS,
        pace: Pace = PACE,
        spare: int = 0,
        parameters: Parameters | None = None,
        law: int = max(LAWS_KNOWN),
    ) -> None:
        """Make and start them; `spare` places of ports are left for members to come."""
        self.path = path
        self.port = free_ports((len(founders) + spare) * PORTS_PER_MEMBER)
        self.network: Network = make_network(
            path, "net", founders, port=self.port, pace=pace, parameters=parameters, law=law
        )
        self.members = {each.name: Member(path, each) for each in self.network.members}
        try:
            for each in self.members.values():
                each.start()
            for each in self.members.values():
                each.wait_serving()
            self.wait_settled()
        except BaseException:
            self.stop()
            raise

    def __getitem__(self, name: str) -> Member:
        return self.members[name]

    def __iter__(self) -> Iterator[Member]:
        return iter(list(self.members.values()))

    def wait_settled(self) -> None:
        """Wait until every member's organisation can work."""
        with httpx.Client(timeout=5) as http:
            for each in self:
                path = f"/v1/identity/endpoints/{each.seat.organisation}"
                wait_for(f"{each.name} settles", STARTS_IN, lambda: get(http, each.url, path))  # noqa: B023

    def stop(self) -> None:
        """Stop all, at the same time."""
        threads = [threading.Thread(target=each.stop) for each in self]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    def overview(self) -> Overview:
        """Ask all members how they stand."""
        return overview([Address(each.name, each.url, None, each.path) for each in self])

    def agreed(self, height: int = 0, seconds: float = FOLLOWS_IN) -> Overview:
        """Wait until all members stand at one height, at least `height`, with one state root."""

        def same() -> Overview | None:
            found = self.overview()
            assert found.agree, found
            heights = {each.height for each in found.members}
            sealed = {each.sealed for each in found.members}
            if len(heights | sealed) == 1 and None not in heights and found.height >= height:
                return found
            return None

        seen = wait_for("all members at one height", seconds, same)
        assert isinstance(seen, Overview)
        return seen

    def blocks(self, member: Member, heights: range) -> list[tuple[str, str]]:
        """Give hash and state root of each block as a member has it."""
        with httpx.Client(base_url=member.url, timeout=10) as http:
            found = [http.get(f"/v1/blocks/{each}").raise_for_status().json() for each in heights]
        return [(each["hash"], each["header"]["app_hash"]) for each in found]


def anchor() -> Message:
    """Make a message that any organisation may send."""
    return Anchor(record=drafts.fresh_id(), commitment=drafts.fresh_salt())


class Sent(NamedTuple):
    """A transaction that a member acknowledged, and how long that took."""

    hash: str
    height: int
    seconds: float


def send(
    running: Running, sender: Member, order: Sequence[Member], expires_in: float = 120.0
) -> Sent:
    """Write once, and hand the same bytes to one member after another until one acknowledges."""
    signer = sender.signer()
    organisation = sender.seat.organisation
    body = drafts.draft(
        running.network.chain,
        organisation,
        organisation,
        [anchor()],
        [signer],
        expires_in=expires_in,
    )
    raw = drafts.sign(body, [signer])
    began = time.monotonic()
    at = 0
    while True:
        with Client(order[at % len(order)].url, patience=1.0) as client:
            try:
                outcome: Outcome = client.submit(raw)
            except _AWAY:
                assert time.monotonic() - began < expires_in, "a client's call failed"
                at += 1
                continue
        if outcome.status == "committed" and outcome.height is not None:
            assert outcome.code in (None, 0), outcome
            return Sent(outcome.hash, outcome.height, time.monotonic() - began)
        assert time.monotonic() - began < expires_in, "a transaction waited too long"
        at += 1


class Load:
    """Clients that write without a pause, each to any member, until told to stop."""

    def __init__(self, running: Running, clients: int = 3, seed: int = 1) -> None:
        self._running = running
        self._ends = threading.Event()
        self._lock = threading.Lock()
        self.sent: list[Sent] = []
        self.failed: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(seed * 100 + each),))
            for each in range(clients)
        ]

    def __enter__(self) -> Load:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for each in self._threads:
            each.join()

    def _run(self, draw: random.Random) -> None:
        members = list(self._running)
        while not self._ends.is_set():
            order = draw.sample(members, len(members))
            try:
                done = send(self._running, draw.choice(members), order)
            except BaseException as failed:
                self.failed.append(failed)
                return
            with self._lock:
                self.sent.append(done)

    def count(self) -> int:
        """Count what was acknowledged so far."""
        assert not self.failed, self.failed
        return len(self.sent)

    def wait_more(self, count: int, seconds: float = 30.0) -> None:
        """Wait until so many more were acknowledged."""
        before = self.count()
        wait_for(f"{count} more commits", seconds, lambda: self.count() >= before + count)


def require_all(running: Running, sent: Sequence[Sent]) -> None:
    """Check that every member has every acknowledged transaction, at the acknowledged height."""
    for each in running:
        with httpx.Client(base_url=each.url, timeout=10) as http:
            for one in sent:
                found = http.get(f"/v1/transactions/{one.hash}").raise_for_status().json()
                assert (found["status"], found["height"]) == ("committed", one.height), each.name
