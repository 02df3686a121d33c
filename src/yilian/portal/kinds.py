"""What the fields of events are, so that an event can be put in words."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from functools import cache
from typing import Literal

from yilian.ledger.module import Event
from yilian.ledger.modules import MODULES

Kind = Literal["moment", "id", "word", "yes", "plain"]

_WRITTEN: dict[str, Kind] = {
    "codec.Millis": "moment",
    "codec.Id": "id",
    "codec.Digest": "id",
    "codec.Name": "word",
    "bool": "yes",
}


@cache
def kinds() -> dict[str, dict[str, Kind]]:
    """Give the kind of each field of each event, by the event's type."""
    found = {
        str(event.__struct_config__.tag): dict(_fields(event))
        for module in MODULES
        for event in module.events
    }
    return dict(sorted(found.items()))


def words() -> set[str]:
    """Give every word that a field of kind `word` is known to hold."""
    return {
        word
        for module in MODULES
        for event in module.events
        for hint in typing.get_type_hints(event).values()
        for part in (hint, *typing.get_args(hint))
        if typing.get_origin(part) is Literal
        for word in typing.get_args(part)
    }


def _fields(event: type[Event]) -> Iterator[tuple[str, Kind]]:
    hints = typing.get_type_hints(event)
    for name, written in event.__annotations__.items():
        parts = (hints[name], *typing.get_args(hints[name]))
        chosen = any(typing.get_origin(each) is Literal for each in parts)
        yield name, "word" if chosen else _WRITTEN.get(written.removesuffix(" | None"), "plain")
