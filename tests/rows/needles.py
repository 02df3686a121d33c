"""What must be nowhere: the personal words of FHIR resources, in every form they could hide in."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "gb18030")
PERSONS = ("Patient", "Practitioner", "RelatedPerson", "Person")
_LEAST_TEXT = 6
"""ASCII needles below this many bytes occur in random base64url by chance."""


def personal(resource: Mapping[str, Any]) -> Iterator[str]:
    """Give names, numbers, addresses, telephones and birth dates of a resource about a person."""
    if resource["resourceType"] not in PERSONS:
        return
    for name in resource.get("name", ()):
        given = name.get("given", [])
        yield from (name.get("text", ""), name.get("family", ""), *given)
        yield name.get("family", "") + "".join(given)
        yield " ".join([*given, name.get("family", "")])
    for each in (*resource.get("identifier", ()), *resource.get("telecom", ())):
        yield each.get("value", "")
    for address in resource.get("address", ()):
        yield from (
            address.get("text", ""),
            address.get("postalCode", ""),
            *address.get("line", []),
        )
    birth = resource.get("birthDate", "")
    yield from (birth, birth.replace("-", ""), birth.replace("-", "/"))
    for contact in resource.get("contact", ()):
        name = contact.get("name", {})
        yield from (name.get("text", ""), name.get("family", ""))
        yield from (each.get("value", "") for each in contact.get("telecom", ()))


def forms(word: str) -> Iterator[bytes]:
    """Write a word in every encoding, each plain, in base64 at its three offsets, and in hex."""
    for encoding in ENCODINGS:
        plain = word.encode(encoding)
        yield plain
        yield plain.hex().encode()
        yield plain.hex().upper().encode()
        for shift in range(3):
            # The middle of the base64 of the word at this offset, whatever stands around it.
            padded = base64.b64encode(bytes(shift) + plain)
            first = (shift * 8 + 5) // 6
            last = ((shift + len(plain)) * 8) // 6
            inner = padded[first:last]
            yield inner
            yield inner.translate(bytes.maketrans(b"+/", b"-_"))


def needles(words: Iterable[str], least: int) -> dict[bytes, str]:
    """Give the byte strings to look for, of `least` bytes or more, with the word of each."""
    found: dict[bytes, str] = {}
    for word in set(words):
        for form in forms(word) if word else ():
            needed = max(least, _LEAST_TEXT) if form.isascii() else least
            if len(form) >= needed:
                found[form] = word
    return found


class Scanner:
    """Looks for many needles at once: by their first bytes, then whole."""

    def __init__(self, wanted: Mapping[bytes, str]) -> None:
        self._wanted = wanted
        self._width = min(map(len, wanted))
        self._starts: dict[bytes, list[bytes]] = {}
        for each in wanted:
            self._starts.setdefault(each[: self._width], []).append(each)

    def find(self, data: bytes) -> set[str]:
        """Name the words that stand in the data in some form."""
        found, width, starts = set(), self._width, self._starts
        for at in range(len(data) - width + 1):
            candidates = starts.get(data[at : at + width])
            if candidates is not None:
                found |= {self._wanted[each] for each in candidates if data.startswith(each, at)}
        return found


def files(*folders: Path) -> Iterator[tuple[Path, bytes]]:
    """Give every file below folders, with its bytes."""
    for folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
            if path.is_file():
                yield path, path.read_bytes()
