"""Notices: of what a person is told, what a notice may carry, and its words.

A notice carries ids and times alone. The one name that its words show is that of an organisation,
which is public on the chain and is looked up when the words are made. What leaves the house (mail,
webhook, SMS, WeChat) says still less: the title, and that the rest is in the inbox.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, get_args

import msgspec

from yilian import text
from yilian.ledger import codec
from yilian.ledger.errors import Refusal, code
from yilian.vault.desk_formats import Language, written
from yilian.vault.envelope import Format

KIND_UNKNOWN = code(9362, "notice_kind_unknown", 400)
PARAMETERS_DIFFER = code(9363, "notice_parameters_differ", 400, "kind")

Kind = Literal[
    "ask_received",
    "ask_refused",
    "copies_erased",
    "custodian_named",
    "custodian_switched",
    "erasure_done",
    "glass_broken",
    "grant_changed",
    "grant_given",
    "grant_revoked",
    "health_link_opened",
    "link_made",
    "pack_recalled",
    "product_recalled",
    "record_corrected",
    "records_read",
    "recovery_started",
    "replica_allowed",
    "replica_ended",
    "result_ready",
    "result_shared",
]
Parameters = Mapping[str, str | int]

PARAMETERS: dict[Kind, tuple[str, ...]] = {
    "ask_received": ("ask", "ends", "organisation"),
    "ask_refused": ("ask", "organisation", "time"),
    "copies_erased": ("erasure", "organisation", "time"),
    "custodian_named": ("custodian", "ends"),
    "custodian_switched": ("custodian", "time"),
    "erasure_done": ("erasure", "organisation", "time"),
    "glass_broken": ("access", "organisation", "time"),
    "grant_changed": ("ends", "grant", "organisation"),
    "grant_given": ("ends", "grant", "organisation"),
    "grant_revoked": ("grant", "organisation"),
    "health_link_opened": ("link", "organisation", "time"),
    "link_made": ("link", "organisation", "time"),
    "pack_recalled": ("organisation", "recall", "time"),
    "product_recalled": ("organisation", "recall", "time"),
    "record_corrected": ("organisation", "record", "time"),
    "records_read": ("organisation", "session", "time"),
    "recovery_started": ("ends", "recovery"),
    "replica_allowed": ("ends", "grant", "organisation"),
    "replica_ended": ("grant", "organisation"),
    "result_ready": ("organisation", "record"),
    "result_shared": ("grant", "organisation", "record"),
}
"""What each kind carries: all of it, and nothing else."""

TIMES = frozenset({"ends", "time"})
"""Parameters that are moments (ms); every other one is an id."""

assert set(get_args(Kind)) == set(PARAMETERS)

_decoders = {
    kind: codec.decoder(
        msgspec.defstruct(
            kind,
            [(name, codec.Millis if name in TIMES else codec.Id) for name in names],
            bases=(Format,),
            frozen=True,
            kw_only=True,
        )
    )
    for kind, names in PARAMETERS.items()
}


class Words(NamedTuple):
    """A notice in a person's language: for the inbox, and (`outside`) for what leaves the house."""

    title: str
    body: str
    outside: str


def checked(kind: str, parameters: Parameters) -> bytes:
    """Write a notice's parameters as canonical bytes.

    Refuses `notice_kind_unknown`, and `notice_parameters_differ` for a name too many or too few and
    for a value that is no id or no time: no other text can come in.
    """
    decoder = _decoders.get(_kind(kind))
    assert decoder is not None
    try:
        return written(decoder, dict(parameters))
    except Refusal:
        raise PARAMETERS_DIFFER(kind=kind) from None


def opened(kind: str, data: bytes) -> dict[str, Any]:
    """Read what `checked` wrote."""
    found = codec.decode_with(_decoders[_kind(kind)], data)
    return {name: getattr(found, name) for name in PARAMETERS[_kind(kind)]}


def _kind(kind: str) -> Kind:
    for known in PARAMETERS:
        if known == kind:
            return known
    raise KIND_UNKNOWN()


def words(
    kind: str,
    parameters: Parameters,
    language: Language,
    organisations: Callable[[str], str],
    sender: str,
    offset: int = 480,
) -> Words:
    """Say a notice.

    `organisations` gives the public name of an organisation's id, `sender` is the id of the one
    that sends, `offset` the minutes by which times are written east of UTC.
    """
    said: dict[str, str] = {"sender": _line(organisations(sender))}
    for name in PARAMETERS[_kind(kind)]:
        value = parameters[name]
        if name == "organisation":
            said[name] = _line(organisations(str(value)))
        elif name in TIMES:
            said[name] = moment(int(value), offset)
    return Words(
        title=text.say(language, "notices", f"{kind}/title"),
        body=text.say(language, "notices", f"{kind}/body", **said),
        outside=text.say(language, "notices", "outside", **said),
    )


def moment(time: int, offset: int) -> str:
    """Write a moment (ms) as `2026-03-01 08:30 (UTC+08:00)`; beyond the calendar, as its number."""
    try:
        at = datetime.fromtimestamp(time // 1000, UTC) + timedelta(minutes=offset)
    except (OverflowError, ValueError, OSError):
        return str(time)
    sign = "-" if offset < 0 else "+"
    hours, minutes = divmod(abs(offset), 60)
    return f"{at:%Y-%m-%d %H:%M} (UTC{sign}{hours:02}:{minutes:02})"


def _line(name: str) -> str:
    """A name cannot add lines of its own to a message."""
    return " ".join("".join(each if each.isprintable() else " " for each in name).split())[:200]
