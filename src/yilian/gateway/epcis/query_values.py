"""Values of query parameters, as JSON has them or as texts of a URL, read and checked.

Whatever is not of its kind raises `Wrong` with the word for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from yilian.gateway.epcis.terms import (
    LONGEST_ID,
    exact_value,
    microseconds,
    number_value,
    read_number,
    text_value,
    time_value,
)


class Wrong(Exception):
    """A parameter's value is not of its kind; carries the word for it."""


def listed(value: Any) -> list[Any]:
    """Give a value that may stand alone as a list; an empty list asks for nothing."""
    found = list(value) if isinstance(value, list | tuple) else [value]
    if not found:
        raise Wrong("empty")
    return found


def texts(value: Any) -> list[str]:
    """Read texts."""
    return [text(each) for each in listed(value)]


def text(value: Any) -> str:
    """Read one text of a bounded length."""
    if not isinstance(value, str):
        raise Wrong("text")
    if not value or len(value) > LONGEST_ID:
        raise Wrong("length")
    return value


def choice(text: str, choices: tuple[str, ...]) -> str:
    """Read one word out of some."""
    if text not in choices:
        raise Wrong("choice")
    return text


def numbers(value: Any) -> list[Decimal]:
    """Read numbers."""
    return [number(each) for each in listed(value)]


def number(value: Any) -> Decimal:
    """Read a number, exactly, also where a URL writes it as a text."""
    if isinstance(value, str):
        found = read_number(value)
        if found is None:
            raise Wrong("number")
        return found
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Wrong("number")
    told = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not told.is_finite():
        raise Wrong("number")
    return told


def boolean(value: Any) -> bool:
    """Read a truth value, also where a URL writes it as a text."""
    told = {"true": True, "false": False, "1": True, "0": False}.get(str(value).lower())
    if told is None or isinstance(value, list):
        raise Wrong("boolean")
    return told


def count(value: Any) -> int | None:
    """Read a count of events; None where none is given."""
    if value is None:
        return None
    counted = number(value)
    if counted != counted.to_integral_value() or not 1 <= counted <= 10**9:
        raise Wrong("integer")
    return int(counted)


def written(value: Any) -> Iterator[str]:
    """Give the values that are equal to one: a text, the number or the moment that it writes."""
    if isinstance(value, bool):
        yield text_value("true" if value else "false")
    elif isinstance(value, str):
        yield text_value(value)
        told = read_number(value)
        if told is not None:
            yield exact_value(told)
        elif value[4:5] == "-":
            try:
                yield time_value(microseconds(value))
            except ValueError:
                return
    else:
        yield number_value(number(value))
