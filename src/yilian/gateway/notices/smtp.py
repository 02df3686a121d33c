"""Notices by mail: SMTP submission (RFC 6409) over TLS, plain text in UTF-8."""

from __future__ import annotations

import contextlib
import hashlib
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Literal

from yilian.gateway.notices.senders import NotSent, Outgoing
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault.desk_formats import Email, written

TIMEOUT = 15.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_addresses = codec.decoder(Email)


@dataclass(frozen=True, slots=True)
class Relay:
    """The mail server that takes our notices. `sender` is the address they come from.

    `security`: `starttls` (port 587), `tls` (port 465), or `none` for a server on this machine.
    """

    host: str
    port: int
    sender: str
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout: float = TIMEOUT

    def __post_init__(self) -> None:
        """Raise ValueError for a sender that is no address, and for plain text over a network."""
        if not _is_address(self.sender):
            raise ValueError("the sender of notices is no mail address")
        if self.security == "none" and (self.host not in _LOOPBACK or self.user is not None):
            raise ValueError(
                "a mail server that is not on this machine needs TLS, and so does login"
            )


class Mail:
    """Sends notices by mail."""

    channel = "smtp"

    def __init__(self, relay: Relay, context: ssl.SSLContext | None = None) -> None:
        """`context` decides which certificates are believed; by default the system's."""
        self._relay = relay
        self._context = context or ssl.create_default_context()

    def send(self, outgoing: Outgoing) -> str | None:
        """Hand a notice to the mail server; the proof is the digest of its answer.

        That the server took it is all that mail can show; that it was read is shown by the inbox.
        Raises `NotSent`: final where the server refuses the address for good (5xx).
        """
        mail = message(outgoing, self._relay.sender)
        try:
            with contextlib.closing(self._connect()) as server:
                code, answer = _hand_over(server, self._relay.sender, outgoing.address, mail)
                # Taken is taken, whatever the server says to the goodbye.
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    server.quit()
        except smtplib.SMTPNotSupportedError:
            raise NotSent("tls-missing") from None
        except smtplib.SMTPAuthenticationError:
            raise NotSent("login-refused") from None
        except smtplib.SMTPResponseException as error:
            raise NotSent(f"status-{error.smtp_code}") from None
        except ssl.SSLError:
            raise NotSent("tls-failed") from None
        except (smtplib.SMTPException, OSError):
            raise NotSent("unreachable") from None
        return codec.to_text(hashlib.sha256(str(code).encode() + b"\0" + answer).digest())

    def _connect(self) -> smtplib.SMTP:
        relay = self._relay
        if relay.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                relay.host, relay.port, timeout=relay.timeout, context=self._context
            )
        else:
            server = smtplib.SMTP(relay.host, relay.port, timeout=relay.timeout)
        try:
            if relay.security == "starttls":
                server.starttls(context=self._context)
            if relay.user is not None:
                server.login(relay.user, relay.password or "")
        except BaseException:
            server.close()
            raise
        return server


def _hand_over(
    server: smtplib.SMTP, sender: str, address: str, mail: EmailMessage
) -> tuple[int, bytes]:
    """Run one mail transaction (RFC 5321, section 3.3) and give the answer to its data."""
    server.ehlo_or_helo_if_needed()
    for code, _ in (server.mail(sender), server.rcpt(address)):
        if not 200 <= code < 300:
            raise NotSent(f"status-{code}", final=500 <= code < 600)
    code, answer = server.data(mail.as_bytes())
    if code != 250:
        raise NotSent(f"status-{code}", final=500 <= code < 600)
    return code, answer


def message(outgoing: Outgoing, sender: str) -> EmailMessage:
    """Write the mail. Its Message-ID is the notice's, so that a second copy is known for one.

    Raises `NotSent` (final) for an address that is none, or a title that would add a header.
    """
    if not _is_address(outgoing.address):
        raise NotSent("address-refused", final=True)
    if not outgoing.title.isprintable():
        raise NotSent("title-refused", final=True)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = outgoing.address
    mail["Subject"] = outgoing.title
    mail["Date"] = formatdate(outgoing.at / 1000)
    mail["Message-ID"] = f"<{outgoing.notice}@{sender.partition('@')[2]}>"
    # RFC 3834: no holiday answers to a machine.
    mail["Auto-Submitted"] = "auto-generated"
    mail["Content-Language"] = outgoing.language
    mail.set_content(outgoing.text, charset="utf-8", cte="base64")
    return mail


def _is_address(text: str) -> bool:
    """No quoting, comments or letters beyond ASCII: nothing that two programs read two ways."""
    try:
        written(_addresses, text)
    except Refusal:
        return False
    return True
