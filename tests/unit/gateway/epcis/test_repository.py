from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.epcis_sample import events as sample
from tests.scale import scale
from tests.shared import shared
from tests.unit.gateway.epcis.store_builders import NOW, Home, declared, document, ids, simple
from yilian.gateway.epcis import event_hash, store
from yilian.gateway.epcis.json_form import parse_json
from yilian.gateway.epcis.query_sql import PageToken
from yilian.gateway.epcis.repository import Repository
from yilian.gateway.epcis.validation import validate
from yilian.gateway.epcis.xml_reading import parse_xml
from yilian.ledger.errors import Refusal

PARTNER = "9520001000015"
LATER = {"declarationTime": "2026-05-01T00:00:00.000Z"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.close()


def refused(call: Any, *arguments: Any, **named: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        call(*arguments, **named)
    return caught.value


def test_an_event_comes_back_as_it_was_handed_in(home: Home) -> None:
    given = list(sample(3, 60))
    for event, stored in zip(given, home.put(given), strict=True):
        found = home.repository.event(stored.event_id)
        assert found == stored
        kept = found.event
        assert kept.pop("recordTime").startswith("20")
        assert kept == event | {"eventID": stored.event_id}
        assert stored.digest == event_hash.digest(event, "2.0")
        assert event_hash.digest(found.event, "2.0") == stored.digest


def test_numbers_keep_their_digits(home: Home) -> None:
    context = {"my": "https://x.example/"}
    given = simple(1, **{"@context": context, "my:n": Decimal("12345678901234567890.120")})
    assert str(home.put([given])[0].event["my:n"]) == "12345678901234567890.120"


def test_salts_are_random_and_stay(home: Home) -> None:
    stored = home.put([simple(n) for n in range(50)])
    assert len({each.salt for each in stored}) == 50
    assert all(len(each.salt) == 32 for each in stored)
    assert home.repository.after(0, 99) == stored


def test_the_log_has_no_gaps_and_its_time_never_goes_back(home: Home) -> None:
    home.put([simple(1), simple(2)])
    home.clock.now = NOW - 60_000
    home.put([simple(3)])
    home.repository.capture_one(simple(4), "us")
    stored = home.repository.after(0, 9)
    assert [each.sequence for each in stored] == [1, 2, 3, 4]
    times = [each.record_time for each in stored]
    assert times == sorted(times)
    assert [each.sequence for each in home.repository.after(2, 1)] == [3]
    assert home.repository.newest() == 4


def test_record_time_is_ours_whatever_was_sent(home: Home) -> None:
    stored = home.repository.capture_one(simple(1, recordTime="2001-01-01T00:00:00Z"), "us")
    assert stored.event["recordTime"].startswith("2026-")
    assert stored.record_time >= NOW


def test_capture_one_refuses_and_stores_nothing(home: Home) -> None:
    refusal = refused(home.repository.capture_one, simple(1, action="TAKE"), "us")
    assert refusal.code.name == "epcis.invalid"
    assert refusal.parameters["path"] == "action"
    home.repository.capture_one(simple(2), "us")
    refusal = refused(home.repository.capture_one, simple(2, bizStep="receiving"), "us")
    assert refusal.code.name == "epcis.event_exists"
    assert refusal.code.status == 409
    assert home.repository.newest() == 1


def test_put_is_part_of_its_callers_transaction(home: Home) -> None:
    with home.database.write() as connection:
        home.repository.put([simple(1)], "us", connection)
        connection.rollback()
    assert home.repository.newest() == 0
    assert home.count("epcis_terms") == 0
    twice = [simple(1), simple(1)]
    assert refused(home.put, twice).code.name == "epcis.event_exists"
    assert ids(home.put([simple(1)])) == [simple(1)["eventID"]]


def test_listeners_hear_of_each_commit(home: Home) -> None:
    told: list[int] = []
    home.repository.listeners.append(told.append)
    home.repository.capture_one(simple(1), "us")
    home.put([simple(2)])
    assert told == [1]
    home.repository.tell()
    assert told == [1, 2]


def test_a_partner_sees_what_it_was_shown_and_no_more(home: Home) -> None:
    home.put(
        [simple(n, bizStep=step) for n, step in enumerate(("shipping", "receiving", "holding"))]
    )
    repository = home.repository
    repository.show(PARTNER, [2, 2, 77])
    repository.show(PARTNER, [2])
    assert [each.sequence for each in repository.query({}, limit=9, viewer=PARTNER).events] == [2]
    assert repository.query({}, limit=9, viewer="another").events == []
    assert repository.event(simple(0)["eventID"], PARTNER) is None
    assert repository.event(simple(1)["eventID"], PARTNER) is not None
    assert repository.event(simple(1)["eventID"]) is not None
    assert repository.browse("bizSteps", None, 9, PARTNER).names == ["receiving"]
    assert len(repository.browse("epcs", None, 9, PARTNER).names) == 1
    assert repository.browse("epcs", None, 9, "another").names == []
    counted = {"maxEventCount": 1}
    assert len(repository.query(counted, limit=9, viewer=PARTNER).events) == 1
    with home.database.write() as connection:
        repository.show(PARTNER, [3], connection)
    assert len(repository.query({}, limit=9, viewer=PARTNER).events) == 2
    # An event that is not there cannot be shown in advance.
    home.put([simple(n) for n in range(10, 100)])
    assert repository.event(simple(83)["eventID"], PARTNER) is None


def test_pages_lose_and_repeat_nothing_while_others_capture(home: Home) -> None:
    for start in range(0, 10_000, 1_000):
        home.put([simple(n) for n in range(start, start + 1_000)])
    for parameters in (
        {},
        {"orderBy": "eventTime", "orderDirection": "ASC"},
        {"orderBy": "eventTime"},
        {"orderBy": "recordTime", "EQ_bizStep": ["shipping"]},
    ):
        found: list[int] = []
        token: PageToken | None = None
        before = home.repository.newest()
        while True:
            page = home.repository.query(parameters, page=token, limit=1_111)
            found += [each.sequence for each in page.events]
            number = 20_000 + home.repository.newest()
            home.put([simple(number, eventTime="2026-03-01T08:30:00Z")])
            if page.next is None:
                break
            token = PageToken.read(page.next.text())
        assert sorted(found) == list(range(1, before + 1))


def test_a_page_token_belongs_to_its_query_and_viewer(home: Home) -> None:
    home.put([simple(n) for n in range(5)])
    home.repository.show(PARTNER, range(1, 6))
    token = home.repository.query({"EQ_action": "OBSERVE"}, limit=2).next
    assert token is not None
    ask = home.repository.query
    for parameters, viewer in (({}, None), ({"EQ_action": "OBSERVE"}, PARTNER)):
        refusal = refused(ask, parameters, page=token, limit=2, viewer=viewer)
        assert refusal.code.name == "epcis.page_token"
    for text in ("", "AAAA", "!", "e30", token.text()[:-4], "é"):
        assert refused(PageToken.read, text).code.name == "epcis.page_token"
    assert PageToken.read(token.text()) == token


def test_standing_queries_ask_for_what_is_new(home: Home) -> None:
    home.put([simple(n) for n in range(6)])
    found = home.repository.query({}, limit=9, after=4)
    assert [each.sequence for each in found.events] == [5, 6]


def test_all_files_that_are_valid_are_kept_and_found(home: Home) -> None:
    seen = 0
    for path in sorted(shared("epcis/capture_valid").glob("*_json/*")):
        read = parse_json(path.read_bytes())
        fresh = [
            {**each, "eventID": f"urn:x:{path.name}:{n}"}
            for n, each in enumerate(read.events)
            if each
        ]
        job = home.repository.capture(document(fresh), behaviour="rollback", submitter=path.name)
        assert home.repository.wait(job.id, 60).success, path.name
        for event in fresh:
            found = home.repository.event(event["eventID"])
            assert found is not None
            kept, wanted = found.event, dict(event)
            kept.pop("recordTime")
            wanted.pop("recordTime", None)
            assert kept == wanted
            seen += 1
    assert seen > 50


JUNK: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    Decimal("1E+400"),
    Decimal("-0.00"),
    10**40,
    "",
    " ",
    "x" * 5_000,
    "\ud800",
    "\x00",
    "2026-02-30T00:00:00Z",
    "9999-12-31T23:59:59.9999999+14:00",
    "0001-01-01T00:00:00+14:00",
    "https://id.gs1.org/01/09520001000010",
    "urn:epc:idpat:sgtin:9520001.*.*",
    [],
    {},
    [[]],
    [{}],
    ["a", 1, None],
    {"my:a": [1, {"my:b": [None, "2"]}]},
)


def spoiled(value: Any, random: Random) -> Any:
    """A copy with junk in one place."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        key = random.choice(sorted(value))
        return value | {key: spoiled(value[key], random)}
    if isinstance(value, list) and value and random.random() < 0.8:
        at = random.randrange(len(value))
        return [*value[:at], spoiled(value[at], random), *value[at + 1 :]]
    return random.choice(JUNK)


def test_whatever_is_valid_can_be_stored_and_whatever_is_not_is_refused(home: Home) -> None:
    random = Random(17)
    valid = 0
    for event in sample(23, scale(3_000, 100_000)):
        broken = spoiled(event, random)
        if not isinstance(broken, dict) or validate(broken):
            continue
        prepared = store.prepare(broken)
        assert store.encode(store.decode(prepared.content)) == prepared.content
        assert frozenset(store.found_by(prepared.content)) == prepared.terms
        valid += 1
    assert valid > 100


@pytest.mark.parametrize("folder", ["gs1_xml", "openepcis_xml", "openepcis_xml_1.2"])
def test_what_came_as_xml_is_kept_alike(home: Home, folder: str) -> None:
    seen = 0
    for path in sorted(shared(f"epcis/capture_valid/{folder}").glob("*.xml")):
        for place, event in enumerate(parse_xml(path.read_bytes()).events):
            assert event is not None
            stored = home.put([event | {"eventID": f"urn:x:{path.name}:{place}"}])[0]
            assert event_hash.digest(stored.event, "2.0") == event_hash.digest(event, "2.0")
            seen += 1
    assert seen >= 5


def test_two_repositories_of_one_file_see_the_same(home: Home) -> None:
    home.put([simple(1)])
    other = Repository(home.database, now=home.clock)
    assert other.event(simple(1)["eventID"]) == home.repository.after(0, 1)[0]


def test_an_error_is_declared_once_under_the_events_own_id(home: Home) -> None:
    """EPCIS 2.0, section 7.4.1.4."""
    event = simple(1)
    first = home.repository.capture_one(event, "us")
    for other in (event, declared(event, bizStep="receiving"), event | {"bizStep": "receiving"}):
        assert refused(home.repository.capture_one, other, "us").code.name == "epcis.event_exists"
    second = home.repository.capture_one(declared(event), "us")
    assert (second.event_id, second.digest) == (first.event_id, first.digest)
    assert second.event["errorDeclaration"]["reason"] == "did_not_occur"
    for other in (event, declared(event), declared(event, errorDeclaration=LATER)):
        assert refused(home.repository.capture_one, other, "us").code.name == "epcis.event_exists"
    assert home.repository.event(first.event_id) == second
    assert home.repository.events(first.event_id) == [first, second]
    assert home.repository.after(0, 9) == [first, second]
    assert home.repository.events("urn:none") == []


def test_an_event_and_its_declaration_in_one_transaction(home: Home) -> None:
    event = simple(1)
    for wrong in (
        [declared(event), event],
        [event, declared(event), declared(event)],
        [event, declared(event, action="ADD")],
        [declared(event), declared(event, errorDeclaration=LATER)],
    ):
        assert refused(home.put, wrong).code.name == "epcis.event_exists"
        assert home.repository.newest() == 0
    assert [each.sequence for each in home.put([event, simple(2), declared(event)])] == [1, 2, 3]
    # Nothing was before it, so it is an event like any other.
    home.put([declared(simple(3))])
    assert refused(home.put, [simple(3)]).code.name == "epcis.event_exists"


def test_a_viewer_finds_of_an_event_and_its_declaration_what_it_may_see(home: Home) -> None:
    first, second = home.put([simple(1), declared(simple(1))])
    repository = home.repository
    assert repository.event(first.event_id, PARTNER) is None
    repository.show(PARTNER, [1])
    assert repository.event(first.event_id, PARTNER) == first
    assert repository.query({"EXISTS_errorDeclaration": True}, limit=9, viewer=PARTNER).events == []
    repository.show(PARTNER, [2])
    assert repository.event(first.event_id, PARTNER) == second
    assert repository.browse("bizSteps", None, 9, PARTNER).names == ["shipping"]
    assert repository.browse("bizSteps", None, 9).names == ["shipping"]


def test_pages_give_events_and_their_declarations_once(home: Home) -> None:
    for start in range(0, 60, 20):
        some = [simple(n) for n in range(start, start + 20)]
        home.put([*some, *map(declared, some)])
    named = {"EQ_eventID": [simple(n)["eventID"] for n in range(60)]}
    for parameters in (named, {}, named | {"orderBy": "eventTime", "orderDirection": "ASC"}):
        found: list[int] = []
        token: PageToken | None = None
        while True:
            page = home.repository.query(parameters, page=token, limit=7)
            found += [each.sequence for each in page.events]
            token = page.next
            if token is None:
                break
        assert sorted(found) == list(range(1, 121))


def test_who_is_shown_something_by_itself_is_told(home: Home) -> None:
    told: list[int] = []
    home.put([simple(1), simple(2)])
    home.repository.listeners.append(told.append)
    home.repository.show(PARTNER, [1])
    assert told == [2]
    with home.database.write() as connection:
        home.repository.show(PARTNER, [2], connection)
    assert told == [2]
