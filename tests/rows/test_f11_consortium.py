"""F11 with four members: voted out -> its writes and reads fail from that block on, everywhere."""

from __future__ import annotations

import pytest

from tests.network.calls import yilian
from tests.network.members import Member, Running, anchor, send
from yilian.ledger.modules.governance.messages import Propose, RemoveMember, Vote
from yilian.sdk import drafts
from yilian.sdk.errors import RefusedError

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


def read(at: Member) -> object:
    """Make a private read at a member's own node."""
    with at.client() as client:
        return client.request("GET", f"/v1/organisations/{at.seat.organisation}/integrity")


def test_a_member_voted_out_can_neither_write_nor_read_anywhere(running: Running) -> None:
    victim = running["B"]
    for at in running:
        with victim.client(at) as client:
            assert client.send([anchor()]).height is not None
    read(victim)

    proposal = drafts.fresh_id()
    action = RemoveMember(organisation=victim.seat.organisation)
    with running["A"].client() as client:
        client.send([Propose(proposal=proposal, action=action)])
    height = 0
    for name in ("C", "D"):
        with running[name].client() as client:
            height = client.send([Vote(proposal=proposal, approve=True)]).height or 0
    running.agreed(height)

    for at in running:
        with victim.client(at) as client, pytest.raises(RefusedError) as refused:
            client.send([anchor()])
        assert refused.value.code == "sender_inactive", at.name
    with pytest.raises(RefusedError) as refused:
        read(victim)
    assert (refused.value.code, refused.value.status) == ("sender_inactive", 403)
    with victim.client(running["A"]) as client, pytest.raises(RefusedError) as refused:
        client.request("GET", f"/v1/organisations/{running['A'].seat.organisation}/integrity")
    assert refused.value.code == "sender_inactive"

    seen = running.overview()
    assert victim.seat.organisation not in {each.organisation for each in seen.voters}
    findings = {each["check"] for each in yilian("network", "doctor", victim.path)["findings"]}
    assert "not_a_member" in findings
    # The others go on: three of three.
    done = send(running, running["A"], [running["C"]])
    assert running.agreed(done.height).agree
