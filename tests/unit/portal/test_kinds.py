"""What fields of events are, and the words that they hold."""

from __future__ import annotations

import json
from importlib import import_module
from string import Formatter

import pytest

from tests.portal.browser import ROOT
from yilian.ledger.modules import MODULES
from yilian.ledger.state import Table
from yilian.portal.kinds import kinds, words
from yilian.portal.plain_page import Writer
from yilian.text import LANGUAGES, say

ID = "ks3chst0T3PS7kxKOTGg1w"


def test_every_event_and_field_has_a_kind() -> None:
    for module in MODULES:
        for event in module.events:
            fields = kinds()[str(event.__struct_config__.tag)]
            assert set(fields) == set(event.__annotations__)


def test_the_kinds_are_those_of_the_fields() -> None:
    assert kinds()["consent.Granted"] == {
        "grant": "id",
        "person": "id",
        "starts": "moment",
        "ends": "moment",
    }
    assert kinds()["supply.ProductRegistered"]["again"] == "yes"
    assert kinds()["supply.RecallIssued"]["ends"] == "moment"
    assert kinds()["identity.Enrolled"]["kind"] == "word"
    assert {"medicine", "justified", "clone"} <= words()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_event_is_said_with_no_place_left_open(language: str) -> None:
    """Each field's value stands in the sentence as what it is; text is escaped."""
    writer = Writer(language)
    samples = {"moment": 1_795_355_490_000, "id": ID, "word": "other", "yes": True, "plain": "<b>"}
    for kind, fields in kinds().items():
        said = writer.sentence({"type": kind, **{name: samples[of] for name, of in fields.items()}})
        assert not [place for _, place, _, _ in Formatter().parse(said) if place], kind
        assert "<b>" not in said
        assert f"<code>{kind}" not in said
        nothing = writer.sentence({"type": kind, **dict.fromkeys(fields)})
        assert "None" not in nothing


def test_an_unknown_event_is_named() -> None:
    assert Writer("en").sentence({"type": "none.<Such>"}) == "<code>none.&lt;Such&gt;</code>"


def test_the_explorer_finds_the_records_that_events_name() -> None:
    """`records.json` leads from a field to a table of the law; a person is never among them."""
    prefixes = json.loads((ROOT / "portal/src/events/records.json").read_text("utf-8"))
    tables = {
        value.prefix.decode("ascii")
        for each in MODULES
        for value in vars(import_module(f"yilian.ledger.modules.{each.name}.state")).values()
        if isinstance(value, Table)
    }
    fields = {name for of in kinds().values() for name in of}
    assert set(prefixes) <= fields
    assert set(prefixes.values()) <= tables
    assert not {"person", "subject", "practitioner", "recovery"} & set(prefixes)
    for language in LANGUAGES:
        for prefix in prefixes.values():
            say(language, "portal_public", f"changed/kinds/{prefix[:-1].replace('/', '_')}")
