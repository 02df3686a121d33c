"""What an event says: acts, units and their roles, places, parties, times."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from tests.unit.gateway.supply.pack_events import (
    EXTENSION,
    START,
    case,
    event,
    made,
    pack,
    packed,
    party,
    seen,
    site,
    undone,
)
from yilian.gateway.epcis.vocabulary import WORDS
from yilian.gateway.supply import judging, steps
from yilian.gateway.supply.unit import TERMINAL, Standing
from yilian.text import LANGUAGES, say

A, B = pack(1), pack(2)
BOX = case(1)


def act(step: str, word: str = "", **more: Any) -> str:
    return steps.read(seen(0, [A], step, word, **more)).act


@pytest.mark.parametrize(
    ("step", "word", "expected"),
    [
        ("shipping", "in_transit", "ship"),
        ("shipping", "returned", "ship"),
        ("shipping", "recalled", "ship"),
        ("void_shipping", "", "void_ship"),
        ("receiving", "in_progress", "receive"),
        ("receiving", "returned", "receive"),
        ("dispensing", "", "dispense"),
        ("dispensing", "partially_dispensed", "dispense_part"),
        ("retail_selling", "retail_sold", "dispense"),
        ("decommissioning", "inactive", "decommission"),
        ("decommissioning", "destroyed", "destroy"),
        ("decommissioning", "stolen", "steal"),
        ("destroying", "", "destroy"),
        ("sampling", "inactive", "sample"),
        ("holding", "", "hold"),
        ("holding", "sellable_accessible", "hold"),
        ("holding", "recalled", "recall"),
        ("holding", "stolen", "steal"),
        ("holding", "unknown", "lose"),
        ("holding", "returned", "return"),
        ("inspecting", "damaged", "hold"),
        ("stocking", "sellable_accessible", "release"),
        ("stocking", "", "observe"),
        ("urn:example:step", "urn:example:word", "observe"),
        ("urn:epcglobal:cbv:bizstep:shipping", "", "ship"),
        ("", "recalled", "recall"),
    ],
)
def test_acts(step: str, word: str, expected: str) -> None:
    assert act(step, word) == expected


def test_the_words_of_the_tables_are_words_of_the_standard() -> None:
    assert set(steps.BY_STEP) <= WORDS["bizStep"]
    assert set(steps.BY_DISPOSITION) <= WORDS["disposition"]


def test_actions_of_an_object_event_make_and_end() -> None:
    assert act("commissioning", action="ADD") == "commission"
    assert act("", action="ADD") == "commission"
    assert act("encoding", "encoded", action="ADD") == "observe"
    assert act("inspecting", action="DELETE") == "decommission"
    assert act("dispensing", "dispensed", action="DELETE") == "dispense"


def test_an_export_needs_our_own_namespace() -> None:
    gone = seen(0, [A], "decommissioning", "inactive", action="DELETE")
    assert steps.read(gone | {"@context": EXTENSION, "yilian:end": "exported"}).act == "export"
    foreign = {"yilian": "https://elsewhere.example/"}
    assert steps.read(gone | {"@context": foreign, "yilian:end": "exported"}).act == "decommission"


def test_persistent_dispositions_hold_and_let_go() -> None:
    held = seen(0, [A], "inspecting") | {"persistentDisposition": {"set": ["recalled"]}}
    assert steps.read(held).act == "recall"
    freed = seen(0, [A], "inspecting") | {"persistentDisposition": {"unset": ["recalled"]}}
    assert steps.read(freed).act == "release"


@pytest.mark.parametrize(
    ("word", "into"),
    [
        ("in_progress", "active"),
        ("returned", "returned"),
        ("recalled", "recalled"),
        ("damaged", "quarantined"),
    ],
)
def test_as_what_a_unit_comes_in(word: str, into: str) -> None:
    assert steps.read(seen(0, [A], "receiving", word)).into == into


def test_units_and_their_roles() -> None:
    assert steps.read(packed(0, BOX, [A, B])).units == {BOX: "parent", A: "child", B: "child"}
    turned = event("TransformationEvent", 0, inputEPCList=[A, BOX], outputEPCList=[A, B])
    assert steps.read(turned).units == {A: "subject", BOX: "input", B: "output"}
    tied = event("AssociationEvent", 0, action="ADD", parentID=BOX, childEPCs=[A])
    found = steps.read(tied)
    assert (found.units, found.parent, found.tie) == ({A: "child"}, BOX, "add")
    sale = event("TransactionEvent", 0, action="ADD", parentID=BOX, epcList=[A])
    assert steps.read(sale).units == {BOX: "subject", A: "subject"}


def test_only_what_has_a_number_of_its_own_is_a_unit() -> None:
    several = [
        pack(1, link=False),
        A,
        "urn:epc:class:lgtin:9520001.012345.L1",
        "urn:epc:idpat:sgtin:9520001.012345.*",
        "https://id.gs1.org/01/09520001000010",
        "https://id.gs1.org/01/09520001000010/10/L1",
        "https://id.gs1.org/01/09520001000011/21/S1",
        "urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8",
    ]
    assert list(steps.read(seen(0, several)).units) == [A, several[-1]]


def test_where_and_by_whom() -> None:
    told = seen(0, [A], "shipping", place=1, source=party("9520001"), destination=party("952007"))
    found = steps.read(told)
    assert (found.place, found.source, found.destination) == (
        site(1),
        party("9520001"),
        party("952007"),
    )
    assert steps.read(told | {"bizLocation": {"id": site(2)}}).place == site(2)
    own = [{"type": "possessing_party", "source": steps.PARTY + "x" * 22}]
    assert steps.read(told | {"sourceList": own}).source == "x" * 22


def test_when_and_on_which_day() -> None:
    late = event("ObjectEvent", 0) | {"eventTime": "2026-05-28T23:30:00.1239Z"}
    found = steps.read(late)
    assert found.day == "2026-05-29"
    assert found.at % 1000 == 123
    assert steps.read(event("ObjectEvent", 5)).at == START + 5
    beyond = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
    for bad in ("2026-05-28", "2026-05-28T23:30:00", "never", *beyond):
        for offset in ("+14:00", "-14:00"):
            read = late | {"eventTime": bad, "eventTimeZoneOffset": offset}
            if (bad, offset) in zip(beyond, ("+14:00", "-14:00"), strict=True):
                assert steps.read(read).day == bad[:10]
                continue
            with pytest.raises(ValueError):  # noqa: PT011
                steps.read(read)


def test_lots_and_dates_by_their_full_names() -> None:
    plain = steps.read(made(0, [A]))
    assert (plain.lot, plain.expiry) == ("L1", "2027-12-31")
    other = {"m": "urn:epcglobal:cbv:mda:"}
    spelled = {"m:lotNumber": {"@value": "L2"}, "m:itemExpirationDate": "2027-01-31T00:00:00Z"}
    found = steps.read(made(0, [A]) | {"@context": other, "ilmd": spelled})
    assert (found.lot, found.expiry) == ("L2", "2027-01-31")


def test_a_declaration_declares() -> None:
    assert steps.read(undone(made(0, [A]))).declares
    assert not steps.read(made(0, [A])).declares


def test_the_table_of_rules_has_one_row_for_each_case() -> None:
    cases = [(rule.act, standing) for rule in judging.RULES for standing in rule.standings]
    assert len(cases) == len(set(cases))
    assert all(rule.why or not rule.kind or rule.act == "consume" for rule in judging.RULES)


@pytest.mark.parametrize("standing", sorted(TERMINAL))
@pytest.mark.parametrize("act", get_args(steps.Act))
def test_nothing_leads_back_from_an_end(act: steps.Act, standing: Standing) -> None:
    for hand in (True, False):
        verdict = judging.judge(act, standing, same_hand=hand, same_place=hand)
        assert verdict.into is None or verdict.into in TERMINAL


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_alert_has_its_words(language: str) -> None:
    for kind in sorted(judging.KINDS):
        for part in ("title", "detail"):
            assert say(language, "alerts", f"{kind}/{part}")
