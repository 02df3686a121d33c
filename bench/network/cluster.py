"""A cluster on this machine: every member's application and engine are processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench.network.doors import Door, Watch
from bench.network.load import Ground
from yilian.node.binary import find_engine
from yilian.node.home import EngineHome, Pace, Peer
from yilian.node.link import EngineAway
from yilian.node.pair import Pair
from yilian.node.rpc import Rpc, RpcError

OURS, KVSTORE = "ours", "kvstore"
BASELINE, BASELINE_BLOCK = "baseline", "baseline, one sync a block"
START_SECONDS = 120.0
ROOT = Path(__file__).resolve().parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")


class Member:
    """One member: its engine, its application unless the engine has it inside, and the doors."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.chain = folder / "chain"
        self.home = EngineHome(folder / "engine")
        self.rpc = Rpc(self.home.rpc)
        self._application: subprocess.Popen[str] | None = None
        self._pair: Pair | None = None
        self._ends = contextlib.ExitStack()
        self._ends.callback(self.rpc.close)

    def serve(self, command: list[str]) -> None:
        """Start the application; it says `ready`, or its socket stands, before the engine comes."""
        self._application = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        self._ends.callback(self._end_application, self._application)
        _wait(self.home.abci.exists)

    def start(self, engine: Path) -> None:
        """Start the engine."""
        self._pair = Pair(engine, self.home, lambda words: None)
        self._ends.callback(self._pair.close)

    def ready(self, peers: int) -> bool:
        """Tell whether the engine has its first block and all its peers."""
        try:
            height = int(self.rpc.status()["sync_info"]["latest_block_height"])
            return height > 0 and int(self.rpc.call("net_info")["n_peers"]) == peers
        except (EngineAway, RpcError):
            return False

    def open_doors(self) -> None:
        """Connect the loader."""
        self.door, self.watch = Door(self.home.rpc), Watch(self.home.rpc)
        self._ends.callback(self.door.close)
        self._ends.callback(self.watch.close)

    def where(self) -> dict[str, float]:
        """Ask our application where its time went."""
        running = self._application
        assert running is not None
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write("\n")
        running.stdin.flush()
        found: dict[str, float] = json.loads(running.stdout.readline())
        return found

    def seconds(self) -> tuple[float, float]:
        """Give the CPU seconds of the application and of the engine, children included."""
        own = 0.0 if self._application is None else _seconds(self._application.pid)
        pid = None if self._pair is None else self._pair.pid
        if pid is None or self._pair is None or self._pair.starts != 1:
            raise RuntimeError(f"the engine of {self.name} ended; see {self.home.path}/engine.log")
        return own, _seconds(pid)

    def disk(self) -> tuple[int, int]:
        """Give the bytes that application and engine have on the disk."""
        return _size(self.chain), _size(self.home.path / "data")

    def close(self) -> None:
        """End the processes: the engine first."""
        self._ends.close()

    @staticmethod
    def _end_application(running: subprocess.Popen[str]) -> None:
        # Ours ends with its input, the baseline when it is asked to.
        asks: tuple[Callable[[], object], ...] = (running.poll, running.terminate, running.kill)
        for ask in asks:
            ask()
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.communicate(timeout=5)
                return


@contextlib.contextmanager
def cluster(
    folder: Path, kind: str, ground: Ground, baseline: Path, *, where: bool = False
) -> Iterator[list[Member]]:
    """Run a cluster that has all its peers and its first block; its folder goes with it.

    `kind` is the application, `baseline` the baseline's program. With `where` our application
    counts where its time goes.
    """
    engine = find_engine()
    members = [Member(folder / f"m{at}", f"m{at}") for at in range(len(ground.seeds))]
    try:
        _furnish(members, kind, ground)
        for each in members:
            if kind != KVSTORE:
                each.serve(_command(each, kind, baseline, where))
        for each in members:
            each.start(engine)
        for each in members:
            _wait(partial(each.ready, len(members) - 1))
        for each in members:
            each.open_doors()
        yield members
    finally:
        for each in members:
            each.close()
        shutil.rmtree(folder, ignore_errors=True)


def _command(member: Member, kind: str, baseline: Path, where: bool) -> list[str]:
    if kind == OURS:
        command = [sys.executable, "-m", "bench.network.member"]
        return [*command, str(member.chain), str(member.home.path), *["--where"] * where]
    sync = "block" if kind == BASELINE_BLOCK else "each"
    socket_and_folder = ["-socket", str(member.home.abci), "-folder", str(member.chain)]
    return [str(baseline), "serve", *socket_and_folder, "-sync", sync]


def _furnish(members: list[Member], kind: str, ground: Ground) -> None:
    """Write all engines' folders: the same configuration, but for where the application is."""
    ports = _free_ports(len(members))
    peers = []
    for each, seed, port in zip(members, ground.seeds, ports, strict=True):
        if kind == OURS:
            shutil.copytree(ground.folder, each.chain)
        else:
            each.chain.mkdir(parents=True)
        peers.append(Peer(each.home.make(ground.genesis, seed), "127.0.0.1", port))
    for each, own in zip(members, peers, strict=True):
        others = [peer for peer in peers if peer is not own]
        each.home.configure(each.name, (own.host, own.port), others, Pace())
        if kind == KVSTORE:
            path = each.home.path / "config" / "config.toml"
            text = path.read_text().replace('"unix://abci.sock"', '"kvstore"')
            path.write_text(text)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        taken = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in taken:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in taken]


def _wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the cluster did not start")
        time.sleep(0.05)


def _seconds(pid: int) -> float:
    """Add up the CPU seconds of a process and of its children."""
    try:
        spent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = [
            int(each)
            for path in Path(f"/proc/{pid}/task").glob("*/children")
            for each in path.read_text().split()
        ]
    except OSError:
        return 0.0
    # utime and stime are fields 14 and 15 of proc(5), the name is the second.
    return (int(spent[11]) + int(spent[12])) / _TICKS + sum(map(_seconds, children))


def _size(folder: Path) -> int:
    found = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            found += path.stat().st_size if path.is_file() else 0
    return found
