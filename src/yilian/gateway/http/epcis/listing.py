"""What several resources answer with: events as a query document, and lists of names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from yilian.gateway.epcis.presentation import CONTEXT, EpcFormat, query_document, translated
from yilian.gateway.epcis.query_sql import Page, PageToken
from yilian.gateway.epcis.store import Stored, timestamp
from yilian.gateway.epcis.xml_writing import write_xml
from yilian.gateway.http.epcis import paging
from yilian.gateway.http.epcis.answering import (
    JSON_LD,
    TEXT_XML,
    USED,
    XML,
    choice,
    epc_format,
    media_type,
)
from yilian.gateway.http.epcis.room import Visit
from yilian.gateway.http.operation import JSON, Parameter

UNNAMED = "SimpleEventQuery"
"""What a question without a name is called in its answer."""

XML_FORMATS = ("No_Preference", "Always_Web_URI", "Always_URN", "Never_Translates")
DOCUMENT = {JSON: dict[str, Any], JSON_LD: dict[str, Any], XML: str}
FORMATS = (
    Parameter(
        name="GS1-EPC-Format",
        where="header",
        schema={"type": "string"},
        description="How EPCs are spelt: as Digital Links where nothing is said.",
    ),
    Parameter(
        name="GS1-CBV-XML-Format",
        where="header",
        schema={"type": "string"},
        description="How words of the CBV are spelt in XML: as web URIs where nothing is said.",
    ),
)


def collection(members: Iterable[str]) -> dict[str, Any]:
    """Write a list of names as the standard does."""
    return {"@context": [CONTEXT], "type": "Collection", "member": list(members)}


async def ask(
    request: Request, visit: Visit, parameters: Mapping[str, Any], query: str = UNNAMED
) -> Response:
    """Answer a question with a page of events."""
    asked = paging.read(request, visit)
    write = _writer(request, visit, query)
    token = None if asked.place is None else PageToken.read(str(asked.place))

    def answered() -> tuple[bytes, Page]:
        page = visit.room.repository.query(
            parameters, page=token, limit=asked.limit, viewer=visit.viewer
        )
        return write.document(page.events), page

    data, page = await to_thread.run_sync(answered)
    following = None if page.next is None else page.next.text()
    headers = {**USED, **paging.following(request, visit, following)}
    return Response(data, 200, headers, write.media)


async def show(request: Request, visit: Visit, event: Stored) -> Response:
    """Answer with one event, in a query document."""
    write = _writer(request, visit, UNNAMED)
    return Response(await to_thread.run_sync(write.document, [event]), 200, USED, write.media)


class _Writer:
    def __init__(
        self,
        visit: Visit,
        query: str,
        media: str,
        spelt: EpcFormat,
        words: Literal["web", "urn"],
    ) -> None:
        self._visit = visit
        self._query = query
        self.media = media
        self._spelt = spelt
        self._words = words

    def document(self, events: Iterable[Stored]) -> bytes:
        """Write events as the request wants them."""
        room = self._visit.room
        shown = (translated(each.event, self._spelt, room.prefix_length) for each in events)
        created = timestamp(room.now())
        if self.media in (XML, TEXT_XML):
            return write_xml(
                shown,
                kind="EPCISQueryDocument",
                created=created,
                query=self._query,
                spelling=self._words,
            )
        return query_document(shown, query=self._query, created=created)


def _writer(request: Request, visit: Visit, query: str) -> _Writer:
    media = media_type(request, JSON, JSON_LD, XML, TEXT_XML)
    words = choice(request, "GS1-CBV-XML-Format", XML_FORMATS, "No_Preference")
    urn = words == "Always_URN"
    return _Writer(visit, query, media, epc_format(request), "urn" if urn else "web")
