"""Which organisation is behind whoever told of an event: a member, a token, a location number."""

from __future__ import annotations

from yilian.gateway.epcis.tokens import Tokens
from yilian.gateway.supply import steps
from yilian.gateway.supply.action_events import party
from yilian.gateway.supply.directory import Directory


class Tellers:
    """Names organisations behind those who tell, for one organisation. Safe for threads."""

    def __init__(self, organisation: str, tokens: Tokens, directory: Directory) -> None:
        self._organisation = organisation
        self._tokens = tokens
        self._directory = directory

    def behind(self, who: str) -> str:
        """Name the organisation behind a token or a location number; anything else is itself.

        Behind a token that was issued to no partner is this organisation: a program of its own.
        """
        token = self._tokens.find(who)
        named = who if token is None else token.partner or self._organisation
        return (self._directory.organisation_of(named) or named) if _is_gln(named) else named

    def names_of(self, partner: str) -> set[str]:
        """Give the names under which packs are shipped to a partner, an organisation or a GLN."""
        organisation = self.behind(partner)
        gln = self._directory.gln_of(organisation)
        named = organisation if gln is None and _is_gln(organisation) else gln or ""
        return {partner, organisation, steps.holder(party(organisation, named))}


def _is_gln(text: str) -> bool:
    return len(text) == 13 and text.isascii() and text.isdigit()
