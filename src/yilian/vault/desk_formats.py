"""What the registration desk writes down: persons, staff, and how a value is checked."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Literal

import msgspec

from yilian.ledger import codec
from yilian.ledger.codec import Id, Name
from yilian.ledger.errors import MALFORMED, code
from yilian.vault.envelope import Format

DESK_ROW_DAMAGED = code(9366, "desk_row_damaged", 500, "row")

Language = Literal["en", "zh-CN"]

# Control codes, half surrogates, line ends, and the marks that turn the direction of writing, by
# which a name can be made to read as another.
_UNWANTED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

Email = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$(?!\n)",
        max_length=254,
    ),
]
"""A mail address in ASCII (the HTML standard's form of RFC 5321, without quoting)."""

Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[!-~]+$(?!\n)", max_length=1000)]
"""An address to post to; whether it may be used is decided where it is used."""

Phone = Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{6,14}$(?!\n)", max_length=16)]
"""A telephone number (ITU-T E.164)."""

Account = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]+$(?!\n)", min_length=1, max_length=64)
]
"""A person's id at a messaging service, as WeChat's `openid`."""

Words = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Contacts(Format, frozen=True, kw_only=True):
    """Where notices go besides the inbox at the organisation, which everybody has."""

    webhook: Url | None = None
    email: Email | None = None
    phone: Phone | None = None
    wechat: Account | None = None

    def __repr__(self) -> str:
        return "<Contacts>"


class Person(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-person/1"):
    """A person as the desk knows them; `born` is YYYY-MM-DD.

    `provisional`: the name is what the ward calls somebody who is not identified yet.
    """

    person: Id
    name: Words
    language: Language
    contacts: Contacts = Contacts()
    born: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$(?!\n)")] | None = None
    provisional: bool = False

    def __repr__(self) -> str:
        return f"<Person {self.person}>"


class Staff(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-staff/1"):
    """A practitioner who works here: name, role, and the teams by id, sorted without repeats."""

    practitioner: Id
    name: Words
    role: Name
    teams: Annotated[tuple[Id, ...], msgspec.Meta(max_length=64)] = ()

    def __repr__(self) -> str:
        return f"<Staff {self.practitioner}>"


def written(decoder: msgspec.json.Decoder[Any], value: Any) -> bytes:
    """Write a value as canonical bytes; refuses `malformed` where it breaks its own format.

    A struct built in Python is not checked by msgspec until it is decoded.
    """
    try:
        data = codec.encode(value)
    except (TypeError, ValueError, OverflowError):
        raise MALFORMED() from None
    codec.decode_with(decoder, data)
    return data


def check_person(person: Person) -> None:
    """Refuse `malformed`: a name with control codes, a birth date that no calendar has."""
    check_line(person.name)
    if person.born is not None:
        try:
            date.fromisoformat(person.born)
        except ValueError:
            raise MALFORMED() from None


def check_staff(staff: Staff) -> None:
    """Refuse `malformed`: a name with control codes, teams out of order or twice."""
    check_line(staff.name)
    if any(first >= second for first, second in pairwise(staff.teams)):
        raise MALFORMED()


def check_line(text: str) -> None:
    """Refuse `malformed` for a text that is more than one line of visible letters."""
    if _UNWANTED.search(text) or not text.strip():
        raise MALFORMED()


_ids = codec.decoder(Id)
_digests = codec.decoder(codec.Digest)


def checked_id(text: str) -> str:
    """Give an id back; refuses `malformed` for any other text, which may be personal."""
    written(_ids, text)
    return text


def checked_digest(text: str) -> str:
    """Give a digest back; refuses `malformed` for any other text."""
    written(_digests, text)
    return text
