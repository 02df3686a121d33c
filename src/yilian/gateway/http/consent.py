"""Reading `consent`: grants and sessions, of which the chain knows status and validity only."""

from __future__ import annotations

from yilian.gateway.http.tables import Kind, table_routes
from yilian.gateway.index import tables
from yilian.ledger.modules.consent import state

ROUTES = table_routes(
    Kind(capability="consent", plural="grants", table=state.GRANTS, listed=tables.GRANTS),
    Kind(capability="consent", plural="sessions", table=state.SESSIONS, listed=tables.SESSIONS),
)
