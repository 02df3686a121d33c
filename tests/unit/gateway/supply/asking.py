"""The gateway of a node whose organisations answer for packs, asked over HTTP in this process."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anyio
import httpx
from starlette.applications import Starlette

from tests.chain import Actor
from tests.http.node import claim, sign
from tests.unit.gateway.supply.trade import Desk, Trade, Working
from yilian.gateway.app import build
from yilian.gateway.http import supply_public, verification_router
from yilian.gateway.http.organisation import supply_places, supply_verifications
from yilian.gateway.http.organisation.rooms import Rooms
from yilian.gateway.index import ChainIndex
from yilian.gateway.members.errors import UNREACHABLE
from yilian.gateway.meter import Meter
from yilian.gateway.supply.directory import Directory
from yilian.gateway.supply.responders import PackAsked, Responders, answer_member
from yilian.gateway.supply.scan import Shown
from yilian.gateway.supply.verdict import Question

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

CORRELATION = "5ae27a1c-1d2f-4b0a-9d2b-7d4f1e0a9c33"


class Wire:
    """The way to an organisation at another node, which may be down."""

    def __init__(
        self, caller: str, name: str, desks: Mapping[str, Desk | Working], down: set[str]
    ) -> None:
        self._caller, self._name, self._desks, self._down = caller, name, desks, down

    def _desk(self) -> Desk | Working:
        if self._name not in self._desks or self._name in self._down:
            raise UNREACHABLE(id=self._name)
        return self._desks[self._name]

    def verify_pack(self, asked: PackAsked) -> Any:
        """Ask as the members' door does."""
        return answer_member(self._desk(), self._caller, asked)

    def show_pack(self, question: Question) -> Shown:
        """Ask for what the public may see."""
        return self._desk().public.show(question)


class Host:
    """An organisation of a node."""

    def __init__(
        self,
        name: str,
        desk: Desk | Working,
        elsewhere: Mapping[str, Desk | Working],
        down: set[str],
    ):
        self.id, self.supply = name, desk
        self._elsewhere, self._down = elsewhere, down

    def counterpart(self, name: str) -> Wire:
        """Give the way to another."""
        return Wire(self.id, name, self._elsewhere, self._down)

    def trade(self) -> Desk | Working:
        """Give its part in the supply chain."""
        return self.supply


class Gateway:
    """A node for some of a trade's organisations; the others are at nodes of their own."""

    def __init__(
        self,
        trade: Trade,
        desks: Mapping[str, Desk | Working],
        here: list[str],
        rate: Meter | None = None,
    ) -> None:
        self.trade = trade
        self.down: set[str] = set()
        hosts = {name: Host(name, desks[name], desks, self.down) for name in here}
        self.responders = Responders(Directory(trade.engine), hosts)
        rooms = Rooms(cast("Mapping[str, Organisation]", hosts))
        folder: Path = trade.folder
        self._index = ChainIndex(f"sqlite:///{folder / 'index.db'}", trade.engine)
        self.app: Starlette = build(
            trade.engine,
            self._index,
            routes=(
                *verification_router.routes(self.responders),
                *supply_public.routes(self.responders, rate or Meter(1000, 1000)),
                *supply_verifications.routes(rooms),
                *supply_places.routes(rooms),
            ),
        )

    def close(self) -> None:
        """End it."""
        self.app.state.door.close()
        self._index.close()

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("GET", path, b"", named)

    def send(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> httpx.Response:
        """Send a request."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
                return await client.request(method, path, content=body, headers=dict(headers))

        return anyio.run(ask)

    def call(
        self, actor: Actor, method: str, path: str, asked: Any = None, **headers: str
    ) -> httpx.Response:
        """Send a signed request with a JSON body."""
        body = b"" if asked is None else json.dumps(asked).encode()
        value = sign(claim(self.trade.cast, actor, path, method, body), actor.signer)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named |= {"Yilian-Request": value, "Content-Type": "application/json"}
        return self.send(method, path, body, named)

    def signed(self, actor: Actor, path: str, **headers: str) -> httpx.Response:
        """Ask with a signed request."""
        value = sign(claim(self.trade.cast, actor, path), actor.signer)
        return self.get(path, Yilian_Request=value, **headers)


def verify_path(gtin: str, lot: str, serial: str, gln: str, **query: str) -> str:
    """Write the address of a verification; a query parameter given as empty text is left out."""
    asked = {
        "exp": "700331",
        "linkType": "verificationService",
        "context": "dscsaSaleableReturn",
        "reqGLN": gln,
        "corrUUID": CORRELATION,
        **query,
    }
    assert uuid.UUID(CORRELATION)
    rest = "&".join(f"{name}={value}" for name, value in asked.items() if value)
    return f"/verify/gtin/{gtin}/lot/{lot}/ser/{serial}?{rest}"
