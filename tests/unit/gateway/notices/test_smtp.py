"""Mail against a real server: TLS, a Chinese subject, no header that is not ours."""

from __future__ import annotations

import email
import email.policy
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gateway.notices.servers import certificate, outgoing, posting
from tests.unit.vault.builders import identifier
from yilian.gateway.notices.senders import NotSent
from yilian.gateway.notices.smtp import Mail, Relay

SENDER = "notices@renai.example.cn"
WANG = "wang@example.cn"


def relay(port: int, **changes: Any) -> Relay:
    fields: dict[str, Any] = {"host": "127.0.0.1", "port": port, "sender": SENDER}
    return Relay(**(fields | changes))


def not_sent(mail: Mail, address: str = WANG, **changes: object) -> tuple[str, bool]:
    with pytest.raises(NotSent) as caught:
        mail.send(outgoing(address, **changes))
    return caught.value.reason, caught.value.final


def test_a_notice_is_mailed_under_tls(tmp_path: Path) -> None:
    certified = certificate(tmp_path)
    with posting(certified.server) as post:
        login = relay(post.port, user="renai", password="right")
        proof = Mail(login, certified.client).send(outgoing(WANG))
    assert proof is not None
    (taken,) = post.mails
    assert (taken.sender, taken.recipients) == (SENDER, [WANG])
    assert (taken.secure, taken.user) == (True, "renai")
    read = email.message_from_bytes(taken.data, policy=email.policy.default)
    assert read["subject"] == outgoing(WANG).title
    assert read["message-id"] == f"<{identifier('notice')}@renai.example.cn>"
    assert (read["from"], read["to"]) == (SENDER, WANG)
    assert read["auto-submitted"] == "auto-generated"
    assert read.get_content().split() == outgoing(WANG).text.split()
    assert taken.data.isascii()


def test_a_certificate_that_is_not_believed_gets_nothing(tmp_path: Path) -> None:
    with posting(certificate(tmp_path).server) as post:
        assert not_sent(Mail(relay(post.port))) == ("tls-failed", False)
    assert post.mails == []


def test_a_server_without_tls_gets_nothing() -> None:
    """Whoever strips STARTTLS from the server's greeting must not read the mail."""
    with posting() as post:
        assert not_sent(Mail(relay(post.port))) == ("tls-missing", False)
    assert post.mails == []


def test_a_wrong_password(tmp_path: Path) -> None:
    certified = certificate(tmp_path)
    with posting(certified.server) as post:
        login = relay(post.port, user="renai", password="wrong")
        assert not_sent(Mail(login, certified.client)) == ("login-refused", False)
    assert post.mails == []
    assert "wrong" not in repr(login)


@pytest.mark.parametrize(
    ("answers", "reason", "final"),
    [
        ({"rcpt": "550 No such person"}, "status-550", True),
        ({"rcpt": "450 Come back later"}, "status-450", False),
        ({"data": "554 Not this"}, "status-554", True),
        ({"data": "451 Not now"}, "status-451", False),
    ],
)
def test_what_the_server_refuses(answers: dict[str, str], reason: str, final: bool) -> None:
    with posting() as post:
        for name, answer in answers.items():
            setattr(post, name, answer)
        assert not_sent(Mail(relay(post.port, security="none"))) == (reason, final)
    assert post.mails == []


@pytest.mark.parametrize(
    ("address", "title", "reason"),
    [
        (WANG + "\r\nBcc: all@example.cn", "A title", "address-refused"),
        (WANG + ", all@example.cn", "A title", "address-refused"),
        ("<" + WANG + ">", "A title", "address-refused"),
        ("wang", "A title", "address-refused"),
        ("王@例子.cn", "A title", "address-refused"),
        ("a@" + "b" * 260 + ".cn", "A title", "address-refused"),
        (WANG, "A title\r\nBcc: all@example.cn", "title-refused"),
        (WANG, "A title\nX: y", "title-refused"),
        (WANG, "A title\u2028X: y", "title-refused"),
    ],
)
def test_no_header_gets_in_from_outside(address: str, title: str, reason: str) -> None:
    with posting() as post:
        mail = Mail(relay(post.port, security="none"))
        assert not_sent(mail, address, title=title) == (reason, True)
    assert post.mails == []


def test_a_text_cannot_end_the_mail_and_begin_another() -> None:
    text = "one\r\n.\r\nMAIL FROM:<x@example.cn>\r\nRCPT TO:<all@example.cn>\r\n"
    with posting() as post:
        Mail(relay(post.port, security="none")).send(outgoing(WANG, text=text))
    (taken,) = post.mails
    assert taken.recipients == [WANG]


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        mail = Mail(relay(taken.getsockname()[1]))
        assert not_sent(mail) == ("unreachable", False)


def test_a_server_that_says_nothing() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        mail = Mail(relay(silent.getsockname()[1], timeout=0.2))
        assert not_sent(mail) == ("unreachable", False)


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "mail.example.cn", "security": "none"},
        {"security": "none", "user": "renai", "password": "right"},
        {"sender": "notices@renai.example.cn\r\nBcc: all@example.cn"},
    ],
)
def test_a_relay_that_would_leak_is_not_accepted(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="mail"):
        relay(25, **changes)
