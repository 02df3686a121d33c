"""Every word a person reads, one JSON file per language and capability.

A file is an object of keys; a value is a sentence with `{parameter}` places, or an object of such
(`say("en", "errors", "malformed/title")` goes one level in). Beside its sentences an object may
have `words`: by parameter, the words of a language for what the parameter says in code.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

LANGUAGES = ("en", "zh-CN")
DEFAULT = "en"
_MAX_HEADER = 512


def say(language: str, capability: str, key: str, /, **parameters: int | str) -> str:
    """Give the sentence `key` of a capability's file, with its places filled.

    Raises KeyError for a language, file, key or parameter that is not there.
    """
    found: Any = _words(language, capability)
    above: dict[str, Any] = {}
    for step in key.split("/"):
        if not isinstance(found, dict):
            raise KeyError(f"{language}/{capability}: {key}")
        above, found = found, found[step]
    if not isinstance(found, str):
        raise KeyError(f"{language}/{capability}: {key} is no sentence")
    words = above.get("words")
    if isinstance(words, dict):
        told = {name: value for name, value in parameters.items() if name in words}
        parameters |= {name: words[name].get(value, value) for name, value in told.items()}
    return found.format_map(parameters)


def negotiate(accept_language: str | None) -> str:
    """Choose a language for an `Accept-Language` value (RFC 9110, section 12.5.4).

    Any Chinese gets `zh-CN`; where nothing fits, or the value cannot be read, English.
    """
    best, weight = DEFAULT, 0.0
    for item in (accept_language or "")[:_MAX_HEADER].split(","):
        tag, _, rest = item.strip().partition(";")
        language = {"zh": "zh-CN", "en": "en", "*": DEFAULT}.get(tag.split("-")[0].strip().lower())
        quality = _quality(rest.strip())
        if language is not None and quality > weight:
            best, weight = language, quality
    return best


def _quality(text: str) -> float:
    if not text:
        return 1.0
    name, _, value = text.partition("=")
    try:
        return float(value) if name.strip() == "q" and 0 <= float(value) <= 1 else 0.0
    except ValueError:
        return 0.0


@cache
def _words(language: str, capability: str) -> dict[str, Any]:
    if language not in LANGUAGES or not capability.isidentifier():
        raise KeyError(f"{language}/{capability}")
    file = resources.files(__package__) / language / f"{capability}.json"
    try:
        words = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise KeyError(f"{language}/{capability}") from None
    if not isinstance(words, dict):
        raise KeyError(f"{language}/{capability}")
    return words
