"""What an organisation's own people and programs do here: take in, share, open, read, check.

Every route wants a signed request from somebody at home in the organisation. Only the organisation
itself and its agents take in records and share; a practitioner reads, in a session of their own.
One file per matter; each has `routes(rooms)`.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import BaseRoute

from yilian.gateway.content.check import Verify
from yilian.gateway.http.organisation import (
    asks,
    audits,
    carers,
    desk,
    device_keys,
    emergencies,
    encounters,
    erasures,
    exports,
    grants,
    grants_receipt,
    health_links,
    invitations,
    key_requests,
    links,
    notices,
    private,
    reading_keys,
    readings,
    received,
    records,
    recoveries,
    replicas,
    sessions,
    staff,
    studies,
    supply,
    supply_places,
    supply_proofs,
    supply_recall_acts,
    supply_recalls,
    supply_shipments,
    supply_stock,
    supply_temperatures,
    supply_trace,
    supply_verifications,
    supply_view,
    timeline,
    training,
    witnessed,
    writings,
)
from yilian.gateway.http.organisation.rooms import Rooms
from yilian.gateway.organisation import Organisation

MATTERS = (
    audits,
    studies,
    records,
    readings,
    writings,
    encounters,
    erasures,
    grants,
    grants_receipt,
    witnessed,
    received,
    replicas,
    sessions,
    asks,
    emergencies,
    recoveries,
    reading_keys,
    timeline,
    exports,
    desk,
    device_keys,
    carers,
    key_requests,
    links,
    health_links,
    invitations,
    staff,
    notices,
    private,
    supply,
    supply_shipments,
    supply_places,
    supply_proofs,
    supply_recall_acts,
    supply_recalls,
    supply_stock,
    supply_temperatures,
    supply_trace,
    supply_verifications,
    supply_view,
    training,
)


def routes(
    organisations: Mapping[str, Organisation], verify: Verify | None = None
) -> tuple[BaseRoute, ...]:
    """Make the routes of the organisations that this node works for.

    `verify` is the offline verifier (`yilian.sdk.verify.verify`), for what comes from elsewhere.
    """
    rooms = Rooms(organisations, verify)
    return tuple(route for each in MATTERS for route in each.routes(rooms))
