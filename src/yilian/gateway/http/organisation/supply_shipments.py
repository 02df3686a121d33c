"""Shipments with titles: what waits to be received, where one that went out stands, and declining.

A shipment is made and accepted by actions (`supply.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.errors import FORBIDDEN, NOT_FOUND
from yilian.gateway.http.asking import require_id
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import COMMON, Rooms, answers, path_id
from yilian.gateway.http.organisation.supply import ROOM, enter_supply
from yilian.gateway.supply.title_errors import (
    SHIPMENT_DECIDED,
    SHIPMENT_POSTING,
    SHIPMENT_UNKNOWN,
)
from yilian.ledger.codec import Id, Millis, Whole
from yilian.ledger.modules.identity.errors import LICENCE_NOT_IN_FORCE

SHIPMENT = path_id("shipment", "The shipment's id.")
MOST_SHOWN = 1000
"""Units of a shipment that are listed."""


class IncomingShipment(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment that waits to be received; `fault` names what was wrong with a refused one.

    `outermost`: what is scanned to receive it, the cases and the packs that are in none; by id.
    What is in which case is known from the sender's events, which may come after the shipment:
    until then the packs stand for themselves.
    """

    shipment: Id
    sender: Id
    units: tuple[str, ...]
    outermost: tuple[str, ...]
    count: Whole
    checked: bool
    fault: str
    at: Millis


class IncomingShipments(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for a decision."""

    shipments: tuple[IncomingShipment, ...]


class SentShipment(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment that goes out: queued, posting, done (posted), brought or cancelled."""

    shipment: Id
    to: Id
    state: str
    units: Whole
    at: Millis


class DeclinedShipment(msgspec.Struct, frozen=True, kw_only=True):
    """The shipment by which a declined one goes back."""

    shipment: Id
    back: Id


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_incoming(rooms), _sent(rooms), _decline(rooms))


def _incoming(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOM + "/shipments",
        tag="organisations",
        summary="List shipments that wait to be received, and those that were refused",
        parameters=COMMON,
        answers=answers(IncomingShipments, "The first units of each."),
        problems=(FORBIDDEN, NOT_FOUND, LICENCE_NOT_IN_FORCE),
    )
    async def incoming(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)

        def work() -> IncomingShipments:
            shown = tuple(
                IncomingShipment(
                    shipment=each.shipment,
                    sender=each.sender,
                    units=tuple(each.units[:MOST_SHOWN]),
                    outermost=tuple(supply.packs.outermost(each.units[:MOST_SHOWN])),
                    count=len(each.units),
                    checked=each.checked,
                    fault=each.fault,
                    at=each.at,
                )
                for each in supply.titles.incoming()
            )
            return IncomingShipments(shipments=shown)

        return answer(request, await to_thread.run_sync(work))

    return incoming


def _sent(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOM + "/shipments/{shipment}",
        tag="organisations",
        summary="Tell where a shipment stands that goes out",
        parameters=(*COMMON, SHIPMENT),
        answers=answers(SentShipment, "Its state."),
        problems=(FORBIDDEN, NOT_FOUND, LICENCE_NOT_IN_FORCE, SHIPMENT_UNKNOWN),
    )
    async def sent(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)
        name = require_id(request.path_params["shipment"], "shipment")
        found = await to_thread.run_sync(supply.titles.shipment, name)
        shown = SentShipment(
            shipment=found.shipment, to=found.to, state=found.state, units=found.units, at=found.at
        )
        return answer(request, shown)

    return sent


def _decline(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        ROOM + "/shipments/{shipment}/decline",
        tag="organisations",
        summary="Send a whole shipment back unreceived",
        parameters=(*COMMON, SHIPMENT),
        answers=answers(DeclinedShipment, "It goes back to its sender."),
        problems=(
            FORBIDDEN,
            NOT_FOUND,
            LICENCE_NOT_IN_FORCE,
            SHIPMENT_UNKNOWN,
            SHIPMENT_DECIDED,
            SHIPMENT_POSTING,
        ),
    )
    async def decline(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)
        name = require_id(request.path_params["shipment"], "shipment")

        def work() -> str:
            with supply.database.write() as connection:
                return supply.titles.decline(name, connection)

        back = await to_thread.run_sync(work)
        return answer(request, DeclinedShipment(shipment=name, back=back))

    return decline
