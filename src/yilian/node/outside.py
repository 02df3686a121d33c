"""Sign-ins of others that a node accepts: identity providers that speak OpenID Connect."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from yilian.ledger import codec

Algorithm = Literal["RS256", "PS256", "ES256", "EdDSA"]
ALGORITHMS: tuple[Algorithm, ...] = ("RS256", "PS256", "ES256", "EdDSA")

_VARIABLE = re.compile("[A-Z][A-Z0-9_]{0,99}", re.ASCII)
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ProviderTitle(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What people know a provider by, in both languages."""

    en: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    zh_cn: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] = msgspec.field(name="zh-CN")


class OutsideFactor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Values of `acr` and `amr` (OpenID Connect Core 1.0, section 2) that are two factors.

    One of either is enough. Without any, this node asks for its own second factor.
    """

    acr: list[Word] = []
    amr: list[Word] = []


class IdentityProvider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A provider by whose sign-in people may come in, and how this node is known there.

    `name` stands in addresses and never changes; `issuer` is the provider's own name for itself,
    to the letter. This node shows itself by one of: `secret_file` (below the node's folder or
    whole, mode 0600), `secret_variable` (of the environment), `key_file` (a private key in PEM,
    mode 0600: `private_key_jwt`). `organisation`: for whose people alone. `networks`: those that
    are not public and that the provider may be in. `ca_file`: who vouches for its certificate,
    where the machine's own authorities do not. `max_age_minutes`: how long ago people may have
    signed in there.
    """

    name: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9-]{0,30}$")]
    title: ProviderTitle
    issuer: Annotated[str, msgspec.Meta(max_length=500)]
    client: Word
    secret_file: str | None = None
    secret_variable: str | None = None
    key_file: str | None = None
    organisation: codec.Id | None = None
    algorithms: Annotated[list[Algorithm], msgspec.Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: list(ALGORITHMS)
    )
    second_factor: OutsideFactor = OutsideFactor()
    max_age_minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] | None = None
    networks: list[str] = []
    ca_file: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant; the text names the member, never its value."""
        if not is_issuer(self.issuer):
            raise ValueError("issuer must be https://..., without query; http is for loopback")
        shown = [self.secret_file, self.secret_variable, self.key_file]
        if sum(each is not None for each in shown) != 1:
            raise ValueError("one of secret_file, secret_variable and key_file is needed")
        if self.secret_variable is not None and not _VARIABLE.fullmatch(self.secret_variable):
            raise ValueError("secret_variable must be the name of a variable, in capital letters")
        for each in self.networks:
            ip_network(each)


class Credentials(NamedTuple):
    """By what this node shows itself to a provider: a secret, or a private key in PEM."""

    secret: str | None
    key: str | None

    def __repr__(self) -> str:
        return "Credentials(...)"


def is_issuer(url: str) -> bool:
    """Tell what may be an issuer: https, or http at this machine; no query, fragment or user."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = parts.scheme == "http" and (parts.hostname or "") in ("localhost", "127.0.0.1", "::1")
    return bool(
        url.isascii()
        and url.isprintable()
        and " " not in url
        and (parts.scheme == "https" or plain)
        and parts.hostname
        and port != 0
        and "@" not in parts.netloc
        and "?" not in url
        and "#" not in url
    )
