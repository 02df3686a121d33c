"""A consent receipt: what a grant says, in words for the person who gave it, with its proof.

The fields are those of ISO/IEC TS 27560:2023 and of the Kantara Initiative's Consent Receipt 1.1,
as far as a grant has them: the record's number and time, the person, who keeps and who receives
the data, what, what for, how long, the state, and how to withdraw. The sentence is the one that is
shown before a grant is signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from yilian.gateway.index.reading import IndexedEvent, Reading
from yilian.gateway.organisation import GRANT_UNKNOWN, Organisation
from yilian.gateway.practice.consents import Consents, Listed
from yilian.gateway.practice.notices import public_name
from yilian.ledger.modules.consent.events import Changed, Granted
from yilian.text import say
from yilian.vault.envelope import Terms
from yilian.vault.notice import moment

EAST_MINUTES = 480
"""Times are written as in notices (`vault/notice.py`)."""
MOST_EVENTS = 200
SHORT = 16
_RECORDED = tuple(str(each.__struct_config__.tag) for each in (Granted, Changed))

Rows = tuple[tuple[str, str], ...]


class Part(NamedTuple):
    """A heading with labelled values below it."""

    heading: str
    rows: Rows


class ConsentReceipt(NamedTuple):
    """All words of a receipt; `address` is where anybody checks that the grant stands."""

    title: str
    about: str
    sentence: str
    lines: tuple[str, ...]
    parts: tuple[Part, ...]
    address: str
    check: str
    small: str
    language: str
    keeper: str


class Place(NamedTuple):
    """Where the portal is, and in which language the receipt is written."""

    origin: str
    language: str


def consent_receipt(
    organisation: Organisation, index: Reading, person: str, grant: str, place: Place
) -> ConsentReceipt:
    """Write the receipt of a person's grant; refuses `organisation.grant_unknown`."""
    listed = next(
        (each for each in Consents(organisation).of_person(person) if each.grant == grant), None
    )
    if listed is None:
        raise GRANT_UNKNOWN()
    events = index.events(0, MOST_EVENTS, None, grant)
    recorded = [each for each in events if each.type in _RECORDED]
    return _Writer(organisation, person, listed, place).receipt(recorded[-1] if recorded else None)


