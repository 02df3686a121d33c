"""Carrying an action through the members' vote: each member's part, done as often as it is asked.

Whoever comes first proposes, the others approve that same proposal; nobody votes twice, and what
is carried already is left alone. So every member may run the same command at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import msgspec

from yilian.ledger.modules.governance.messages import (
    Action,
    AdmitMember,
    Propose,
    RemoveMember,
    SetValidator,
    Upgrade,
    Vote,
)
from yilian.sdk import drafts
from yilian.sdk.client import Client
from yilian.sdk.errors import RefusedError

_RACES = ("governance.already_voted", "governance.proposal_closed")

Did = Literal["proposed", "voted", "waiting"]


class Part(NamedTuple):
    """What a member did for an action, and who approved it so far."""

    did: Did
    proposal: str
    approved: tuple[str, ...]


def open_proposals(client: Client) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give all open proposals: id and record."""
    cursor = None
    while True:
        page = client.page("governance", "proposals", cursor=cursor, status="open")
        for each in page.items:
            found = client.get("governance", "proposals", str(each["id"])).value
            if found["status"] == "open":
                yield str(each["id"]), found
        cursor = page.next
        if cursor is None:
            return


def carry(client: Client, member: str, action: Action) -> Part:
    """Do a member's part for an action: approve its open proposal, or make one.

    Raises the refusal of the law where the action is not possible now.
    """
    wanted = msgspec.to_builtins(action)
    for name, found in open_proposals(client):
        if found["action"] != wanted:
            continue
        approved = tuple(found["approved"])
        if member in approved or member in found["opposed"]:
            return Part("waiting", name, approved)
        approve(client, name)
        return Part("voted", name, (*approved, member))
    name = drafts.fresh_id()
    client.send([Propose(proposal=name, action=_checked(action))])
    return Part("proposed", name, (member,))


def approve(client: Client, proposal: str, *, yes: bool = True) -> None:
    """Vote; a vote that came too late or was given before is no error."""
    try:
        client.send([Vote(proposal=proposal, approve=yes)])
    except RefusedError as refused:
        if refused.code not in _RACES:
            raise


def _checked(action: Action) -> AdmitMember | RemoveMember | SetValidator | Upgrade:
    assert isinstance(action, AdmitMember | RemoveMember | SetValidator | Upgrade)
    return action
