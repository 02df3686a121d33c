"""A node whose hospital has an EPCIS repository, and clients that show a token or sign."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from tests.chain import Actor
from tests.http.node import Node, claim, sign
from tests.unit.gateway.notices.servers import LOOPBACK
from yilian.gateway.epcis.capture import Limits
from yilian.gateway.epcis.document import Event, Mode
from yilian.gateway.epcis.json_form import encode
from yilian.gateway.epcis.news import News
from yilian.gateway.epcis.presentation import CONTEXT
from yilian.gateway.epcis.repository import Repository
from yilian.gateway.epcis.subscriptions import Subscriptions, find_in
from yilian.gateway.epcis.tokens import RIGHTS, Right, Tokens
from yilian.gateway.epcis.views import View, whole
from yilian.gateway.http.epcis import Room, routes
from yilian.gateway.notices.webhook import Webhook
from yilian.gateway.supply.database import FILE, SupplyDatabase

JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "application/xml"}
LIMITS = Limits(events=20_000, bytes=8 * 1024 * 1024)


class Place:
    """A running node, the repository of its hospital, and another's of its insurer."""

    def __init__(self, folder: Path, limits: Limits = LIMITS, view: View = whole) -> None:
        self.folder = folder
        self.limits = limits
        self.view = view
        self.rooms: dict[str, Room] = {}
        self._made = 0
        self._opened: list[tuple[SupplyDatabase, Room]] = []
        self.node = Node(folder, routes=routes(self.rooms.get))
        self.cast = self.node.cast
        self.hospital = self.cast.hospital
        for each in (self.cast.insurer, self.hospital):
            self._open(each.id)
        self.room = self.rooms[self.hospital.id]
        self.base = f"/epcis/{self.hospital.id}"
        self.client = self.bearer()

    def _open(self, name: str, mode: Mode = "default") -> None:
        self._made += 1
        folder = self.folder / f"{name}-{self._made}"
        folder.mkdir()
        database = SupplyDatabase(folder / FILE, name)
        repository = Repository(
            database, mode=mode, now=self.cast.clock, limits=self.limits, view=self.view
        )
        news = News(database, repository)
        tokens = Tokens(database, self.cast.clock)
        subscriptions = Subscriptions(
            database,
            news,
            find_in(repository.queries),
            Webhook(LOOPBACK),
            self.cast.clock,
            standing=tokens.standing,
        )
        made = Room(repository, tokens, subscriptions, news, self.cast.clock)
        repository.start()
        subscriptions.start()
        self.rooms[name] = made
        self._opened.append((database, made))

    @property
    def database(self) -> SupplyDatabase:
        """That of the hospital."""
        return self._opened[-1][0]

    def fresh(self, mode: Mode = "default") -> None:
        """Put an empty repository in place of the hospital's."""
        self._stop(*self._opened.pop())
        self._open(self.hospital.id, mode)
        self.room = self.rooms[self.hospital.id]
        self.client.close()
        self.client = self.bearer()

    def close(self) -> None:
        """Stop what runs."""
        self.client.close()
        self.node.close()
        for database, room in self._opened:
            self._stop(database, room)

    @staticmethod
    def _stop(database: SupplyDatabase, room: Room) -> None:
        room.subscriptions.stop()
        room.repository.stop()
        database.close()

    # Clients

    def token(
        self,
        *rights: Right,
        partner: str | None = None,
        expires: int = 3_600_000,
        room: Room | None = None,
    ) -> str:
        """Make a bearer token."""
        tokens = (room or self.room).tokens
        return tokens.issue("wms", rights or RIGHTS, partner, self.cast.clock() + expires).text

    def bearer(self, text: str | None = None, base: str | None = None) -> httpx.Client:
        """Give a client that shows a token, at the base of the repository."""
        return httpx.Client(
            base_url=self.node.url + (base or self.base),
            headers={"Authorization": f"Bearer {text or self.token()}"},
            timeout=60,
        )

    def signed(
        self, actor: Actor, method: str, path: str, body: bytes = b"", /, **headers: str
    ) -> httpx.Response:
        """Send a signed request; `path` from the root."""
        request = claim(self.cast, actor, path, method, body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.node.client.request(
            method,
            path,
            content=body,
            headers={"Yilian-Request": sign(request, actor.signer), **JSON, **named},
        )

    # Captures

    def capture(
        self, data: bytes, client: httpx.Client | None = None, **headers: str
    ) -> dict[str, Any]:
        """Capture a document and wait for its job."""
        by = client or self.client
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        made = by.post("/capture", content=data, headers={**JSON, **named})
        assert made.status_code == 202, made.text
        name = made.headers["location"].rsplit("/", 1)[1]
        self.room.repository.wait(name, 60)
        job: dict[str, Any] = by.get(f"/capture/{name}").json()
        assert job["captureID"] == name
        assert not job["running"]
        return job

    def put(self, events: Sequence[Event]) -> list[str]:
        """Capture events; gives their ids, as they are found again."""
        job = self.capture(document(events))
        assert job["success"], job
        return [each["eventID"] for each in events if "eventID" in each]


def document(events: Sequence[Event]) -> bytes:
    """Write events as an EPCIS document in JSON."""
    head = {
        "@context": [CONTEXT],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-11-22T08:00:00Z",
    }
    listed = b",".join(map(encode, events))
    return json.dumps(head).encode()[:-1] + b',"epcisBody":{"eventList":[' + listed + b"]}}"


def bare(event: Event) -> bytes:
    """Write one event as a document of its own."""
    return encode({**event, "@context": [CONTEXT, event.get("@context", {})]})


def name_in_path(name: str) -> str:
    """Write a name as one segment of a path."""
    return quote(name, safe="")


def events_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """Give the events of a query document."""
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["type"] == "EPCISQueryDocument"
    events: list[dict[str, Any]] = found["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    return events


def refused(answer: httpx.Response, code: str, status: int, exception: str) -> dict[str, Any]:
    """Check that an answer is a whole problem document, in our words and in those of GS1."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body: dict[str, Any] = answer.json()
    assert (body["code"], answer.status_code, body["status"]) == (code, status, status), body
    assert body["type"] == f"epcisException:{exception}", body
    for part in ("title", "detail", "next"):
        assert body[part]
        assert "{" not in body[part]
    return body


__all__ = ["JSON", "XML", "Place", "bare", "document", "events_of", "name_in_path", "refused"]
