"""Bytes that somebody sent, as elements of XML, one event after the other, in little memory.

Nothing is fetched and nothing is expanded: a document type definition, an entity of one's own or
an encoding outside a short list is refused before the parser sees a byte. What has been read is
let go, so that memory is bounded by the largest event and not by the document.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

from yilian.gateway.epcis.document import Fault, Unreadable
from yilian.gateway.epcis.xml_structure import Element

LARGEST_DOCUMENT: Final = 64 * 1024 * 1024
"""Bytes of a document."""

MOST_NODES: Final = 1_000_000
"""Elements and attributes that one event, or all that stands around the events, may have."""

_CHUNK = 64 * 1024
_BARE_DOCTYPE = re.compile(rb"<!DOCTYPE[ \t\r\n]+[^ \t\r\n\[\]<>\"'&%;]{1,200}[ \t\r\n]*>")
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding[ \t\r\n]*=[ \t\r\n]*[\"']([A-Za-z0-9._\-]+)")
_CODECS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "iso-8859-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "windows-1252": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5",
}


def refusal(path: str, reason: str) -> Unreadable:
    """A refusal of the whole document."""
    return Unreadable(Fault(None, path, reason))


def utf8(data: bytes) -> bytes:
    """The document in UTF-8, whatever it was written in.

    Refuses documents that are too large, in an encoding outside the list, or not in the one they
    claim, and every document type declaration but a bare name, which declares nothing.
    """
    if len(data) > LARGEST_DOCUMENT:
        raise refusal("", "too_large")
    codec = _codec(data)
    if codec != "utf-8":
        try:
            data = data.decode(codec).encode()
        except UnicodeError:
            raise refusal("", "bad_charset") from None
    data = data.removeprefix(codecs.BOM_UTF8)
    at = data.find(b"<!")
    if at >= 0:
        _refuse_definitions(data)
    return data


def _codec(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if data.startswith(b"<\x00"):
        return "utf-16-le"
    if data.startswith(b"\x00<"):
        return "utf-16-be"
    declared = _DECLARED.match(data.removeprefix(codecs.BOM_UTF8))
    name = declared[1].decode().lower() if declared else "utf-8"
    codec = _CODECS.get(name)
    if codec is None or codec.startswith("utf-16"):
        raise refusal("", "bad_charset")
    if data.startswith(codecs.BOM_UTF8) and codec != "utf-8":
        raise refusal("", "bad_charset")
    return codec


def _refuse_definitions(data: bytes) -> None:
    if b"<!ENTITY" in data or b"<!ELEMENT" in data or b"<!ATTLIST" in data:
        raise refusal("", "document_type")
    at = data.find(b"<!DOCTYPE")
    while at >= 0:
        if not _BARE_DOCTYPE.match(data, at):
            raise refusal("", "document_type")
        at = data.find(b"<!DOCTYPE", at + 1)


class Elements:
    """The elements of the given names, each when it has ended; `root` once there is one.

    Whoever takes an element says `let_go` when nobody needs its content any more.
    """

    def __init__(self, data: bytes, names: tuple[str, ...]) -> None:
        self._data = data
        self._parser = etree.XMLPullParser(
            events=("end",),
            tag=names,
            encoding="utf-8",
            resolve_entities=False,
            load_dtd=False,
            dtd_validation=False,
            no_network=True,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
            strip_cdata=True,
        )
        self._nodes = 0
        self.root: Element | None = None

    def __iter__(self) -> Iterator[Element]:
        view = memoryview(self._data)
        for start in range(0, len(view), _CHUNK):
            chunk = bytes(view[start : start + _CHUNK])
            self._nodes += chunk.count(b"<") + chunk.count(b"=")
            if self._nodes > MOST_NODES:
                raise refusal("", "too_large")
            self._feed(chunk)
            yield from self._ended()
        try:
            self.root = self._parser.close()
        except etree.XMLSyntaxError:
            raise refusal("", "bad_xml") from None

    def let_go(self, element: Element) -> None:
        """Forget the content of an element that has been read."""
        element.clear(keep_tail=True)
        self._nodes = 0

    def _feed(self, chunk: bytes) -> None:
        try:
            self._parser.feed(chunk)
        except etree.XMLSyntaxError:
            raise refusal("", "bad_xml") from None

    def _ended(self) -> Iterator[Element]:
        for _, element in self._parser.read_events():
            if isinstance(element, etree._Element):
                yield element
