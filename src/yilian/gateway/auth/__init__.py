"""Who asks: signed requests by keys on the chain, and sessions of people who signed in."""

from yilian.gateway.auth.accounts import Accounts
from yilian.gateway.auth.signed import (
    Caller,
    authenticate,
    authenticate_session,
    credential,
    judge,
)

__all__ = ["Accounts", "Caller", "authenticate", "authenticate_session", "credential", "judge"]
