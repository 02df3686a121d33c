"""An identity provider as this node knows it: its addresses, its keys, and the exchange of codes.

OpenID Connect Discovery 1.0 (sections 3 and 4.3) and RFC 8414: what a provider says of itself holds
for an hour. Keys are read anew when a token names one that is not known, at most twice a minute.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import ssl
import threading
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwk, jwt
from joserfc.jwk import Key

from yilian.gateway.auth import oidc_token
from yilian.gateway.auth.oidc_errors import CODE_REFUSED, TOKEN_REFUSED
from yilian.gateway.auth.oidc_http import Away, Line, Said
from yilian.gateway.auth.oidc_token import Expected, IdToken, KeyNotKnown
from yilian.ledger import codec
from yilian.node.config import ConfigurationError
from yilian.node.outside import Credentials, IdentityProvider, is_issuer

KEPT_SECONDS = 3600.0
AGAIN_SECONDS = 30.0
"""How soon keys may be asked for once more because one was not known."""
AWAY_SECONDS = 5.0
"""How long a provider that did not answer is not asked again."""
MAX_DOCUMENT = 65_536
MAX_KEY_SET = 262_144
MAX_ANSWER = 65_536
ASSERTION_SECONDS = 60
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of itself; what is not read is passed over."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    response_types_supported: tuple[str, ...] = ("code",)
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    code_challenge_methods_supported: list[str] | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Tokens(msgspec.Struct, frozen=True, kw_only=True):
    id_token: str
    token_type: str = "Bearer"  # noqa: S105 (a kind of token)
    access_token: str | None = None


class _Refused(msgspec.Struct, frozen=True, kw_only=True):
    error: str = ""


class Asking(NamedTuple):
    """What somebody is sent to a provider with; the verifier stays here (PKCE, RFC 7636)."""

    state: str
    nonce: str
    verifier: str
    redirect: str
    language: str


class _Kept(NamedTuple):
    until: float
    metadata: Metadata
    keys: tuple[Key, ...]
    keys_at: float


class Provider:
    """One provider. Safe for threads and event loops."""

    def __init__(
        self,
        told: IdentityProvider,
        credentials: Callable[[], Credentials],
        line: Line | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`credentials` reads the secret or key anew each time; `clock` gives seconds.

        Raises OSError or ssl.SSLError for a `ca_file` that cannot be read.
        """
        self.told = told
        self._credentials = credentials
        self._line = line or Line(told.networks, ssl.create_default_context(cafile=told.ca_file))
        self._clock = clock
        self._kept: _Kept | None = None
        self._away: tuple[float, str] = (float("-inf"), "")
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Provider {self.told.name}>"

    # -- what it says of itself ----------------------------------------------------------------

    async def metadata(self) -> Metadata:
        """Give what the provider says of itself; raises `Away`."""
        return (await self._known()).metadata

    async def _known(self) -> _Kept:
        with self._lock:
            kept, (until, reason), now = self._kept, self._away, self._clock()
        if kept is not None and now < kept.until:
            return kept
        if now < until:
            raise Away(reason)
        try:
            metadata, _ = await self.discover()
            keys = await self._read_keys(metadata)
        except Away as away:
            with self._lock:
                self._away = (self._clock() + AWAY_SECONDS, away.reason)
            raise
        return self._keep(metadata, keys)

    def _keep(self, metadata: Metadata, keys: tuple[Key, ...]) -> _Kept:
        now = self._clock()
        made = _Kept(now + KEPT_SECONDS, metadata, keys, now)
        with self._lock:
            self._kept = made
        return made

    async def examine(self) -> str | None:
        """Ask anew for all that signing in needs; gives what the provider's clock says.

        Raises `Away`.
        """
        metadata, said = await self.discover()
        if not await self._read_keys(metadata):
            raise Away("no-keys")
        self._shown(metadata)
        return said.date

    async def discover(self) -> tuple[Metadata, Said]:
        """Ask the provider anew; gives the answer too. Raises `Away`.

        Its name for itself must be the configured one to the letter (Discovery 1.0, section 4.3).
        """
        issuer = self.told.issuer
        said = await self._line.call(
            issuer.removesuffix("/") + "/.well-known/openid-configuration", MAX_DOCUMENT
        )
        if said.status != 200:
            raise Away(f"status-{said.status}")
        try:
            found = msgspec.json.decode(said.body, type=Metadata)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Away("unreadable") from None
        if found.issuer != issuer:
            raise Away("issuer-differs")
        self._require_usable(found)
        return found, said

    def _require_usable(self, found: Metadata) -> None:
        plain = self.told.issuer.startswith("http://")
        for each in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            bare = each.partition("?")[0]
            if not is_issuer(bare) or (each.startswith("http://") and not plain):
                raise Away("address-refused")
        methods = found.code_challenge_methods_supported
        if methods is not None and "S256" not in methods:
            raise Away("no-pkce")
        if "code" not in found.response_types_supported:
            raise Away("no-code-flow")
        if not set(self.told.algorithms) & set(found.id_token_signing_alg_values_supported):
            raise Away("no-algorithm")

    async def _read_keys(self, metadata: Metadata) -> tuple[Key, ...]:
        said = await self._line.call(metadata.jwks_uri, MAX_KEY_SET)
        if said.status != 200:
            raise Away(f"status-{said.status}")
        try:
            return oidc_token.read_keys(said.body)
        except ValueError:
            raise Away("unreadable") from None

    # -- the way there and back ----------------------------------------------------------------

    async def address(self, asking: Asking) -> str:
        """Give the address at which somebody signs in (Core 1.0, section 3.1.2.1); raises `Away`.

        A node that cannot show itself to the provider sends nobody there in vain.
        """
        metadata = await self.metadata()
        self._own()
        asked = {
            "response_type": "code",
            "response_mode": "query",
            "client_id": self.told.client,
            "redirect_uri": asking.redirect,
            "scope": "openid",
            "state": asking.state,
            "nonce": asking.nonce,
            "code_challenge": codec.to_text(hashlib.sha256(asking.verifier.encode()).digest()),
            "code_challenge_method": "S256",
            "ui_locales": asking.language,
        }
        if self.told.second_factor.acr:
            asked["acr_values"] = " ".join(self.told.second_factor.acr)
        if self.told.max_age_minutes is not None:
            asked["max_age"] = str(self.told.max_age_minutes * 60)
        parts = urlsplit(metadata.authorization_endpoint)
        own = [each for each in parse_qsl(parts.query) if each[0] not in asked]
        return urlunsplit(parts._replace(query=urlencode([*own, *asked.items()])))

    async def exchange(self, code: str, asking: Asking, now: int) -> IdToken:
        """Give a code up for an ID token, and check that (section 3.1.3); `now` in ms.

        Refuses `outside.code_refused` and `outside.token_refused`; raises `Away`.
        """
        kept = await self._known()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": asking.redirect,
            "code_verifier": asking.verifier,
        }
        more, headers = self._shown(kept.metadata)
        said = await self._line.call(
            kept.metadata.token_endpoint, MAX_ANSWER, {**form, **more}, headers
        )
        tokens = _tokens(said)
        expected = Expected(nonce=asking.nonce, now=now, access_token=tokens.access_token)
        try:
            return oidc_token.checked(tokens.id_token, kept.keys, self.told, expected)
        except KeyNotKnown:
            keys = await self._newer_keys(kept)
        try:
            return oidc_token.checked(tokens.id_token, keys, self.told, expected)
        except KeyNotKnown:
            raise TOKEN_REFUSED(check="key") from None

    async def _newer_keys(self, kept: _Kept) -> tuple[Key, ...]:
        if self._clock() - kept.keys_at < AGAIN_SECONDS:
            return kept.keys
        keys = await self._read_keys(kept.metadata)
        return self._keep(kept.metadata, keys).keys

    def _own(self) -> Credentials:
        try:
            return self._credentials()
        except (ConfigurationError, OSError, UnicodeDecodeError):
            raise Away("no-secret") from None

    def _shown(self, metadata: Metadata) -> tuple[dict[str, str], dict[str, str]]:
        """Give the form's members and the headers by which this node shows itself (section 9)."""
        secret, key = self._own()
        client = self.told.client
        if key is not None:
            assertion = _assertion(key, client, metadata.token_endpoint)
            return {"client_assertion_type": _ASSERTION, "client_assertion": assertion}, {}
        methods = metadata.token_endpoint_auth_methods_supported
        if "client_secret_basic" not in methods and "client_secret_post" in methods:
            return {"client_id": client, "client_secret": secret or ""}, {}
        pair = f"{quote(client, safe='')}:{quote(secret or '', safe='')}"
        basic = base64.b64encode(pair.encode()).decode("ascii")
        return {}, {"authorization": f"Basic {basic}"}


