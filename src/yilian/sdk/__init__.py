"""The client library: `Client`, `AsyncClient`, signers, drafts and the offline verifier.

Names are loaded when they are first used, so that `yilian.sdk.verify` alone needs no HTTP library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yilian.sdk.client import AsyncClient, Client
    from yilian.sdk.drafts import draft, fresh_id, fresh_salt, key_proof, sign
    from yilian.sdk.errors import (
        AnswerError,
        KeyFileError,
        PendingError,
        ProblemError,
        RefusedError,
        UnavailableError,
        UnreachableError,
        YilianError,
    )
    from yilian.sdk.signers import Ed25519Signer, Signer
    from yilian.sdk.steps import Happened, Outcome, Page, Record, Status
    from yilian.sdk.terms import check_terms
    from yilian.sdk.transport import AsyncInProcess, InProcess

_HOMES = {
    "client": ("AsyncClient", "Client"),
    "drafts": ("draft", "fresh_id", "fresh_salt", "key_proof", "sign"),
    "errors": (
        "AnswerError",
        "KeyFileError",
        "PendingError",
        "ProblemError",
        "RefusedError",
        "UnavailableError",
        "UnreachableError",
        "YilianError",
    ),
    "signers": ("Ed25519Signer", "Signer"),
    "steps": ("Happened", "Outcome", "Page", "Record", "Status"),
    "terms": ("check_terms",),
    "transport": ("AsyncInProcess", "InProcess"),
}

__all__ = [
    "AnswerError",
    "AsyncClient",
    "AsyncInProcess",
    "Client",
    "Ed25519Signer",
    "Happened",
    "InProcess",
    "KeyFileError",
    "Outcome",
    "Page",
    "PendingError",
    "ProblemError",
    "Record",
    "RefusedError",
    "Signer",
    "Status",
    "UnavailableError",
    "UnreachableError",
    "YilianError",
    "check_terms",
    "draft",
    "fresh_id",
    "fresh_salt",
    "key_proof",
    "sign",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"yilian.sdk.{module}"), name)
    raise AttributeError(name)
