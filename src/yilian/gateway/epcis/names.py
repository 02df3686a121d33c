"""What prefixed names stand for, in events and in queries alike.

A name of an extension is its namespace, `#`, and its local part, whichever separator the namespace
ends with: `https://ns.example.org/epcis/` and `https://ns.example.org/epcis#` are told apart by
nobody, and JSON-LD, XML and EPCIS 1.2 join the two parts in different ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from yilian.gateway.epcis.document import Namespaces
from yilian.gateway.epcis.vocabulary import PREDEFINED, Kind, bare

_ENDS = "#/:"


def context_of(holder: Mapping[str, Any]) -> Namespaces:
    """Give the prefixes that an event or a query declares, in whatever form `@context` has."""
    return _declared(holder.get("@context"))


def _declared(context: Any) -> Namespaces:
    if isinstance(context, Mapping):
        return {
            str(prefix): value
            for prefix, value in context.items()
            if isinstance(value, str) and not str(prefix).startswith("@")
        }
    found: Namespaces = {}
    if isinstance(context, list | tuple):
        for each in context:
            found.update(_declared(each))
    return found


def field_name(name: str, namespaces: Namespaces) -> str:
    """Give the full name of an extension's field; without a namespace it begins with `#`."""
    prefix, colon, local = name.partition(":")
    if not colon:
        return name if name.startswith("#") else "#" + name
    namespace = namespaces.get(prefix) or PREDEFINED.get(prefix)
    if namespace is not None:
        return _joined(namespace, local)
    return _split(name)


@lru_cache(maxsize=4096)
def _joined(namespace: str, local: str) -> str:
    return namespace.rstrip(_ENDS) + "#" + local


@lru_cache(maxsize=4096)
def _split(name: str) -> str:
    at = max(name.rfind(mark) for mark in _ENDS)
    return name[:at].rstrip(_ENDS) + "#" + name[at + 1 :]


def word(kind: Kind, text: str, namespaces: Namespaces) -> str:
    """Give a word of the CBV bare, and any other as the whole URI it stands for."""
    return text if ":" not in text else bare(kind, whole(text, namespaces))


def whole(text: str, namespaces: Namespaces) -> str:
    """Give a value with a declared prefix as the URI it stands for."""
    prefix, _, local = text.partition(":")
    if prefix in namespaces and not local.startswith("//"):
        return namespaces[prefix] + local
    return text
