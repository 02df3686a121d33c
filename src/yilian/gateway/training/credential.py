"""A training credential: W3C Verifiable Credentials Data Model 2.0, secured with JOSE.

`vc+jwt` as "Securing Verifiable Credentials using JOSE and COSE" (W3C Recommendation, 2025),
section 3.1, has it: a JWS in compact form (RFC 7515, section 7.1) whose payload is the credential.
`alg` is `EdDSA` (RFC 8037): the organisation's agent signs with the key by which it signs
transactions. Those begin with `yilian/`, a JWS with `eyJ`, so neither can be taken for the other.

The chain has `commitment(token)`; the two random ids in the token keep it from being guessed.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal, NamedTuple

import msgspec

from yilian.gateway.training.errors import CREDENTIAL_MALFORMED
from yilian.ledger import codec
from yilian.ledger.codec import Id, Name, Positive
from yilian.ledger.errors import Refusal
from yilian.vault.envelope import Format

CONTEXT = (
    "https://www.w3.org/ns/credentials/v2",
    "https://www.w3.org/ns/credentials/undefined-terms/v2",
)
TYPES = ("VerifiableCredential", "TrainingCompletionCredential")
Band = Literal["80-89", "90-99", "100"]
Reason = Literal["issued_in_error", "misconduct", "superseded"]
MAX_TOKEN = 8_192
_DOMAIN = b"yilian/training/credential/1\n"
_ENDING = b"yilian/training/withdrawal/1\n"
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Header(Format, frozen=True, kw_only=True):
    """The protected header; `kid` names the key that signed."""

    alg: Literal["EdDSA"]
    cty: Literal["vc"]
    kid: _Text
    typ: Literal["vc+jwt"]


class Completion(Format, frozen=True, kw_only=True):
    """Who completed what. Nothing of health, and no name."""

    id: _Text
    course: Name
    course_version: Positive = msgspec.field(name="courseVersion")
    score_band: Band = msgspec.field(name="scoreBand")


class Status(Format, frozen=True, kw_only=True):
    """Where the chain would have a withdrawal: under this id, as an anchor of the issuer."""

    id: _Text
    type: Literal["YilianAnchorStatus"]


class VerifiableCredential(Format, frozen=True, kw_only=True):
    """The credential; its members are those of the data model."""

    context: tuple[str, ...] = msgspec.field(name="@context")
    id: _Text
    type: tuple[str, ...]
    issuer: _Text
    valid_from: _Text = msgspec.field(name="validFrom")
    subject: Completion = msgspec.field(name="credentialSubject")
    status: Status = msgspec.field(name="credentialStatus")


class Facts(NamedTuple):
    """What a credential says, with ids of the chain in place of DIDs and URNs."""

    chain: str
    credential: str
    status: str
    organisation: str
    agent: str
    key: str
    subject: str
    course: str
    version: int
    band: str
    issued: str


class Parsed(NamedTuple):
    """A token taken apart: what it says, what was signed, and the signature (64 bytes)."""

    facts: Facts
    signed: bytes
    signature: bytes


def unsigned(facts: Facts) -> bytes:
    """Write the JWS signing input of a credential; the signature goes behind it (`token`)."""
    chain = facts.chain
    header = Header(
        alg="EdDSA", cty="vc", kid=f"{_did(chain, facts.agent)}#{facts.key}", typ="vc+jwt"
    )
    content = VerifiableCredential(
        context=CONTEXT,
        id=_urn("credential", chain, facts.credential),
        type=TYPES,
        issuer=_did(chain, facts.organisation),
        valid_from=facts.issued,
        subject=Completion(
            id=_did(chain, facts.subject),
            course=facts.course,
            course_version=facts.version,
            score_band=facts.band,  # type: ignore[arg-type]
        ),
        status=Status(id=_urn("anchor", chain, facts.status), type="YilianAnchorStatus"),
    )
    parts = (codec.encode(each) for each in (header, content))
    return ".".join(codec.to_text(each) for each in parts).encode("ascii")


def token(signed: bytes, signature: bytes) -> str:
    """Put signing input and signature together."""
    return f"{signed.decode('ascii')}.{codec.to_text(signature)}"


def parse(text: str) -> Parsed:
    """Take a token apart. Only the very form that `unsigned` writes is read.

    Refuses `training.credential_malformed`. The signature is not judged here.
    """
    parts = text.split(".")
    if len(text) > MAX_TOKEN or len(parts) != 3 or not text.isascii():
        raise CREDENTIAL_MALFORMED()
    try:
        header = codec.decode(codec.to_bytes(parts[0]), Header)
        content = codec.decode(codec.to_bytes(parts[1]), VerifiableCredential)
        signature = codec.to_bytes(parts[2])
        facts = _facts(header, content)
        signed = unsigned(facts)
    except (Refusal, ValueError):
        raise CREDENTIAL_MALFORMED() from None
    if signed != f"{parts[0]}.{parts[1]}".encode("ascii") or len(signature) != 64:
        raise CREDENTIAL_MALFORMED()
    return Parsed(facts, signed, signature)


def commitment(text: str) -> str:
    """Give what the chain has of a credential: SHA-256 over a domain and the exact token."""
    return codec.to_text(hashlib.sha256(_DOMAIN + text.encode("ascii")).digest())


def ending(status: str, reason: str) -> str:
    """Give what the chain has of a withdrawal; it tells the reason to who holds the credential."""
    text = codec.encode({"reason": reason, "status": status})
    return codec.to_text(hashlib.sha256(_ENDING + text).digest())


def _did(chain: str, name: str) -> str:
    return f"did:yilian:{chain}:{name}"


def _urn(kind: str, chain: str, name: str) -> str:
    return f"urn:yilian:{kind}:{chain}:{name}"


def _facts(header: Header, content: VerifiableCredential) -> Facts:
    agent, mark, key = header.kid.partition("#")
    if not mark:
        raise ValueError("the key has no name")
    _, _, chain, organisation = content.issuer.split(":")
    return Facts(
        chain=chain,
        credential=_last(content.id),
        status=_last(content.status.id),
        organisation=_id(organisation),
        agent=_last(agent),
        key=_id(key),
        subject=_last(content.subject.id),
        course=content.subject.course,
        version=content.subject.course_version,
        band=content.subject.score_band,
        issued=content.valid_from,
    )


def _last(name: str) -> str:
    return _id(name.rpartition(":")[2])


def _id(text: str) -> str:
    return codec.decode(codec.encode(text), Id)
