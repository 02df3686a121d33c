"""A browser in software: session keys, an authenticator that makes passkeys, and signed requests.

Its authenticator writes what WebAuthn Level 3 (sections 6.1 and 6.5.4) prescribes; a test can have
it lie: another origin, another challenge, nobody verified, a counter that went back.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fido2 import cbor
from fido2.cose import ES256

from yilian.gateway.auth import claim
from yilian.gateway.auth.claim import FactorClaim, KeyClaim, SessionClaim
from yilian.ledger import codec, signed_request
from yilian.ledger.keys import sha256
from yilian.sdk.signers import Ed25519Signer

CHAIN = "yilian"
Prove = Callable[[str], dict[str, Any]]
"""Makes a key for an owner and proves it, as `ProvedKey` is written."""
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Credential:
    """A passkey as its authenticator keeps it."""

    handle: bytes
    rp_id: str
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    counter: int = 0


@dataclass
class Authenticator:
    """Makes passkeys and signs with the last one; the fields say how it lies."""

    credentials: list[Credential] = field(default_factory=list)
    flags: int = PRESENT | VERIFIED
    rp_id: str | None = None

    def create(
        self, challenge: bytes, origin: str, rp_id: str, handle: bytes, **data: Any
    ) -> dict[str, str]:
        """Make a passkey; gives the answer to a creation."""
        made = Credential(handle, self.rp_id or rp_id)
        made.counter = 1
        self.credentials.append(made)
        public = cbor.encode(dict(ES256.from_cryptography_key(made.key.public_key())))
        attested = bytes(16) + len(made.id).to_bytes(2, "big") + made.id + public
        signed = self._data(made, ATTESTED) + attested
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": signed})
        text = client_data("webauthn.create", challenge, origin, **data)
        return {"client_data": codec.to_text(text), "attestation": codec.to_text(attestation)}

    def get(self, challenge: bytes, origin: str, **data: Any) -> dict[str, str]:
        """Sign with the last passkey; gives the answer to a sign-in."""
        used = self.credentials[-1]
        used.counter += 1
        text = client_data("webauthn.get", challenge, origin, **data)
        signed = self._data(used, 0)
        signature = used.key.sign(signed + sha256(text), ec.ECDSA(hashes.SHA256()))
        return {
            "credential": codec.to_text(used.id),
            "client_data": codec.to_text(text),
            "authenticator_data": codec.to_text(signed),
            "signature": codec.to_text(signature),
            "user_handle": codec.to_text(used.handle),
        }

    def _data(self, credential: Credential, more: int) -> bytes:
        place = sha256((self.rp_id or credential.rp_id).encode())
        return place + bytes([self.flags | more]) + credential.counter.to_bytes(4, "big")


def client_data(kind: str, challenge: bytes, origin: str, **data: Any) -> bytes:
    """Write what a browser says of the page that asked."""
    told = {"type": kind, "challenge": codec.to_text(challenge), "origin": origin, **data}
    return json.dumps(told).encode()


class SessionKey:
    """A session's key pair, as WebCrypto makes it."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.public = self._key.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        self.text = codec.to_text(self.public)

    def sign(self, data: bytes) -> bytes:
        """Sign as WebCrypto does: r and s, 32 bytes each."""
        r, s = utils.decode_dss_signature(self._key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def header(
        self,
        of: str,
        method: str,
        path: str,
        body: bytes,
        now: int,
        **fields: Any,
    ) -> str:
        """Write the header of one request of session `of`; `fields` override its members."""
        own: dict[str, Any] = {
            "chain": CHAIN,
            "session": of,
            "method": method,
            "path": path,
            "body": signed_request.body_digest(body),
            "nonce": codec.to_text(secrets.token_bytes(16)),
            "expires": now + 30_000,
        }
        made = SessionClaim(**{**own, **fields})
        return claim.header(made, self.sign(claim.text(made)))


class Browser:
    """Somebody's browser, open at a node's portal."""

    def __init__(self, url: str, now: Any) -> None:
        """`now` gives the node's time in ms."""
        port = url.rpartition(":")[2]
        self.origin = f"http://localhost:{port}"
        self.now = now
        self.http = httpx.Client(base_url=url, timeout=30)
        self.authenticator = Authenticator()
        self.key = SessionKey()
        self.session = ""
        self.subject = ""

    def close(self) -> None:
        """Close its connections; what it keeps stays."""
        self.http.close()

    def post(self, path: str, body: Mapping[str, Any], **headers: str) -> httpx.Response:
        """Send a step that needs no session, as a page of the portal does."""
        sent = {"Origin": self.origin, **headers}
        return self.http.post(path, json=dict(body), headers=sent)

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, **fields: Any
    ) -> httpx.Response:
        """Send a request under the session; `fields` go into its claim."""
        raw = b"" if body is None else json.dumps(body).encode()
        return self.send(method, path, raw, self.header(method, path, raw, **fields))

    def header(self, method: str, path: str, raw: bytes = b"", **fields: Any) -> str:
        """Write the header for a request."""
        return self.key.header(self.session, method, path, raw, self.now(), **fields)

    def send(
        self, method: str, path: str, raw: bytes, value: str, **headers: str
    ) -> httpx.Response:
        """Send a request under a header."""
        sent = {claim.HEADER: value, "Content-Type": "application/json", **headers}
        return self.http.request(method, path, content=raw, headers=sent)

    # -- joining and signing in ----------------------------------------------------------------

    def begin_joining(self, code: str) -> httpx.Response:
        """Show an invitation's code."""
        return self.post("/v1/sign-in/join/begin", {"code": code, "session_key": self.key.text})

    def join(self, code: str, own: Prove | None = None, **lies: Any) -> httpx.Response:
        """Join by an invitation's code; `own` makes a newcomer's key for the id it is given."""
        begun = good(self.begin_joining(code))
        inner = begun["begun"]
        made = self.authenticator.create(
            lies.pop("challenge", self.challenge(inner)),
            lies.pop("origin", self.origin),
            inner["rp_id"],
            codec.to_bytes(begun["handle"]),
            **lies,
        )
        body: dict[str, Any] = {"attempt": inner["attempt"], **made}
        if own is not None:
            body["key"] = own(begun["key"]["owner"])
        return self._in(self.post("/v1/sign-in/join/finish", body))

    def begin(self) -> dict[str, Any]:
        """Begin to sign in with the browser's key."""
        return good(self.post("/v1/sign-in/begin", {"session_key": self.key.text}))

    def challenge(self, begun: Mapping[str, Any]) -> bytes:
        """Work the challenge out for this browser's own key, whatever the server says."""
        return claim.challenge(codec.to_bytes(begun["random"]), self.key.public)

    def sign_in(self, **lies: Any) -> httpx.Response:
        """Sign in by the last passkey, under a new key."""
        self.key = SessionKey()
        begun = self.begin()
        shown = self.authenticator.get(
            lies.pop("challenge", self.challenge(begun)), lies.pop("origin", self.origin), **lies
        )
        return self.finish(begun, shown)

    def finish(self, begun: Mapping[str, Any], shown: Mapping[str, str]) -> httpx.Response:
        """Send what a passkey signed."""
        body = {"attempt": begun["attempt"], **shown}
        return self._in(self.post("/v1/sign-in/passkey", body))

    def sign_in_by_key(self, sender: str, signer: Ed25519Signer, **lies: Any) -> httpx.Response:
        """Sign in by a key on the chain, under a new session key."""
        self.key = SessionKey()
        begun = self.begin()
        own: dict[str, Any] = {
            "chain": CHAIN,
            "challenge": codec.to_text(self.challenge(begun)),
            "key": signer.key_id,
            "origin": self.origin,
            "sender": sender,
        }
        signature = signer.sign(claim.key_text(KeyClaim(**{**own, **lies})))
        body = {
            "attempt": begun["attempt"],
            "sender": sender,
            "key": signer.key_id,
            "signature": codec.to_text(signature),
        }
        return self._in(self.post("/v1/sign-in/key", body))

    def give_code(self, code: str) -> httpx.Response:
        """Give a one-time code."""
        return self.request("POST", "/v1/sign-in/factor", {"code": code})

    def give_key(self, signer: Ed25519Signer, **lies: Any) -> httpx.Response:
        """Give a key on the chain as second factor."""
        own: dict[str, Any] = {
            "chain": CHAIN,
            "key": signer.key_id,
            "origin": self.origin,
            "sender": self.subject,
            "session": self.session,
        }
        signature = signer.sign(claim.factor_text(FactorClaim(**{**own, **lies})))
        body = {"key": signer.key_id, "signature": codec.to_text(signature)}
        return self.request("POST", "/v1/sign-in/factor", body)

    def _in(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code == 200:
            self.session, self.subject = answer.json()["session"], answer.json()["subject"]
        return answer


def good(answer: httpx.Response) -> dict[str, Any]:
    """Give an answer that succeeded."""
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def refused(answer: httpx.Response) -> str:
    """Give the code of a refusal, which is a whole problem document."""
    body = answer.json()
    assert answer.status_code == body["status"] >= 400, answer.text
    assert body["title"]
    assert body["next"]
    return str(body["code"])
