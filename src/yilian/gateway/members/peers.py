"""The way to other members' nodes: HTTPS with TLS 1.3, both sides known by the chain.

A connection to a member trusts one certificate alone, the one that the chain holds for them now, so
nothing is sent to anybody else. When the chain's certificate or address changes, the connections to
the old one are left. Answers are read up to a size and a time; what is no answer is refused.
"""

from __future__ import annotations

import hmac
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import httpx

from yilian.gateway.members import certificates
from yilian.gateway.members.certificates import Credentials
from yilian.gateway.members.endpoints import Endpoint, endpoint_of, endpoints
from yilian.gateway.members.errors import (
    ANSWER_REFUSED,
    NO_ENDPOINT,
    NOT_RECOGNISED,
    NOT_THE_MEMBER,
    UNKNOWN,
    UNREACHABLE,
)
from yilian.gateway.members.formats import Known
from yilian.gateway.members.problem import refusal_of
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.identity.state import standing
from yilian.node.engine import Engine
from yilian.vault.envelope import new_id

MEDIA_TYPE = "application/msgpack"
CHAIN_HEADER = "Yilian-Chain"
MEMBER_HEADER = "Yilian-Member"
HEIGHT_HEADER = "Yilian-Height"
REQUEST_HEADER = "Request-Id"

CONNECT_SECONDS = 2.0
SILENT_SECONDS = 8.0
"""How long a member may say nothing at all."""
KEEP_SECONDS = 10.0
"""Below what the other side keeps an idle connection open (`gateway/server.py`)."""
PAUSE_SECONDS = 1.0
"""How long a member that could not be reached is not tried again by whoever waits for an answer."""
LEFT_SECONDS = 120.0
CATCH_UP_SECONDS = 2.0
"""How long a node waits for a block that another one has already."""
FAR_AHEAD = 100
"""Blocks; a height further ahead than this is not waited for."""
MAX_PROBLEM = 65_536


class _Way(NamedTuple):
    endpoint: Endpoint
    own: bytes
    client: httpx.Client


class Peers:
    """All other members, as a node reaches them. Safe for threads."""

    def __init__(self, engine: Engine, certificate: bytes, key: bytes) -> None:
        """`certificate` in DER, `key` in PEM (`certificates.Credentials`)."""
        self.engine = engine
        self._own: tuple[Credentials, ...] = (Credentials(certificate, key),)
        self._ways: dict[tuple[str, str], _Way] = {}
        self._down: dict[str, float] = {}
        self._left: list[tuple[float, httpx.Client]] = []
        self._lock = threading.Lock()
        self._anchors: dict[str, bytes] = {}
        self._contexts: dict[tuple[str, bytes], ssl.SSLContext] = {}
        self._seen = -1

    def __repr__(self) -> str:
        return "<Peers>"

    def rotate(self, certificate: bytes, key: bytes) -> None:
        """Add the credentials that take the place of the present ones.

        The certificate is to be published then: until the chain has it, the present ones are used.
        """
        with self._lock:
            self._own = (*self._own[-1:], Credentials(certificate, key))

    def credentials(self, organisation: str | None = None) -> Credentials:
        """Give the credentials that the chain holds for an organisation; else the newest."""
        state = self.engine.state()
        if organisation is not None:
            found = endpoint_of(state, organisation)
            for each in self._own:
                if found is not None and each.certificate == found.certificate:
                    return each
        return self._own[-1]

    # -- the way in ----------------------------------------------------------------------------

    def server_context(self, organisation: str, name: str | None) -> ssl.SSLContext:
        """Give the context for a connection whose client says by `name` (SNI) who it is.

        It trusts the one certificate that is named, if the chain holds it, and else none: anchors
        side by side could stand in each other's way, for a verifier finds them by their subjects.
        """
        own = self.credentials(organisation)
        with self._lock:
            self._look()
            anchor = self._anchors.get(name or "")
            at = ("" if anchor is None else str(name), own.certificate)
            found = self._contexts.get(at)
            if found is None:
                anchors = [] if anchor is None else [anchor]
                found = self._contexts[at] = certificates.context(True, own, anchors)
            return found

    def _look(self) -> None:
        """Read the certificates that the chain holds, once for each height."""
        height = self.engine.height
        if height == self._seen:
            return
        found = endpoints(self.engine.state()).values()
        anchors = {server_name(each.certificate): each.certificate for each in found}
        if anchors != self._anchors:
            self._anchors, self._contexts = anchors, {}
        self._seen = height

    # -- the way there -------------------------------------------------------------------------

    def require(self, organisation: str) -> Endpoint:
        """Find where a member is; refuses `members.unknown` and `members.no_endpoint`."""
        state = self.engine.state()
        found = endpoint_of(state, organisation)
        if found is not None:
            return found
        subject = standing(state, organisation)
        if subject is None or subject.kind != "organisation":
            raise UNKNOWN(id=organisation)
        raise NO_ENDPOINT(id=organisation)

    def call(
        self,
        caller: str,
        organisation: str,
        operation: str,
        body: bytes,
        bounds: Known,
        *,
        patient: bool = False,
    ) -> bytes:
        """Ask a member and give the answer's bytes.

        `patient` callers (a courier) try a member again that was down a moment ago. Refuses
        `members.unknown`, `members.no_endpoint`, `members.unreachable`, `members.not_the_member`,
        `members.not_recognised`, `members.answer_refused`, `members.refused`, and what the other
        refuses.
        """
        way = self._way(caller, organisation)
        if not patient and self._down.get(organisation, 0.0) > time.monotonic():
            raise UNREACHABLE(id=organisation)
        with self._judged(organisation):
            try:
                return self._post(way, caller, organisation, operation, body, bounds)
            except httpx.RemoteProtocolError:
                # An idle connection that the other side has closed: nothing was answered on it.
                return self._post(way, caller, organisation, operation, body, bounds)

    def _way(self, caller: str, organisation: str) -> _Way:
        endpoint = self.require(organisation)
        own = self.credentials(caller)
        at = (caller, organisation)
        with self._lock:
            known = self._ways.get(at)
            if known is not None and (known.endpoint, known.own) == (endpoint, own.certificate):
                return known
            context = certificates.context(False, own, [endpoint.certificate])
            made = self._ways[at] = _Way(endpoint, own.certificate, _client(endpoint.url, context))
            self._down.pop(organisation, None)
            if known is not None:
                self._leave(known.client)
        return made

    def _leave(self, client: httpx.Client) -> None:
        """Close connections that are used no more, once whoever still waits on them is done."""
        now = time.monotonic()
        over = [each for since, each in self._left if now - since > LEFT_SECONDS]
        self._left = [(s, each) for s, each in self._left if now - s <= LEFT_SECONDS]
        self._left.append((now, client))
        for each in over:
            each.close()

    @contextmanager
    def _judged(self, organisation: str) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            refusal = _judge(organisation, error)
            if refusal.code is UNREACHABLE:
                self._down[organisation] = time.monotonic() + PAUSE_SECONDS
            raise refusal from error

    def _post(
        self,
        way: _Way,
        caller: str,
        organisation: str,
        operation: str,
        body: bytes,
        bounds: Known,
    ) -> bytes:
        headers = {
            "Content-Type": MEDIA_TYPE,
            "Accept-Encoding": "identity",
            CHAIN_HEADER: self.engine.genesis.chain,
            MEMBER_HEADER: caller,
            HEIGHT_HEADER: str(self.engine.height),
            REQUEST_HEADER: new_id(),
        }
        until = time.monotonic() + bounds.seconds
        silence = min(SILENT_SECONDS, bounds.seconds)
        timeout = httpx.Timeout(silence, connect=min(CONNECT_SECONDS, silence))
        path = f"/members/v1/{organisation}/{operation}"
        named = {"sni_hostname": server_name(way.own)}
        with way.client.stream(
            "POST", path, content=body, headers=headers, timeout=timeout, extensions=named
        ) as answer:
            _require_certificate(answer, way.endpoint, organisation)
            if answer.status_code != 200:
                problem = _read(answer, MAX_PROBLEM, until, organisation)
                raise refusal_of(organisation, answer.status_code, problem)
            if answer.headers.get("content-type") != MEDIA_TYPE:
                raise ANSWER_REFUSED(id=organisation)
            found = _read(answer, bounds.answer, until, organisation)
            self._catch_up(answer.headers.get(HEIGHT_HEADER))
            return found

    def _catch_up(self, height: str | None) -> None:
        """Wait a while until this node has the block that the other spoke of."""
        if height is None or not height.isascii() or not height.isdigit() or len(height) > 15:
            return
        if int(height) <= self.engine.height + FAR_AHEAD:
            wait_for(self.engine, int(height), CATCH_UP_SECONDS)

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            clients = [each.client for each in self._ways.values()]
            clients += [each for _, each in self._left]
            self._ways, self._left = {}, []
        for each in clients:
            each.close()


