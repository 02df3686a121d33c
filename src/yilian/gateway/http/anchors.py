"""Reading `records`: what was anchored, held and erased; commitments, never content."""

from __future__ import annotations

from yilian.gateway.http.tables import Kind, table_routes
from yilian.gateway.index import tables
from yilian.ledger.modules.records import state

ROUTES = table_routes(
    Kind(capability="records", plural="anchors", table=state.ANCHORS, listed=tables.ANCHORS),
    Kind(capability="records", plural="batches", table=state.BATCHES, listed=tables.BATCHES),
    Kind(capability="records", plural="holds", table=state.HOLDS, listed=tables.HOLDS),
    Kind(capability="records", plural="erasures", table=state.ERASURES, listed=tables.ERASURES),
)
