"""What another member's refusal becomes here: the same refusal, where it is one of the law's."""

from __future__ import annotations

import msgspec

from yilian.gateway import errors as border
from yilian.gateway.members.errors import (
    ANSWER_REFUSED,
    BEHIND,
    CALLER_UNKNOWN,
    ELSEWHERE,
    NOT_RECOGNISED,
    REFUSED,
    TOO_MANY,
    UNREACHABLE,
)
from yilian.ledger.errors import INTERNAL, MALFORMED, Code, Refusal, by_name

_OF_THE_WAY = frozenset(
    {
        border.BAD_REQUEST,
        border.BODY_TOO_LARGE,
        border.METHOD_NOT_ALLOWED,
        border.NOT_FOUND,
        border.UNAVAILABLE,
        border.UNSUPPORTED_MEDIA_TYPE,
        INTERNAL,
        MALFORMED,
    }
)
"""What says something about how was asked, not about what: it is told as the member's refusal."""

PASSING = frozenset(
    {
        BEHIND,
        NOT_RECOGNISED,
        TOO_MANY,
        UNREACHABLE,
        border.ENGINE_STOPPED,
        border.UNAVAILABLE,
    }
)
"""Refusals after which the same question may be answered a while later."""


class _Problem(msgspec.Struct):
    code: str
    parameters: dict[str, int | str] = {}


_decoder = msgspec.json.Decoder(_Problem)


def refusal_of(organisation: str, status: int, body: bytes) -> Refusal:
    """Read a problem document (RFC 9457) of another member.

    A refusal of the law or of the practice is given on as it is. All else is `members.refused` with
    its name, so that nobody takes the other's trouble for their own.
    """
    try:
        problem = _decoder.decode(body)
        found = by_name(problem.code)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError):
        if status == border.UNAVAILABLE.status:
            return UNREACHABLE(id=organisation)
        return ANSWER_REFUSED(id=organisation)
    if found is CALLER_UNKNOWN:
        return NOT_RECOGNISED(id=organisation)
    of_the_way = found in _OF_THE_WAY or found in ELSEWHERE - {BEHIND, TOO_MANY}
    if of_the_way or found.status == 401 or not _fits(found, status, problem):
        return REFUSED(id=organisation, refusal=found.name)
    return Refusal(found, problem.parameters)


def _fits(found: Code, status: int, problem: _Problem) -> bool:
    if tuple(sorted(problem.parameters)) != found.parameters or status != found.status:
        return False
    return all(
        abs(each) < 2**53 if isinstance(each, int) else len(each) <= 500
        for each in problem.parameters.values()
    )


def passing(refusal: Refusal) -> bool:
    """Tell whether a refusal may be over a while later."""
    if refusal.code is REFUSED:
        return refusal.parameters["refusal"] in {each.name for each in (*PASSING, INTERNAL)}
    return refusal.code in PASSING