def server_name(certificate: bytes) -> str:
    """Write a certificate's digest as a server name (RFC 6066): by it a client says who it is."""
    text = certificates.fingerprint(certificate)
    return f"{text[:32]}.{text[32:]}.member"


def wait_for(
    engine: Engine, height: int, seconds: float, sleep: Callable[[float], None] = time.sleep
) -> bool:
    """Wait until the node has a height; tells whether it has."""
    until = time.monotonic() + seconds
    while engine.height < height:
        if time.monotonic() >= until:
            return False
        sleep(0.005)
    return True


def _client(url: str, context: ssl.SSLContext) -> httpx.Client:
    return httpx.Client(
        base_url=url,
        verify=context,
        trust_env=False,
        follow_redirects=False,
        limits=httpx.Limits(
            max_connections=32, max_keepalive_connections=16, keepalive_expiry=KEEP_SECONDS
        ),
    )


def _require_certificate(answer: httpx.Response, endpoint: Endpoint, organisation: str) -> None:
    """Hold the certificate itself against the chain's: a context trusts what hangs from it too."""
    stream = answer.extensions.get("network_stream")
    held = None if stream is None else stream.get_extra_info("ssl_object")
    if held is None or not hmac.compare_digest(held.getpeercert(True) or b"", endpoint.certificate):
        raise NOT_THE_MEMBER(id=organisation)


def _read(answer: httpx.Response, limit: int, until: float, organisation: str) -> bytes:
    declared = answer.headers.get("content-length", "")
    if declared.isdigit() and (len(declared) > 15 or int(declared) > limit):
        raise ANSWER_REFUSED(id=organisation)
    found = bytearray()
    for piece in answer.iter_raw():
        found += piece
        if len(found) > limit:
            raise ANSWER_REFUSED(id=organisation)
        if time.monotonic() > until:
            raise httpx.ReadTimeout("the whole answer took too long")
    return bytes(found)


def _judge(organisation: str, error: Exception) -> Refusal:
    """Say what a broken call means: nobody there, somebody else there, or they do not know us."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, ssl.SSLCertVerificationError):
            return NOT_THE_MEMBER(id=organisation)
        if isinstance(at, ssl.SSLError) and "ALERT" in (at.reason or ""):
            return NOT_RECOGNISED(id=organisation)
        at = at.__cause__ or at.__context__
    return UNREACHABLE(id=organisation)
