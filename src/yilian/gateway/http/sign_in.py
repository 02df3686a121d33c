"""Signing in to the portal: all its routes, which are served where a node has accounts."""

from __future__ import annotations

from starlette.routing import BaseRoute

from yilian.gateway.http import (
    sign_in_factor,
    sign_in_join,
    sign_in_outside,
    sign_in_sessions,
    sign_in_steps,
)

MATTERS = (sign_in_steps, sign_in_join, sign_in_factor, sign_in_sessions, sign_in_outside)


def routes() -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return tuple(route for each in MATTERS for route in each.routes())
