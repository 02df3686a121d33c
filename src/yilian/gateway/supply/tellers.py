"""Which organisation is behind whoever told of an event: a member, a token, a location number."""

from __future__ import annotations

from yilian.gateway.epcis.tokens import Tokens
from yilian.gateway.supply.directory import Directory


class Tellers:
    """Names organisations behind those who tell, for one organisation. Safe for threads."""

    def __init__(self, tokens: Tokens, directory: Directory) -> None:
        self._tokens = tokens
        self._directory = directory

    def behind(self, who: str) -> str:
        """Name the organisation behind a token or a location number; anything else is itself."""
        named = self._tokens.partner(who) or who
        if len(named) == 13 and named.isascii() and named.isdigit():
            return self._directory.organisation_of(named) or named
        return named
