"""Reading a FHIR R4 Patient as the registration desk knows a person (R4, 8.1, resource Patient).

The record stays as it came; this is a second look, and a lenient one: what cannot be read is left
out, for a bundle is never refused because of a name or a telephone number.
"""

from __future__ import annotations

import re

import msgspec

from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault.desk_formats import Contacts, Language, Person, check_person, written

_MOBILE = re.compile(r"1[3-9][0-9]{9}\Z")
"""A Chinese mobile number as it is written at home."""
_PHONE_MARKS = dict.fromkeys(map(ord, " -().\u00a0\u2010\u2011"))
_HAN = re.compile("[\u3400-\u9fff]")
_MAX_NAME = 200
_PREFERRED = ("official", "usual")


class _Coding(msgspec.Struct):
    code: str | None = None


class _Concept(msgspec.Struct):
    coding: list[_Coding] = []


class _Communication(msgspec.Struct):
    language: _Concept | None = None
    preferred: bool = False


class _Name(msgspec.Struct):
    use: str | None = None
    text: str | None = None
    family: str | None = None
    given: list[str] = []


class _Telecom(msgspec.Struct):
    system: str | None = None
    value: str | None = None
    use: str | None = None


class _Patient(msgspec.Struct, rename="camel"):
    name: list[_Name] = []
    telecom: list[_Telecom] = []
    birth_date: str | None = None
    communication: list[_Communication] = []


_decoder = msgspec.json.Decoder(_Patient, strict=False)
_person_decoder = codec.decoder(Person)


def described(person: str, content: bytes) -> Person | None:
    """Read a Patient's text as the desk's entry of `person`; None where it has no usable name.

    The name in use officially, the language (`zh-CN` for what is written in Chinese characters
    and says nothing else), the birth date where it is whole, one mail address and one telephone.
    """
    try:
        read = _decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    name = _name(read.name)
    if name is None:
        return None
    language = _language(read.communication, name)
    plain = Person(person=person, name=name, language=language)
    for changed in (
        {"contacts": Contacts(email=_email(read.telecom)), "born": read.birth_date},
        {"contacts": Contacts(phone=_phone(read.telecom))},
    ):
        for field, value in changed.items():
            plain = _with(plain, field, value)
    return plain if _sound(plain) else None


def _with(person: Person, field: str, value: object) -> Person:
    """Put a field where it is sound; contacts are joined, one that is unsound is left out."""
    if isinstance(value, Contacts):
        known = person.contacts
        value = Contacts(email=known.email or value.email, phone=known.phone or value.phone)
    changed = msgspec.structs.replace(person, **{field: value})
    return changed if _sound(changed) else person


def _sound(person: Person) -> bool:
    try:
        written(_person_decoder, person)
        check_person(person)
    except Refusal:
        return False
    return True


def _name(names: list[_Name]) -> str | None:
    def rank(each: _Name) -> int:
        return _PREFERRED.index(each.use) if each.use in _PREFERRED else len(_PREFERRED)

    for each in sorted(names, key=rank):
        # Family name last in Western order, and first without a space in Chinese.
        parts = [*each.given, each.family or ""]
        if _HAN.search("".join(parts)):
            text = (each.family or "") + "".join(each.given)
        else:
            text = " ".join(parts)
        said = " ".join((each.text or text).split())[:_MAX_NAME]
        if said:
            return said
    return None


def _language(spoken: list[_Communication], name: str) -> Language:
    for each in sorted(spoken, key=lambda each: not each.preferred):
        for coding in each.language.coding if each.language else []:
            if coding.code and coding.code.lower().split("-")[0] == "zh":
                return "zh-CN"
            if coding.code and coding.code.lower().split("-")[0] == "en":
                return "en"
    return "zh-CN" if _HAN.search(name) else "en"


def _email(telecom: list[_Telecom]) -> str | None:
    found = (each.value.strip() for each in telecom if each.system == "email" and each.value)
    return next(found, None)


def _phone(telecom: list[_Telecom]) -> str | None:
    """Give the first number that is whole (E.164), a Chinese mobile's with its country code."""
    for each in telecom:
        if each.system != "phone" or not each.value:
            continue
        number = each.value.translate(_PHONE_MARKS)
        if _MOBILE.match(number):
            return "+86" + number
        if number.startswith("+"):
            return number
    return None
