"""What a person signs, checked before it is signed: that a commitment is of the terms shown.

    prepared = client.request("POST", f"{base}/grants/prepare", asked)
    client.send([check_terms(prepared, asked)])
    client.request("POST", f"{base}/grants/{prepared['grant']}/deliver")

A commitment says nothing by itself. A server that showed one set of terms and had another signed
would be found out here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.consent.messages import Change, Grant
from yilian.sdk.errors import AnswerError
from yilian.vault.envelope import SALT_BYTES, Terms, terms_commitment

_NARROW = {
    "categories": (),
    "conditions": (),
    "denied": (),
    "practitioner": None,
    "purposes": ("treat",),
    "records": None,
    "redact": (),
    "role": None,
    "sensitivities": ("normal",),
    "team": (),
}
"""What terms are where the request leaves a field out."""

_DAY_MS = 86_400_000


class _Prepared(msgspec.Struct, frozen=True, kw_only=True):
    grant: codec.Id
    terms: Terms
    salt: codec.Digest
    commitment: codec.Digest
    starts: codec.Millis
    ends: codec.Millis
    version: codec.Positive


def check_terms(prepared: Mapping[str, Any], asked: Mapping[str, Any]) -> Grant | Change:
    """Check a prepared grant against what was asked for; gives the message to sign.

    `prepared` is the answer of `grants/prepare`, `asked` the body that was sent. Raises AnswerError
    where the commitment is not of the terms shown, or the terms are not those asked for.
    """
    try:
        made = msgspec.convert(dict(prepared), _Prepared)
        salt = codec.to_bytes(made.salt)
    except (msgspec.ValidationError, Refusal) as error:
        raise AnswerError(200, "not a prepared grant") from error
    if len(salt) != SALT_BYTES or terms_commitment(salt, made.terms) != made.commitment:
        raise AnswerError(200, "the commitment is not of these terms")
    different = _different(made, asked)
    if different:
        raise AnswerError(200, f"the terms differ from what was asked for: {', '.join(different)}")
    kind = Grant if asked.get("grant") is None else Change
    return kind(grant=made.grant, terms=made.commitment, starts=made.starts, ends=made.ends)


def _different(made: _Prepared, asked: Mapping[str, Any]) -> list[str]:
    terms = made.terms
    found = [name for name in _NARROW if getattr(terms, name) != _said(asked, name)]
    if terms.grantee != asked["grantee"]:
        found.append("grantee")
    if (terms.starts, terms.ends) != (made.starts, made.ends) or not _in_time(terms, asked):
        found.append("ends")
    if asked.get("grant") is None:
        return found if made.version == 1 else [*found, "version"]
    return found if (made.grant, made.version > 1) == (asked["grant"], True) else [*found, "grant"]


def _said(asked: Mapping[str, Any], name: str) -> Any:
    value = asked.get(name, _NARROW[name])
    if isinstance(value, (list, tuple)):
        value = tuple(sorted(set(value)))
    return (value or None) if name == "records" else value


def _in_time(terms: Terms, asked: Mapping[str, Any]) -> bool:
    if asked.get("starts") is not None and terms.starts != asked["starts"]:
        return False
    if asked.get("ends") is not None:
        return bool(terms.ends == asked["ends"])
    days = 30 if asked.get("days") is None else asked["days"]
    return bool(terms.ends - terms.starts == days * _DAY_MS)
