"""Who asks: signed requests, judged against the keys on the chain."""

from yilian.gateway.auth.signed import Caller, authenticate, judge

__all__ = ["Caller", "authenticate", "judge"]
