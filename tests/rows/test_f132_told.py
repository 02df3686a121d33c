"""F132: a told person is provable. By inbox, webhook and mail, without health data; what was
delivered and read is recorded, and each step is held against a root on the chain.
"""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.rows.desk import at, employ, enrol, on_chain, refused, sending
from tests.rows.patience import until
from tests.rows.served import Served
from tests.unit.gateway.notices.servers import Post, Receiver, posting, receiving, say
from yilian.gateway.notices.webhook import genuine
from yilian.ledger import codec
from yilian.ledger.modules.consent.messages import NameCustodian
from yilian.node.config import ConfigurationError, MailRelay
from yilian.sdk import drafts
from yilian.sdk.signers import Ed25519Signer
from yilian.vault.notice_history import NoticeProof, check_line

NUMBER = "110101195802281234"
HEALTH = ["laborator", "化验", "诊断", "王秀英"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(say(200)) as running:
        yield running


@pytest.fixture
def post() -> Iterator[Post]:
    with posting() as running:
        yield running


@pytest.fixture
def told(tmp_path: Path, receiver: Receiver, post: Post) -> Iterator[Served]:
    with sending(tmp_path / "node", post.port) as node:
        yield node


def subscribe(
    served: Served, person: str, signer: Ed25519Signer, receiver: Receiver
) -> dict[str, Any]:
    """Have the person's notices posted and mailed, in English."""
    contacts = {"webhook": receiver.url(), "email": "wang@example.cn"}
    with served.as_(person, signer, served.a) as client:
        answer: dict[str, Any] = client.request(
            "PUT",
            at(served.a, f"persons/{person}/contacts"),
            {"contacts": contacts, "language": "en"},
        )
        return answer


def join(served: Served, person: str) -> str:
    """Join a provisional identity to the person, who is told; give the link."""
    doctor, _ = employ(served, served.a)
    with served.client(served.a) as client:
        unknown = client.request("POST", at(served.a, "persons/provisional"), {"label": "A1"})
        body = {"kept": person, "other": unknown["person"], "ground": "card", "witness": doctor}
        return str(client.request("POST", at(served.a, "links"), body)["link"])


def inbox(served: Served, person: str, signer: Ed25519Signer) -> list[dict[str, Any]]:
    with served.as_(person, signer, served.a) as client:
        found: list[dict[str, Any]] = client.request(
            "GET", at(served.a, f"persons/{person}/notices")
        )["notices"]
        return found


def test_a_notice_goes_out_by_all_channels_and_every_step_is_proved(
    told: Served, receiver: Receiver, post: Post
) -> None:
    person, signer = enrol(told, told.a, NUMBER)
    secret = codec.to_bytes(subscribe(told, person, signer, receiver)["webhook_secret"])
    link = join(told, person)

    def delivered() -> dict[str, Any] | None:
        (notice,) = inbox(told, person, signer)
        states = {each["channel"]: each["state"] for each in notice["deliveries"]}
        assert set(states) == {"inbox", "smtp", "webhook"}
        return notice if set(states.values()) == {"delivered"} else None

    notice = until(delivered)
    assert notice is not None
    assert (notice["kind"], notice["read"]) == ("link_made", None)
    assert notice["parameters"]["link"] == link
    assert notice["title"] == "Two of your registrations were joined"
    assert "云溪市第一人民医院" in notice["body"]

    (posted,) = receiver.posted
    stamp = float(posted.headers["webhook-timestamp"])
    assert genuine(secret, posted.headers, posted.body, stamp)
    assert posted.headers["idempotency-key"] == notice["notice"]
    assert json.loads(posted.body)["type"] == "link_made"
    (mailed,) = post.mails
    assert mailed.recipients == ["wang@example.cn"]
    mail = email.message_from_bytes(mailed.data, policy=email.policy.default)
    outside = posted.body.decode() + str(mail["subject"]) + mail.get_content()
    assert not any(word in outside for word in (*HEALTH, person, link))

    path = at(told.a, f"persons/{person}/notices/{notice['notice']}")
    with told.as_(person, signer, told.a) as client:
        first = client.request("POST", path + "/read")
        assert client.request("POST", path + "/read") == first
        assert inbox(told, person, signer)[0]["read"] == first["read"]
        told.node.organisations[told.a.id].anchor_all()
        proofs = client.request("GET", path + "/proofs")["proofs"]
        lines = [codec.decode(codec.encode(each), NoticeProof) for each in proofs]
        for proof in lines:
            batch = client.get("records", "batches", proof.batch).value
            assert check_line(proof, batch["root"])
            changed = msgspec.structs.replace(proof.line, time=proof.line.time + 1)
            assert not check_line(msgspec.structs.replace(proof, line=changed), batch["root"])
    steps = [(each.line.event, each.line.channel) for each in lines]
    assert steps[0] == ("queued", None)
    assert steps[-1] == ("read", "inbox")
    assert set(steps[1:-1]) == {("delivered", each) for each in ("inbox", "smtp", "webhook")}
    assert on_chain(told, ["wang@example.cn", person + "/notices", notice["notice"]]) == []


def test_a_receiver_that_is_down_is_tried_again_and_a_network_not_allowed_never(
    tmp_path: Path,
) -> None:
    with sending(tmp_path / "node") as served:
        person, signer = enrol(served, served.a, NUMBER)
        for url, states in (
            ("http://127.0.0.1:9/notices", {"waiting"}),
            ("http://10.0.0.1/notices", {"given_up"}),
        ):
            with served.as_(person, signer, served.a) as client:
                client.request(
                    "PUT",
                    at(served.a, f"persons/{person}/contacts"),
                    {"contacts": {"webhook": url}},
                )
            join(served, person)
            outbox = served.node.organisations[served.a.id].vault.outbox

            def failed(outbox: Any = outbox) -> dict[str, str]:
                notice = outbox.inbox(person)[0].notice
                lines = outbox.history.of(notice)
                if not any(each.event in ("failed", "given_up") for each in lines):
                    return {}
                return {each.channel: each.state for each in outbox.deliveries(notice)}

            assert {until(failed)["webhook"]} == states


def test_whose_notices_these_are_is_asked_at_every_door(told: Served, receiver: Receiver) -> None:
    person, signer = enrol(told, told.a, NUMBER)
    custodian, custodian_signer = enrol(told, told.a, "110101195802281235", "王建国")
    doctor, doctor_signer = employ(told, told.a)
    join(told, person)
    (notice,) = inbox(told, person, signer)
    read = ("POST", f"persons/{person}/notices/{notice['notice']}/read", None)
    listed = ("GET", f"persons/{person}/notices", None)
    proofs = ("GET", f"persons/{person}/notices/{notice['notice']}/proofs", None)
    contacts = ("PUT", f"persons/{person}/contacts", {"contacts": {"webhook": receiver.url()}})
    every = (read, listed, proofs, contacts)

    def codes(sender: str, key: Ed25519Signer, payer: Any, *asked: Any) -> set[str]:
        with told.as_(sender, key, payer) as client:
            return {refused(client, each[0], at(told.a, each[1]), each[2]) for each in asked}

    strangers = (
        (custodian, custodian_signer, told.a),
        (doctor, doctor_signer, told.a),
        (told.b.id, told.operator(told.b), told.b),
    )
    for who in strangers:
        assert codes(*who, *every) == {"forbidden"}
    for method, rest, _ in every:
        unsigned = httpx.request(method, told.url + at(told.a, rest)).json()
        assert unsigned["code"] == "unauthenticated"
    assert codes(told.a.id, told.operator(told.a), told.a, read) == {"forbidden"}
    other = drafts.fresh_id()
    somewhere = ("POST", f"persons/{custodian}/notices/{notice['notice']}/read", None)
    assert codes(custodian, custodian_signer, told.a, somewhere) == {"notice_unknown"}
    missing = ("GET", f"persons/{person}/notices/{other}/proofs", None)
    assert codes(person, signer, told.a, missing) == {"notice_unknown"}

    ends = told.node.engine.now() + 86_400_000
    with told.as_(person, signer, told.a) as client:
        client.send([NameCustodian(custodian=custodian, ends=ends, powers=["read"])])
    with told.as_(custodian, custodian_signer, told.a) as client:
        assert client.request("GET", at(told.a, listed[1]))["notices"]
        assert refused(client, contacts[0], at(told.a, contacts[1]), contacts[2]) == "forbidden"
    with told.as_(person, signer, told.a) as client:
        powers: Any = ["change"]
        client.send([NameCustodian(custodian=custodian, ends=ends, powers=powers)])
    with told.as_(custodian, custodian_signer, told.a) as client:
        kept = client.request("PUT", at(told.a, contacts[1]), contacts[2])
        assert kept["webhook_secret"] is None
        assert refused(client, "GET", at(told.a, listed[1])) == "forbidden"
    with told.as_(person, signer, told.a) as client:
        client.send([NameCustodian(custodian=custodian, ends=ends, powers=["read"])])
        client.consent.switch_custodian(custodian=custodian, on=False)
    assert codes(custodian, custodian_signer, told.a, *every) == {"forbidden"}
    with told.client(told.a) as client:
        assert client.request("GET", at(told.a, listed[1]))["notices"]
        assert client.request("PUT", at(told.a, contacts[1]), contacts[2]) == {
            "id": person,
            "webhook_secret": None,
        }


def test_contacts_that_are_none_are_refused(told: Served) -> None:
    person, signer = enrol(told, told.a, NUMBER)
    loose = told.load(told.b)["person"]
    path = at(told.a, f"persons/{person}/contacts")
    with told.as_(person, signer, told.a) as client:
        for contacts in (
            {"email": "王@example.cn"},
            {"email": "a@example.cn\r\nBcc: all@example.cn"},
            {"webhook": "ftp://example.cn"},
            {"phone": "13800138000"},
            {"fax": "1"},
        ):
            assert refused(client, "PUT", path, {"contacts": contacts}) == "malformed"
        assert refused(client, "PUT", path, {"contacts": {}, "language": "fr"}) == "malformed"
        assert refused(client, "PUT", at(told.b, f"persons/{loose}/contacts"), {}) == "forbidden"


def test_a_password_that_others_may_read_or_an_open_relay_stops_the_node(tmp_path: Path) -> None:
    with sending(tmp_path / "node") as served:
        folder = served.folder
    configuration = folder.configuration()
    (tmp_path / "node" / "mail.password").write_text("right")
    relay = MailRelay(
        host="mail.example.cn",
        port=587,
        sender="notices@yunxi.example",
        user="notices",
        password_file="mail.password",
    )
    for changed in (
        relay,
        msgspec.structs.replace(relay, password_file="missing"),
        msgspec.structs.replace(relay, security="none", user=None, password_file=None),
    ):
        notices = msgspec.structs.replace(configuration.notices, mail=changed)
        folder.write_configuration(msgspec.structs.replace(configuration, notices=notices))
        with pytest.raises(ConfigurationError) as refusal:
            Served(tmp_path / "node")
        assert "right" not in str(refusal.value)
    (tmp_path / "node" / "mail.password").chmod(0o600)
    notices = msgspec.structs.replace(configuration.notices, mail=relay)
    folder.write_configuration(msgspec.structs.replace(configuration, notices=notices))
    with Served(tmp_path / "node") as served:
        assert httpx.get(served.url + "/livez").status_code == 200
