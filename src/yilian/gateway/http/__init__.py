"""The routes, one file per capability; `ALL` lists what every node serves.

To add routes: write functions marked with `operation` in a file of this folder, and name the file
here. A node that serves more (a vault's records) hands its own routes to `gateway.app.build`.
"""

from __future__ import annotations

from starlette.routing import BaseRoute

from yilian.gateway.http import (
    anchors,
    care,
    chain,
    consent,
    events,
    governance,
    identity,
    state_tree,
    status,
    supply_tables,
    transactions,
)

ALL: tuple[BaseRoute, ...] = (
    *transactions.ROUTES,
    *chain.ROUTES,
    *state_tree.ROUTES,
    *events.ROUTES,
    *identity.ROUTES,
    *governance.ROUTES,
    *consent.ROUTES,
    *anchors.ROUTES,
    *care.ROUTES,
    *supply_tables.ROUTES,
    *status.ROUTES,
)
