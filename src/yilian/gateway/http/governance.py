"""Reading `governance`: members, proposals, parameters and quotas."""

from __future__ import annotations

from yilian.gateway.http.tables import Kind, table_routes
from yilian.gateway.index import tables
from yilian.ledger.modules.governance import state

ROUTES = table_routes(
    Kind(capability="governance", plural="members", table=state.MEMBERS, listed=tables.MEMBERS),
    Kind(
        capability="governance", plural="proposals", table=state.PROPOSALS, listed=tables.PROPOSALS
    ),
    Kind(capability="governance", plural="parameters", table=state.PARAMETERS, names="^current$"),
    Kind(capability="governance", plural="quotas", table=state.QUOTAS),
)
