"""`yilian network vote, leave, upgrade`: what members decide together about their network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from yilian.bootstrap import voting
from yilian.cli import values
from yilian.cli.console import DONE, REFUSED, STOPPED, Console
from yilian.cli.network import asking
from yilian.cli.shape import Command
from yilian.ledger.modules.governance.messages import RemoveMember, SetValidator, Upgrade
from yilian.ledger.modules.governance.state import LAWS_KNOWN
from yilian.sdk.client import Client
from yilian.sdk.errors import RefusedError

WAITS = 3_600.0
SOON = 1_000
_GONE = ("sender_inactive", "governance.not_a_member")


def commands(console: Console) -> list[click.Command]:
    """Make the commands."""
    return [_vote(console), _leave(console), _upgrade(console)]


def _vote(console: Console) -> Command:
    def run(folder: Path, proposal: str | None, oppose: bool, **given: Any) -> int:
        at = asking.own(console, folder)
        of = console.of
        with asking.speaking(console, at, given) as client:
            if proposal is None:
                found = list(voting.open_proposals(client))
                told = [{"proposal": name, **record} for name, record in found]
                console.show({"ok": True, "proposals": told}, _listed(console, folder, found))
                return DONE
            voting.approve(client, proposal, yes=not oppose)
            record = client.get("governance", "proposals", proposal).value
        key = "opposed" if oppose else "approved"
        lines = [of("network", key, proposal=proposal), _stands(console, record)]
        console.show({"ok": True, "proposal": proposal, "status": record["status"]}, lines)
        return DONE

    params: list[click.Parameter] = [
        *asking.to_member(console),
        click.Argument(
            ["proposal"], metavar="[PROPOSAL]", required=False, type=values.id_of(console)
        ),
        asking.option(console, "--oppose", is_flag=True),
    ]
    return asking.command(console, "vote", run, params)


def _listed(
    console: Console, folder: Path, found: list[tuple[str, dict[str, Any]]]
) -> Iterator[str]:
    of = console.of
    if not found:
        yield of("network", "no_proposals")
    for name, record in found:
        action = " ".join(f"{key}={value}" for key, value in record["action"].items())
        yield of(
            "network",
            "proposal_line",
            proposal=name,
            action=action,
            approved=len(record["approved"]),
            opposed=len(record["opposed"]),
        )
        yield of("network", "next_vote", folder=str(folder), proposal=name)


def _stands(console: Console, record: dict[str, Any]) -> str:
    return console.of(
        "network",
        f"outcome/{record['status']}",
        approved=len(record["approved"]),
        opposed=len(record["opposed"]),
    )


def _leave(console: Console) -> Command:
    def run(folder: Path, wait: bool, **given: Any) -> int:
        at = asking.own(console, folder)
        with asking.speaking(console, at, given) as client:
            leaving = _Leaving(console, client, at.organisation.id)
            done = leaving.step()
            if wait and not done:
                done = asking.again(WAITS, leaving.step)
        lines = [console.of("network", f"leaving/{leaving.at}", name=at.name, folder=str(folder))]
        told = {"ok": True, "step": leaving.at, "proposal": leaving.proposal, "done": done}
        console.show(told, lines)
        return DONE if done or not wait else STOPPED

    params = [*asking.to_member(console), asking.option(console, "--wait", is_flag=True)]
    return asking.command(console, "leave", run, params)


class _Leaving:
    """A member's own part in leaving: first its vote in consensus ends, then its membership."""

    def __init__(self, console: Console, client: Client, own: str) -> None:
        self._console = console
        self._client = client
        self._own = own
        self._said = ""
        self.at = "power"
        self.proposal = ""

    def step(self) -> bool:
        """Propose what comes next, or see that it is carried; gives whether it is out."""
        try:
            if not self._is_member():
                self.at = "out"
                return True
            listed = self._client.page("governance", "validators").items
            if any(each["organisation"] == self._own for each in listed):
                self.at = "power"
                self._carry(SetValidator(organisation=self._own, power=0))
            else:
                self.at = "member"
                self._carry(RemoveMember(organisation=self._own))
        except RefusedError as refused:
            if refused.code not in _GONE:
                raise
        return False

    def _carry(self, action: SetValidator | RemoveMember) -> None:
        part = voting.carry(self._client, self._own, action)
        self.proposal = part.proposal
        text = self._console.of(
            "network", "leaving/proposed", proposal=part.proposal, count=len(part.approved)
        )
        if text != self._said:
            self._said = text
            self._console.note(text)

    def _is_member(self) -> bool:
        try:
            self._client.get("governance", "members", self._own)
        except RefusedError as refused:
            if refused.status != 404:
                raise
            return False
        return True


def _upgrade(console: Console) -> Command:
    def run(
        folder: Path, version: int | None, height: int | None, within: int, **given: Any
    ) -> int:
        at = asking.own(console, folder)
        with asking.speaking(console, at, given) as client:
            law = client.get("governance", "law", "current").value
            wanted = law["version"] + 1 if version is None else version
            if wanted not in LAWS_KNOWN:
                return asking.failed(
                    console, "law_unknown", REFUSED, version=wanted, known=max(LAWS_KNOWN)
                )
            action = _known(client, wanted)
            if action is None or (height is not None and action.height != height):
                least = client.status().height + within
                action = Upgrade(version=wanted, height=least if height is None else height)
            part = voting.carry(client, at.organisation.id, action)
            record = client.get("governance", "proposals", part.proposal).value
        of = console.of
        lines = [
            of("network", "upgrade", version=action.version, height=action.height),
            _stands(console, record),
        ]
        if record["status"] == "open":
            lines.append(of("network", "next_upgrade", proposal=part.proposal))
        told = {"version": action.version, "height": action.height, "status": record["status"]}
        console.show({"ok": True, "proposal": part.proposal, **told}, lines)
        return DONE

    params = [
        *asking.to_member(console),
        asking.option(console, "--law", "version", type=click.IntRange(1), metavar="NUMBER"),
        asking.option(console, "--at", "height", type=click.IntRange(1), metavar="HEIGHT"),
        asking.option(console, "--within", type=click.IntRange(12), metavar="BLOCKS", default=SOON),
    ]
    return asking.command(console, "upgrade", run, params)


def _known(client: Client, version: int) -> Upgrade | None:
    """Find the height that an open proposal names, so that members approve one and the same."""
    for _, record in voting.open_proposals(client):
        action = record["action"]
        if action["do"] == "upgrade" and action["version"] == version:
            return Upgrade(version=version, height=action["height"])
    return None
