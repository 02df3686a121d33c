"""`yilian network up`: run members on this machine until told to stop."""

from __future__ import annotations

import queue
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import click
import httpx

from yilian.bootstrap.network import Network, Seat
from yilian.bootstrap.overview import get
from yilian.cli.console import DONE, STOPPED, USAGE, Console
from yilian.cli.network import asking
from yilian.node.config import ConfigurationError, HostedOrganisation, NodeFolder
from yilian.node.fleet import Fleet, News

TURN = 0.2
SAID_EVERY = 5.0
_NOT_AS_TOLD = 2


def commands(console: Console) -> list[click.Command]:
    """Make the command."""

    def run(folder: Path, only: str | None) -> int:
        found = asking.network(console, folder)
        seats = _chosen(console, found, only)
        missing = asking.require_engine(console)
        if missing is not None:
            return missing
        return _Running(console, folder, found, seats).run()

    params = [
        asking.folder(console),
        asking.option(console, "--only", metavar="LABEL,LABEL,..."),
    ]
    return [asking.command(console, "up", run, params)]


def _chosen(console: Console, found: Network, only: str | None) -> list[Seat]:
    if only is None:
        return found.members
    wanted = asking.words(console, only)
    by_name = {each.name: each for each in found.members}
    if not wanted or set(wanted) - set(by_name):
        raise console.usage("choice", name="--only", choices=", ".join(by_name))
    return [by_name[each] for each in dict.fromkeys(wanted)]


class _Running:
    """One `network up`: what it started, what was told of it, and whether it is to end."""

    def __init__(self, console: Console, folder: Path, found: Network, seats: list[Seat]) -> None:
        self._console = console
        self._folder = folder
        self._network = found
        self._seats = {each.name: each for each in seats}
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._fleet = Fleet({each.name: folder / each.folder for each in seats}, self._news.put)
        self._serving: dict[str, News] = {}
        self._given_up: dict[str, News] = {}
        self._ready = self._stopping = False

    def run(self) -> int:
        """Run until told to stop; gives the exit code."""
        before = {each: signal.signal(each, self._stop) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._fleet.start()
            code = self._until_ready()
            while code is None and not self._stopping:
                code = self._heed()
            self._note("stopping")
            if not self._fleet.stop():
                self._note("killed")
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if code is None:
            self._note("stopped")
        return DONE if code is None else code

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _until_ready(self) -> int | None:
        settling = _Settling(self._folder, self._network, list(self._seats.values()))
        said_at, said = time.monotonic(), ""
        with httpx.Client(timeout=2.0) as http:
            while not self._stopping:
                code = self._heed()
                if code is not None:
                    return code
                rest = self._lacking(settling, http)
                if not rest:
                    self._show()
                    return None
                if rest != said or time.monotonic() - said_at > SAID_EVERY:
                    said_at, said = time.monotonic(), rest
                    self._console.note(rest)
        return None

    def _lacking(self, settling: _Settling, http: httpx.Client) -> str:
        """Say what is still to come; empty where nothing is."""
        away = [name for name in self._seats if name not in self._serving]
        if away:
            return self._of("starting", members=", ".join(away))
        if len(self._seats) < len(self._network.members):
            # Without the others there may be no block, and what is not there may never come.
            return ""
        waiting = settling.lacking(http)
        if not waiting:
            return ""
        parts = [
            f"{name}: {', '.join(self._of(f'lacks/{lack}') for lack in lacks)}"
            for name, lacks in waiting.items()
        ]
        return self._of("settling", members="; ".join(parts))

    def _show(self) -> None:
        self._ready = True
        of = self._of
        members: list[dict[str, Any]] = []
        for name, seat in self._seats.items():
            news = self._serving[name]
            members.append(
                {
                    "name": name,
                    "organisation": seat.organisation,
                    "address": news.address,
                    "pid": news.pid,
                }
            )
        lines = [of("ready", count=len(members), chain=self._network.chain)]
        lines += [of("address", **each) for each in members]
        lines.append(of("next_status", folder=str(self._folder)))
        self._console.show({"ok": True, "chain": self._network.chain, "members": members}, lines)
        sys.stdout.flush()

    def _heed(self) -> int | None:
        """Take what was told of the nodes; gives an exit code where there is nothing left to do."""
        try:
            news = self._news.get(timeout=TURN)
        except queue.Empty:
            return None
        if news.step == "serving":
            again = news.name in self._serving or self._ready
            self._serving[news.name] = news
            self._note("serves_again" if again else "serves", name=news.name, address=news.address)
            return None
        self._serving.pop(news.name, None)
        if news.step == "given_up":
            self._given_up[news.name] = news
            folder = str(self._folder / self._seats[news.name].folder)
            self._note("given_up", name=news.name, reason=news.reason, folder=folder)
            over = not self._ready or len(self._given_up) == len(self._seats)
            return self._fail(news) if over else None
        if news.code == _NOT_AS_TOLD and not self._ready:
            return self._fail(news, USAGE)
        self._note(
            "ended_why" if news.reason else "ended",
            name=news.name,
            code=news.code,
            reason=news.reason,
            pause=f"{news.pause:g}",
        )
        return None

    def _fail(self, news: News, code: int = STOPPED) -> int:
        reason = news.reason or str(news.code)
        return asking.failed(
            self._console,
            "member_down",
            code,
            name=news.name,
            reason=reason,
            folder=str(self._folder / self._seats[news.name].folder),
        )

    def _of(self, key: str, **parameters: Any) -> str:
        return self._console.of("network", key, **parameters)

    def _note(self, key: str, **parameters: Any) -> None:
        self._console.note(self._of(key, **parameters))


class _Settling:
    """What each member's organisation still has to put on the chain before it can work."""

    def __init__(self, folder: Path, found: Network, seats: list[Seat]) -> None:
        self._left: dict[str, tuple[str, HostedOrganisation]] = {}
        for each in seats:
            try:
                hosted = NodeFolder(folder / each.folder).configuration().organisations
            except ConfigurationError:
                continue
            if hosted:
                self._left[each.name] = (each.gateway, hosted[0])

    def lacking(self, http: httpx.Client) -> Mapping[str, list[str]]:
        """Name for each member what its own gateway does not show yet."""
        found: dict[str, list[str]] = {}
        for name, (gateway, hosted) in list(self._left.items()):
            wanted: dict[str, str] = {
                "agent": f"/v1/identity/subjects/{hosted.agent}",
                "keys": f"/v1/identity/key-services/{hosted.id}",
                "endpoint": f"/v1/identity/endpoints/{hosted.id}",
            }
            lacks = [key for key, path in wanted.items() if get(http, gateway, path) is None]
            if lacks:
                found[name] = lacks
            else:
                del self._left[name]
        return found
