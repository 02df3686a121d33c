"""A member that is down, and one that is voted out (F11): the last of the story, C stays out."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.network.members import Member
from tests.network.story.cast import Actor, Town, finding, until
from yilian.gateway.members.certificates import KEY_NAME, context, read_credentials
from yilian.gateway.members.formats import StaffNamed
from yilian.gateway.members.peers import (
    CHAIN_HEADER,
    HEIGHT_HEADER,
    MEDIA_TYPE,
    MEMBER_HEADER,
    REQUEST_HEADER,
    server_name,
)
from yilian.gateway.members.there import STAFF, encode
from yilian.ledger import codec
from yilian.ledger.modules.governance.messages import Propose, RemoveMember, Vote
from yilian.sdk import drafts
from yilian.sdk.errors import ProblemError

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


def test_a_holder_that_is_down_is_named_and_answers_once_it_is_back(
    town: Town, doctor: Actor
) -> None:
    patient = town.patient()
    town.write(patient, finding("5.5 mmol/L"))
    session = town.session(doctor, town.grant(patient, categories=["laboratory"]))
    town.a.stop()
    try:
        refused = doctor.refused("POST", f"sessions/{session}/read")
        assert (refused.status, refused.code) == (503, "members.unreachable")
        assert refused.parameters == {"id": town.a.seat.organisation}
        # The three others go on meanwhile.
        town.patient(at=town.b)
    finally:
        town.a.start()
        town.a.wait_serving()

    def again() -> list[object] | None:
        try:
            return town.read(doctor, session)
        except ProblemError:
            return None

    assert until("A answers again", again) == [finding("5.5 mmol/L")]


def test_a_member_voted_out_reads_nothing_from_that_block_on(
    town: Town, doctor: Actor, stranger: Actor
) -> None:
    patient = town.patient()
    town.write(patient, finding("5.6 mmol/L"))
    terms: dict[str, Any] = {"categories": ["laboratory"]}
    session = town.session(stranger, town.grant(patient, to=town.c, **terms))
    mine = town.session(doctor, town.grant(patient, **terms))
    assert town.read(stranger, session) == [finding("5.6 mmol/L")]

    assert _knocks(town.c, town.a)
    assert _knocks(town.b, town.a)

    height = _vote_out(town, town.c, town.a, town.b, town.d)
    town.reach(height)
    # A does not rely on C's own node to refuse: whoever has C's key is a stranger at A's door.
    assert not _knocks(town.c, town.a)
    assert _knocks(town.b, town.a)
    gone = stranger.refused("POST", f"sessions/{session}/read")
    assert (gone.status, gone.code) == (403, "sender_inactive")
    for late in (stranger, town.operator(town.c)):
        with late.client() as client, pytest.raises(ProblemError) as caught:
            client.records.anchor(record=drafts.fresh_id(), commitment=drafts.fresh_salt())
        assert caught.value.code == "sender_inactive"
    seen = patient.ask("GET", f"persons/{patient.id}/disclosures")["disclosures"]
    theirs = [each for each in seen if each["session"] == session]
    assert [each["outcome"] for each in theirs if each["outcome"] == "permit"] == ["permit"]
    assert town.read(doctor, mine) == [finding("5.6 mmol/L")]


def _vote_out(town: Town, member: Member, *yes: Member) -> int:
    """Propose by the first and approve by the others; gives the height that has the last vote."""
    proposal, action = drafts.fresh_id(), RemoveMember(organisation=member.seat.organisation)
    first, *others = (town.operator(each) for each in yes)
    height = first.send(Propose(proposal=proposal, action=action))
    for each in others:
        town.reach(height)
        height = each.send(Vote(proposal=proposal, approve=True))
    return height


def _knocks(caller: Member, called: Member) -> bool:
    """Ask at a member's own door with another member's key, as its node would; tells if it answers.

    Without the caller's node, which may be honest and refuse by itself.
    """
    asked, own = called.seat.organisation, read_credentials(caller.path / KEY_NAME)
    with called.client() as client:
        endpoint = client.get("identity", "endpoints", asked).value
    trusted = context(False, own, [codec.to_bytes(endpoint["certificate"])])
    headers = {
        "Content-Type": MEDIA_TYPE,
        CHAIN_HEADER: called.folder.configuration().chain,
        MEMBER_HEADER: caller.seat.organisation,
        HEIGHT_HEADER: "1",
        REQUEST_HEADER: drafts.fresh_id(),
    }
    with httpx.Client(verify=trusted, trust_env=False, timeout=10) as http:
        try:
            answer = http.post(
                f"{endpoint['url']}/members/v1/{asked}/{STAFF.name}",
                content=encode(StaffNamed(practitioners=(drafts.fresh_id(),))),
                headers=headers,
                extensions={"sni_hostname": server_name(own.certificate)},
            )
        except httpx.TransportError:
            # In TLS 1.3 a client learns after its handshake that it is not let in.
            return False
    assert answer.status_code in (200, 403), answer.text
    return answer.status_code == 200
