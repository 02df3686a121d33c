"""What is wrong with the sign-ins of others that a node accepts: each provider is asked anew."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from functools import partial

from yilian.gateway.auth.oidc import PAGE
from yilian.gateway.auth.oidc_http import Away
from yilian.gateway.auth.oidc_provider import Provider
from yilian.gateway.auth.oidc_token import SKEW_MS
from yilian.node.config import Configuration, NodeFolder
from yilian.node.outside import IdentityProvider
from yilian.text import LANGUAGES

Told = dict[str, int | str]
_REASONS = {"issuer-differs": "outside_issuer", "no-secret": "outside_secret"}


def outside_findings(
    folder: NodeFolder, configuration: Configuration
) -> Iterator[tuple[str, bool, Told]]:
    """Give the word of each finding, whether it is good, and what was found."""
    origin = configuration.public_url or f"http://localhost:{configuration.port}"
    pages = [f"{origin.removesuffix('/')}/{language}/{PAGE}" for language in LANGUAGES]
    for each in configuration.sign_in.outside:
        told: Told = {"name": each.name, "issuer": each.issuer}
        try:
            said = _examined(folder, each)
        except Away as away:
            code = _REASONS.get(away.reason, "outside_away")
            yield code, False, {**told, "reason": away.reason}
            continue
        yield "outside", True, {**told, "addresses": " ".join(pages)}
        seconds = _ahead(said)
        if abs(seconds) * 1000 > SKEW_MS:
            yield "outside_clock", False, {**told, "seconds": seconds}


def _examined(folder: NodeFolder, told: IdentityProvider) -> str | None:
    try:
        provider = Provider(told, partial(folder.credentials, told))
    except (OSError, ssl.SSLError):
        raise Away("ca-file") from None
    return asyncio.run(provider.examine())


def _ahead(date: str | None) -> int:
    """Tell how far this machine's clock is ahead of a provider's, in seconds."""
    with contextlib.suppress(ValueError, TypeError):
        return round(time.time() - parsedate_to_datetime(date or "").timestamp())
    return 0
