"""Reading `consent`: what the chain knows of it is who acts, status and validity only."""

from __future__ import annotations

from yilian.gateway.http.tables import Kind, table_routes
from yilian.gateway.index import tables
from yilian.ledger.modules.consent import state

ROUTES = table_routes(
    Kind(capability="consent", plural="grants", table=state.GRANTS, listed=tables.GRANTS),
    Kind(capability="consent", plural="sessions", table=state.SESSIONS, listed=tables.SESSIONS),
    Kind(capability="consent", plural="asks", table=state.ASKS, listed=tables.ASKS),
    Kind(capability="consent", plural="custodians", table=state.CUSTODIANS_OF),
    Kind(
        capability="consent",
        plural="emergencies",
        table=state.EMERGENCIES,
        listed=tables.EMERGENCIES,
    ),
)
