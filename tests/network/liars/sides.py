"""Four members on two sides of a line that can be cut: network namespaces, as root on Linux.

    root ── left (A, C) ── middle ── right (B, D) ── root

Each side is reached from here by a line of its own, so its gateways answer while the two sides do
not hear of each other. What is cut is lost in silence, as on a broken line: nobody is told.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.network.members import FOUNDERS, PACE, Member, Running, wait_for
from yilian.bootstrap import Network, Seat, make_network

PORT = 8420
RETRIES = 5
"""`net.ipv4.tcp_retries2`: how often a segment is sent again before a connection counts as dead.

Linux's 15 let a connection wait for as long as the line was cut after the line is back.
"""

_RUN = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the test is gone")
from yilian.cli import main
sys.exit(main(sys.argv[2:]))
"""


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Sides:
    """The namespaces and the lines between them."""

    def __init__(self) -> None:
        self._tag = f"yl{os.getpid() % 100_000}"
        # A /30 per side, for the test's own line to it.
        self._net = f"10.213.{os.getpid() % 250}"
        self.names = [f"{self._tag}{each}" for each in "lr"]
        self._middle = f"{self._tag}m"

    def gateway(self, side: int) -> str:
        """The address at which the test reaches a side."""
        return f"{self._net}.{side * 4 + 2}"

    def address(self, side: int) -> str:
        """The address at which the other side reaches a side."""
        return f"10.214.0.{side + 1}"

    def make(self) -> None:
        """Make all of it; raises OSError where this machine does not allow that."""
        _ip("netns", "add", self._middle)
        _ip("-n", self._middle, "link", "add", "br0", "type", "bridge")
        _ip("-n", self._middle, "link", "set", "br0", "up")
        for side, name in enumerate(self.names):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
            _ip(
                *("link", "add", "between", "netns", name, "type", "veth"),
                *("peer", "name", f"to{side}", "netns", self._middle),
            )
            _ip("-n", name, "addr", "add", f"{self.address(side)}/24", "dev", "between")
            _ip("-n", name, "link", "set", "between", "up")
            _ip("-n", self._middle, "link", "set", f"to{side}", "master", "br0", "up")
            _ip("link", "add", name, "type", "veth", "peer", "name", "here", "netns", name)
            _ip("addr", "add", f"{self._net}.{side * 4 + 1}/30", "dev", name)
            _ip("link", "set", name, "up")
            _ip("-n", name, "addr", "add", f"{self.gateway(side)}/30", "dev", "here")
            _ip("-n", name, "link", "set", "here", "up")
            patience = f"echo {RETRIES} > /proc/sys/net/ipv4/tcp_retries2"
            subprocess.run([*self.inside(side), "sh", "-c", patience], check=True)

    def inside(self, side: int) -> list[str]:
        """Words before a command that is to run on a side."""
        return ["nsenter", f"--net=/run/netns/{self.names[side]}"]

    def cut(self) -> None:
        """Cut the line between the sides."""
        _ip("-n", self._middle, "link", "set", "to1", "nomaster")

    def heal(self) -> None:
        """Join them again."""
        _ip("-n", self._middle, "link", "set", "to1", "master", "br0")

    def end(self) -> None:
        """Take all of it away, as far as it was made."""
        for each in (*self.names, self._middle):
            subprocess.run(["ip", "netns", "del", each], capture_output=True)


@contextmanager
def two_sides() -> Iterator[Sides]:
    """Make the two sides; skips the test where this machine does not allow that."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root: nobody can cut a line here")
    if shutil.which("ip") is None or shutil.which("nsenter") is None:
        pytest.skip("ip (iproute2) or nsenter (util-linux) is missing: nobody can cut a line here")
    sides = Sides()
    try:
        try:
            sides.make()
        except (OSError, subprocess.CalledProcessError) as problem:
            pytest.skip(f"network namespaces cannot be made here: {problem}")
        yield sides
    finally:
        sides.end()


class _Inside(Member):
    """A member whose node runs on one side."""

    def __init__(self, path: Path, seat: Seat, inside: list[str]) -> None:
        super().__init__(path, seat)
        self._inside = inside
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.path / "node.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *self._inside,
                    *(sys.executable, "-c", _RUN, str(os.getpid())),
                    *("up", str(self.path), "--json"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


class Divided(Running):
    """A and C on one side, B and D on the other: a hospital on each."""

    def __init__(self, path: Path, sides: Sides) -> None:
        self.path = path
        self.sides = sides
        self.network = make_network(path, "net", FOUNDERS, port=PORT, pace=PACE)
        seats = [
            msgspec.structs.replace(seat, gateway=self._gateway(index, seat))
            for index, seat in enumerate(self.network.members)
        ]
        self.network = Network(
            chain=self.network.chain, genesis=self.network.genesis, members=seats
        )
        self.members = {}
        for index, seat in enumerate(seats):
            member = _Inside(path, seat, sides.inside(_side(index)))
            self._place(member, index)
            self.members[seat.name] = member
        try:
            for each in self.members.values():
                each.start()
            for each in self.members.values():
                each.wait_serving()
            self.wait_settled()
        except BaseException:
            self.stop()
            raise

    def _gateway(self, index: int, seat: Seat) -> str:
        return f"http://{self.sides.gateway(_side(index))}:{httpx.URL(seat.gateway).port}"

    def _place(self, member: Member, index: int) -> None:
        """Tell a member's node where it and its peers stand."""
        was = member.folder.configuration()
        address = self.sides.address(_side(index))
        assert was.consensus is not None
        assert was.members is not None
        names = [each.name for each in self.network.members]
        peers = [
            msgspec.structs.replace(
                each, host=self.sides.address(_side(names.index(each.name))), gateway=None
            )
            for each in was.consensus.peers
        ]
        door: dict[str, Any] = {"host": address, "url": f"https://{address}:{was.members.port}"}
        member.folder.write_configuration(
            msgspec.structs.replace(
                was,
                host=self.sides.gateway(_side(index)),
                consensus=msgspec.structs.replace(was.consensus, host=address, peers=peers),
                members=msgspec.structs.replace(was.members, **door),
            )
        )

    def heights(self) -> dict[str, int]:
        """How far each member is."""
        with httpx.Client(timeout=5) as http:
            found = {
                each.name: wait_for("an answer", 20, lambda: each.status(http))  # noqa: B023
                for each in self
            }
        return {name: int(status["height"]) for name, status in found.items()}


def _side(index: int) -> int:
    return index % 2
