"""Reading `supply`: companies, products, credentials, recalls, alerts, and posts one by one."""

from __future__ import annotations

from yilian.gateway.http.tables import Kind, table_routes
from yilian.gateway.index import tables
from yilian.ledger.modules.supply import state

_ID = "[A-Za-z0-9_-]{21}[AQgw]"
_GTIN = "^[0-9]{14}$"
_POST = f"^{_ID}[.][0-9]{{16}}$"
_VIEW = f"^{_ID}[.]{_ID}$"
_NULLIFIER = f"^{_ID}[.][A-Za-z0-9_-]{{42}}[AEIMQUYcgkosw048]$"

ROUTES = table_routes(
    Kind(capability="supply", plural="companies", table=state.COMPANIES, listed=tables.COMPANIES),
    Kind(
        capability="supply",
        plural="products",
        table=state.PRODUCTS,
        listed=tables.PRODUCTS,
        names=_GTIN,
    ),
    Kind(
        capability="supply",
        plural="credentials",
        table=state.CREDENTIALS,
        listed=tables.CREDENTIALS,
    ),
    Kind(capability="supply", plural="recalls", table=state.RECALLS, listed=tables.RECALLS),
    Kind(capability="supply", plural="alerts", table=state.ALERTS, listed=tables.ALERTS),
    Kind(capability="supply", plural="posts", table=state.POSTS, names=_POST),
    Kind(capability="supply", plural="nullifiers", table=state.NULLIFIERS, names=_NULLIFIER),
    Kind(capability="supply", plural="view-keys", table=state.VIEW_KEYS),
    Kind(capability="supply", plural="views", table=state.VIEWS, names=_VIEW),
)
