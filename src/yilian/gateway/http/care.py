"""Reading `care`: encounters and referrals, of which the chain knows no patient."""

from __future__ import annotations

from yilian.gateway.http.tables import Kind, table_routes
from yilian.gateway.index import tables
from yilian.ledger.modules.care import state

ROUTES = table_routes(
    Kind(capability="care", plural="encounters", table=state.ENCOUNTERS, listed=tables.ENCOUNTERS),
    Kind(capability="care", plural="referrals", table=state.REFERRALS, listed=tables.REFERRALS),
)
