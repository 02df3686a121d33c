"""What an organisation's own people and programs do here: take in, share, open, read, check.

Every route wants a signed request from somebody at home in the organisation. Only the organisation
itself and its agents take in records and share; a practitioner reads, in a session of their own.
One file per matter; each has `routes(rooms)`.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import BaseRoute

from yilian.gateway.http.organisation import grants, records, sessions
from yilian.gateway.http.organisation.rooms import Rooms
from yilian.gateway.organisation import Organisation


def routes(organisations: Mapping[str, Organisation]) -> tuple[BaseRoute, ...]:
    """Make the routes of the organisations that this node works for."""
    rooms = Rooms(organisations)
    return tuple(route for each in (records, grants, sessions) for route in each.routes(rooms))