class _Writer:
    def __init__(
        self, organisation: Organisation, person: str, listed: Listed, place: Place
    ) -> None:
        self._organisation, self._person = organisation, person
        self._listed, self._place = listed, place
        self._opened = listed.opened
        self._house = self._name(organisation.id)

    def receipt(self, recorded: IndexedEvent | None) -> ConsentReceipt:
        origin, language = self._place
        terms = None if self._opened is None else self._opened.terms
        parts = [self._parties(terms), self._what(terms), self._time(), self._stop()]
        return ConsentReceipt(
            title=self._say("title"),
            about=self._say("about"),
            sentence=self._say("unknown") if terms is None else self._sentence(terms),
            lines=() if terms is None else tuple(self._lines(terms)),
            parts=(*parts, self._proof(recorded)),
            address=f"{origin}/{language}/explorer/grants/{self._listed.grant}",
            check=self._say("check"),
            small=self._say("small", now=self._moment(self._organisation.engine.now())),
            language=language,
            keeper=self._house,
        )

    # -- words ---------------------------------------------------------------------------------

    def _say(self, key: str, /, **places: int | str) -> str:
        return say(self._place.language, "consent_receipt", key, **places)

    def _signed(self, key: str, /, **places: int | str) -> str:
        """Give words of what is signed, as the portal shows them before."""
        return say(self._place.language, "portal_sign", key, **places)

    def _listed_words(self, vocabulary: str, words: Sequence[str]) -> str:
        found = []
        for each in words:
            try:
                found.append(self._signed(f"values/terms.{vocabulary}/{each}"))
            except KeyError:
                found.append(self._signed("unknown_word", word=each))
        return self._signed("between").join(found) or self._signed("none")

    def _moment(self, time: int) -> str:
        return moment(time, EAST_MINUTES)

    def _name(self, organisation: str) -> str:
        return public_name(self._organisation.engine.state(), organisation)

    def _sentence(self, terms: Terms) -> str:
        what = "categories" if terms.records is None else "records"
        readers = sorted({*([terms.practitioner] if terms.practitioner else []), *terms.team})
        who = "named" if readers else "anybody"
        if terms.role is not None:
            who = "named_role" if readers else "role"
        if "replica" in terms.purposes:
            who = "replica"
        between = self._signed("between")
        return self._signed(
            f"opened/{who}_{what}",
            grantee=self._name(terms.grantee),
            readers=between.join(readers),
            role="" if terms.role is None else self._listed_words("role", [terms.role]),
            categories=self._listed_words("categories", terms.categories),
            records=between.join(terms.records or ()),
            purposes=self._listed_words("purposes", terms.purposes),
            starts=self._moment(terms.starts),
            ends=self._moment(terms.ends),
        )

    def _lines(self, terms: Terms) -> list[str]:
        made = []
        for key, vocabulary, words in (
            ("sensitivities", "sensitivities", () if terms.records else terms.sensitivities),
            ("denied", "categories", terms.denied),
            ("redact", "sensitivities", terms.redact),
        ):
            if words:
                said = self._listed_words(vocabulary, words)
                made.append(self._signed(f"opened/{key}", words=said))
        for each in terms.conditions:
            if each == "encounter":
                made.append(self._signed("opened/conditions/encounter"))
            else:
                made.append(self._say("condition", text=each))
        return [*made, self._signed("opened/rest")]

    # -- parts ---------------------------------------------------------------------------------

    def _part(self, name: str, *rows: tuple[str, str]) -> Part:
        said = tuple((self._say(f"rows/{key}"), value) for key, value in rows if value)
        return Part(self._say(f"parts/{name}"), said)

    def _parties(self, terms: Terms | None) -> Part:
        known = self._organisation.vault.desk.find(self._person)
        by = self._listed.on_chain.by
        acting = self._say("by/person")
        if by is not None:
            house = by in (self._organisation.id, self._organisation.agent.subject)
            acting = self._say("by/house", house=self._house) if house else by
        return self._part(
            "who",
            ("person", known.name if known and not known.provisional else ""),
            ("person_id", self._person),
            ("by", acting),
            ("keeper", self._house),
            ("recipient", "" if terms is None else self._name(terms.grantee)),
        )

    def _what(self, terms: Terms | None) -> Part:
        if terms is None:
            return self._part("what", ("ground", self._say("consent")))
        between = self._signed("between")
        categories = self._listed_words("categories", terms.categories)
        return self._part(
            "what",
            ("categories", categories if terms.records is None else between.join(terms.records)),
            ("purposes", self._listed_words("purposes", terms.purposes)),
            ("ground", self._say("consent")),
        )

    def _time(self) -> Part:
        found = self._listed.on_chain
        return self._part(
            "time",
            ("starts", self._moment(found.starts)),
            ("ends", self._moment(found.ends)),
            ("state", self._say(f"states/{self._listed.status}")),
        )

    def _stop(self) -> Part:
        where = self._say("stop", origin=self._place.origin, house=self._house)
        return self._part("stop", ("how", where), ("after", self._say("after")))

    def _proof(self, recorded: IndexedEvent | None) -> Part:
        found = self._listed.on_chain
        rows = [("number", self._listed.grant), ("version", str(found.version))]
        if recorded is not None:
            rows.append(("recorded", self._moment(recorded.time)))
            rows.append(("block", str(recorded.at.height)))
            rows.append(("transaction", (recorded.transaction or "")[:SHORT]))
        rows.append(("commitment", found.terms[:SHORT]))
        return self._part("proof", *rows)
