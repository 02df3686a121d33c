"""F11: vote a member in, vote it out -> its writes and reads fail from that block on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rows.served import Served
from yilian.bootstrap import Founder
from yilian.ledger.modules.governance.messages import AdmitMember, RemoveMember
from yilian.node.config import HostedOrganisation
from yilian.sdk import drafts
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer


def vote(served: Served, action: AdmitMember | RemoveMember, *yes: HostedOrganisation) -> int:
    """Propose by the first and approve by the others; gives the height of the last vote."""
    proposal = drafts.fresh_id()
    with served.client(yes[0]) as client:
        done = client.governance.propose(proposal=proposal, action=action)
    for each in yes[1:]:
        with served.client(each) as client:
            done = client.governance.vote(proposal=proposal, approve=True)
    assert done.height is not None
    return done.height


def test_an_organisation_is_voted_in_and_then_has_a_vote(served: Served) -> None:
    signer, name = Ed25519Signer.generate(), drafts.fresh_id()
    with served.client(served.a) as client:
        client.identity.enrol_organisation(
            organisation=name,
            kind="pharmacy",
            name="Yunxi Pharmacy",
            registration="P-0009",
            key=signer.key,
        )
    newcomer = Client(served.url, signer=signer, sender=name, payer=name)
    with pytest.raises(ProblemError) as refused:
        newcomer.governance.propose(
            proposal=drafts.fresh_id(), action=RemoveMember(organisation=served.a.id)
        )
    assert refused.value.code == "governance.not_a_member"
    vote(served, AdmitMember(organisation=name), served.a, served.b, served.authority)
    newcomer.governance.propose(
        proposal=drafts.fresh_id(), action=RemoveMember(organisation=served.a.id)
    )
    newcomer.close()


def test_a_member_voted_out_can_neither_write_nor_read(tmp_path: Path) -> None:
    four = (
        Founder("云溪市第一人民医院", "hospital", "H-A-0001"),
        Founder("Lakeside General Hospital", "hospital", "H-B-0002"),
        Founder("云溪市卫生健康委员会", "authority", "A-0003"),
        Founder("Eastgate Insurance", "insurer", "I-0004"),
    )
    with Served(tmp_path / "node", four) as served:
        person = served.load(served.a)["person"]
        doctor, signer, _ = served.doctor(served.b)
        grant = served.share(person, doctor, ["laboratory"])["grant"]
        session = served.prepare(doctor, signer, grant)
        with served.as_(doctor, signer, served.b) as client:
            client.consent.open_session(**session)
        assert served.read(doctor, signer, session["session"])["records"]

        vote(
            served,
            RemoveMember(organisation=served.b.id),
            served.a,
            served.authority,
            served.more[0],
        )

        with served.client(served.b) as client, pytest.raises(ProblemError) as refused:
            client.records.anchor(record=drafts.fresh_id(), commitment=drafts.fresh_salt())
        assert refused.value.code == "sender_inactive"
        with served.as_(doctor, signer, served.b) as client, pytest.raises(ProblemError) as refused:
            client.consent.close_session(session=session["session"])
        assert refused.value.code == "sender_inactive"
        with pytest.raises(ProblemError) as refused:
            served.read(doctor, signer, session["session"])
        assert refused.value.code == "sender_inactive"
        assert refused.value.status == 403


def test_no_member_removes_another_alone(served: Served) -> None:
    proposal = drafts.fresh_id()
    with served.client(served.a) as client:
        client.governance.propose(proposal=proposal, action=RemoveMember(organisation=served.b.id))
        assert client.get("governance", "proposals", proposal).value["status"] == "open"
    with served.client(served.b) as client:
        client.governance.vote(proposal=proposal, approve=False)
        client.records.anchor(record=drafts.fresh_id(), commitment=drafts.fresh_salt())
