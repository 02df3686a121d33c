"""Where the chain says that a member's node is, and by which certificate it is known."""

from __future__ import annotations

import hmac
from typing import NamedTuple

from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.identity import state as identity
from yilian.ledger.state import State


class Endpoint(NamedTuple):
    """A published endpoint: `https://host[:port]`, and the certificate (DER)."""

    url: str
    certificate: bytes


def endpoint_of(state: State, organisation: str) -> Endpoint | None:
    """Find the endpoint of an organisation that stands; None for one without or that has ended."""
    subject = identity.standing(state, organisation)
    if subject is None or subject.kind != "organisation":
        return None
    found = identity.ENDPOINTS.get(state, organisation)
    return None if found is None else _opened(found.url, found.certificate)


def endpoints(state: State) -> dict[str, Endpoint]:
    """List the endpoints of all organisations that stand, by id."""
    prefix = identity.ENDPOINTS.prefix
    found = {}
    for key, _ in state.scan(prefix):
        name = key.removeprefix(prefix).decode("ascii")
        endpoint = endpoint_of(state, name)
        if endpoint is not None:
            found[name] = endpoint
    return dict(sorted(found.items()))


def is_member(state: State, organisation: str, certificate: bytes | None) -> bool:
    """Tell whether a certificate is the one that the chain holds for an organisation now."""
    found = endpoint_of(state, organisation)
    if found is None or certificate is None:
        return False
    return hmac.compare_digest(found.certificate, certificate)


def _opened(url: str, certificate: str) -> Endpoint | None:
    try:
        return Endpoint(url, codec.to_bytes(certificate))
    except Refusal:
        return None
