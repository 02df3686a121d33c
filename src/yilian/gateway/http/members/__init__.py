"""The routes that other members call, on the members' listener alone (`gateway/members`)."""

from __future__ import annotations

from yilian.gateway.http.members.routes import CERTIFICATE, application

__all__ = ["CERTIFICATE", "application"]
