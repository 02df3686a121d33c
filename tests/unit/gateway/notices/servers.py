"""Real servers on loopback for the senders: HTTP and SMTP, plain and under a certificate."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.unit.vault.builders import NOW, identifier
from yilian.gateway.notices.senders import Outgoing

LOOPBACK = ("127.0.0.0/8", "::1/128")
SECRET = bytes(range(32))


def outgoing(address: str, **changes: Any) -> Outgoing:
    """A notice on its way."""
    fields: dict[str, Any] = {
        "notice": identifier("notice"),
        "kind": "grant_given",
        "at": NOW,
        "language": "zh-CN",
        "title": "一项访问授权已生效",
        "text": "仁爱医院有一条发给您的消息。\n.\n请登录查看。",
        "address": address,
        "secret": SECRET,
    }
    return Outgoing(**(fields | changes))


class Certificate(NamedTuple):
    """A server's context, and that of a client that believes it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def certificate(folder: Path) -> Certificate:
    """A self-signed certificate for localhost and 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, SHA256())
    )
    both = folder / "server.pem"
    both.write_bytes(
        made.public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(both)
    return Certificate(server, ssl.create_default_context(cafile=str(both)))


class Posted(NamedTuple):
    """What an HTTP server was sent."""

    path: str
    headers: httpx.Headers
    body: bytes


Answering = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Receiver:
    """A running HTTP server."""

    port: int
    posted: list[Posted] = field(default_factory=list)

    def url(self, path: str = "/notices", scheme: str = "http", host: str = "127.0.0.1") -> str:
        """Its address."""
        return f"{scheme}://{host}:{self.port}{path}"


def say(status: int, body: bytes = b"", **headers: str) -> Answering:
    """Answer with a status, a body and headers."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@contextmanager
def receiving(answer: Answering, context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run an HTTP server that keeps what it is sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = httpx.Headers(list(self.headers.items()))
            receiver.posted.append(Posted(self.path, headers, body))
            answer(self)

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Mailed(NamedTuple):
    """A mail as the server took it."""

    sender: str
    recipients: list[str]
    data: bytes
    secure: bool
    user: str | None


@dataclass
class Post:
    """A running mail server; `rcpt` and `data` are its answers, None for yes."""

    port: int = 0
    mails: list[Mailed] = field(default_factory=list)
    rcpt: str | None = None
    data: str | None = None

    async def handle_RCPT(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Take a recipient."""
        if self.rcpt is None:
            envelope.rcpt_tos.append(address)
        return self.rcpt or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a mail."""
        if self.data is None:
            content = envelope.original_content or b""
            user = session.auth_data.login.decode() if session.auth_data else None
            sender = envelope.mail_from or ""
            secure = session.ssl is not None
            self.mails.append(Mailed(sender, list(envelope.rcpt_tos), content, secure, user))
        return self.data or "250 Taken"


class _Controller(Controller):
    def _trigger_server(self) -> None:
        """It asks itself for a greeting; which port it was given is known only now."""
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


def _login(server: SMTP, session: Session, envelope: Envelope, way: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and data.password == b"right"
    return AuthResult(success=good, handled=False, auth_data=data)


@contextmanager
def posting(context: ssl.SSLContext | None = None, **options: Any) -> Iterator[Post]:
    """Run a mail server; with a context it offers STARTTLS."""
    post = Post()
    if context is not None:
        options |= {"tls_context": context, "require_starttls": True}
    controller = _Controller(
        post, hostname="127.0.0.1", port=0, authenticator=_login, auth_required=False, **options
    )
    controller.start()
    post.port = controller.port
    try:
        yield post
    finally:
        controller.stop()