def _tokens(said: Said) -> _Tokens:
    """Read the answer of the token endpoint (RFC 6749, sections 5.1 and 5.2)."""
    try:
        if said.status == 200:
            found = msgspec.json.decode(said.body, type=_Tokens)
            if found.token_type.lower() != "bearer":
                raise Away("unreadable")
            return found
        error = msgspec.json.decode(said.body, type=_Refused).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Away("unreadable" if said.status == 200 else f"status-{said.status}") from None
    if said.status == 400 and error == "invalid_grant":
        raise CODE_REFUSED()
    # Anything else is between this node and the provider, such as `invalid_client`.
    raise Away("client-refused" if error == "invalid_client" else f"status-{said.status}")


def _assertion(pem: str, client: str, audience: str) -> str:
    """Sign by what a private key shows who this node is (RFC 7523, section 3)."""
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Away("no-secret") from None
    kinds = {
        rsa.RSAPrivateKey: ("RSA", "PS256"),
        ec.EllipticCurvePrivateKey: ("EC", "ES256"),
        ed25519.Ed25519PrivateKey: ("OKP", "EdDSA"),
    }
    kind, algorithm = next(
        (each for type_, each in kinds.items() if isinstance(key, type_)), ("", "")
    )
    if not kind or (isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name != "secp256r1"):
        raise Away("no-secret")
    made = jwk.import_key(pem, kind)  # type: ignore[call-overload]
    now = int(time.time())
    claims = {
        "iss": client,
        "sub": client,
        "aud": audience,
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "exp": now + ASSERTION_SECONDS,
    }
    header = {"alg": algorithm, "kid": made.thumbprint()}
    return str(jwt.encode(header, claims, made, algorithms=[algorithm]))
