"""A partner with a bearer token: whatever door it uses, no number of a pack that it never got."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.http.epcis.place import Place, events_of, name_in_path, refused
from tests.http.epcis.test_live import follow, until
from tests.unit.gateway.notices.servers import receiving, say
from tests.unit.gateway.supply.pack_events import case, event, made, pack, packed, party, seen
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.store import Stored
from yilian.gateway.supply.alerts import Alerts
from yilian.gateway.supply.packs import Packs
from yilian.gateway.supply.redaction import Redaction

GLN = "9520001230004"
PARTNER = party("952000123")
OTHER = party("95200456")
OWN, FOREIGN = pack(1), [pack(2), pack(3)]
SERIALS = ("S2", "S3")
BOX, NEXT = case(1), case(2)
AMOUNT, ORDER = 77731, "urn:epcglobal:cbv:bt:0614141111114:777"
CONTEXT = {"my": "https://ns.example.com/"}


class House(Place):
    """A place whose partner got one of three packs."""

    def ship(self, *units: str, to: str = PARTNER, at: int = 9_000) -> None:
        """Tell that packs were shipped, and show their lives to the partner."""
        self.take(seen(at, units, "shipping", "in_transit", destination=to))
        if to == PARTNER:
            with self.database.write() as connection:
                sequences = self.packs.sequences(units, connection)
                self.room.repository.show(GLN, sequences, connection)
            self.room.repository.tell()

    def take(self, told: Event) -> Stored:
        """Store an event, and follow."""
        stored = self.room.repository.capture_one(told, "us")
        self.packs.catch_up()
        return stored

    def live(self) -> None:
        """Make packs, pack and unpack them, and send one of them to the partner."""
        alerts = Alerts(self.database, self.cast.clock)
        self.packs = Packs(self.database, self.room.repository, alerts)
        every = [OWN, *FOREIGN]
        note = {"@context": CONTEXT, "my:beside": f"with {FOREIGN[0]}", "my:plain": "yes"}
        order = {"bizTransactionList": [{"bizTransaction": ORDER}]}
        loose = {"childQuantityList": [{"epcClass": _lot(), "quantity": AMOUNT}]}
        made_of = {"inputEPCList": FOREIGN, "outputEPCList": every}
        for told in (
            made(0, every),
            event("TransformationEvent", 500, **made_of),
            packed(1_000, BOX, every) | loose | order,
            packed(2_000, BOX, every, "DELETE"),
            seen(3_000, every, "inspecting") | note,
            seen(4_000, FOREIGN, "shipping", "in_transit", destination=OTHER),
        ):
            self.take(told)
        self.ship(OWN)


def _lot() -> str:
    return "https://id.gs1.org/01/09520001000027/10/LOT1"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    view = Redaction(lambda partner: {f"https://id.gs1.org/417/{partner}"})
    found = House(tmp_path_factory.mktemp("house"), view=view)
    found.live()
    yield found
    found.close()


@pytest.fixture
def partner(house: House) -> Iterator[httpx.Client]:
    client = house.bearer(house.token(partner=GLN))
    yield client
    client.close()


def clean(text: str) -> None:
    """Nothing of another's pack, nor of what is told of all of them."""
    for serial in SERIALS:
        for form in (f"/21/{serial}", f".{serial}", f"%2F{serial}"):
            assert form not in text
    assert str(AMOUNT) not in text
    assert ORDER not in text
    assert OTHER not in text


def test_lists_of_events_are_clean_in_every_form(house: House, partner: httpx.Client) -> None:
    answer = partner.get("/events")
    found = events_of(answer)
    assert len(found) == 6
    assert len(events_of(house.client.get("/events"))) == 7
    clean(answer.text)
    for headers in (
        {"Accept": "application/xml"},
        {"GS1-EPC-Format": "Always_EPC_URN"},
        {"Accept": "application/ld+json", "GS1-EPC-Format": "Always_GS1_Digital_Link"},
    ):
        answer = partner.get("/events", headers=headers)
        assert answer.status_code == 200
        clean(answer.text)
    packing = next(each for each in found if each.get("bizStep") == "packing")
    assert packing["childEPCs"] == [OWN]
    assert (packing["yilian:redacted"], packing["yilian:others"]) == (True, 2)
    inspected = next(each for each in found if each.get("bizStep") == "inspecting")
    assert (inspected["my:plain"], "my:beside" in inspected) == ("yes", False)


def test_each_event_is_clean_and_the_whole_one_is_not_there(
    house: House, partner: httpx.Client
) -> None:
    parts = {each["eventID"] for each in events_of(partner.get("/events"))}
    originals = {each["eventID"] for each in events_of(house.client.get("/events"))}
    assert len(parts & originals) == 1
    for each in parts:
        answer = partner.get(f"/events/{name_in_path(each)}")
        assert [one["eventID"] for one in events_of(answer)] == [each]
        clean(answer.text)
        assert partner.options(f"/events/{name_in_path(each)}").status_code == 204
    for each in parts - originals:
        # Nor does the house meet a part among its own events.
        refused_everywhere(house.client, f"/events/{name_in_path(each)}")
    for each in originals - parts:
        refused_everywhere(partner, f"/events/{name_in_path(each)}")


def refused_everywhere(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    refused(answer, "epcis.resource_unknown", 404, "NoSuchResourceException")
    assert client.options(path).status_code == 404


def test_trees_have_what_the_partner_sees_alone(house: House, partner: httpx.Client) -> None:
    listed: dict[str, list[str]] = {}
    for tree in ("eventTypes", "epcs", "bizSteps", "bizLocations", "readPoints", "dispositions"):
        members: list[str] = []
        target = f"/{tree}?perPage=1"
        while target:
            answer = partner.get(target)
            clean(answer.text)
            members += answer.json()["member"]
            link = answer.headers.get("link", "")
            target = link[1 : link.index(">")].removeprefix(house.base) if link else ""
        listed[tree] = members
    assert set(listed["epcs"]) == {OWN, BOX}
    for foreign in FOREIGN:
        path = f"/epcs/{name_in_path(foreign)}"
        assert house.client.get(f"{path}/events").status_code == 200
        for target in (path, f"{path}/events"):
            refused_everywhere(partner, target)
    below = {
        "epcs": OWN,
        "bizSteps": "packing",
        "eventTypes": "AggregationEvent",
        "dispositions": "in_transit",
    }
    for tree, name in below.items():
        answer = partner.get(f"/{tree}/{name_in_path(name)}/events")
        assert events_of(answer)
        clean(answer.text)


@pytest.mark.parametrize(
    "asked",
    [
        {"MATCH_anyEPC": FOREIGN[0]},
        {"MATCH_epc": FOREIGN[1]},
        {"MATCH_inputEPC": FOREIGN[0]},
        {"MATCH_outputEPC": FOREIGN[0]},
        {"EQ_bizTransaction_po": ORDER},
        {"EQ_quantity": str(AMOUNT)},
        {"GE_quantity": "1"},
        {"MATCH_anyEPCClass": _lot()},
        {"EQ_destination_owning_party": OTHER},
        {"EXISTS_https://ns.example.com/beside": "true"},
        {"MATCH_epc": FOREIGN[0], "maxEventCount": "1"},
    ],
)
def test_no_question_matches_by_what_the_partner_may_not_see(
    house: House, partner: httpx.Client, asked: dict[str, str]
) -> None:
    assert events_of(partner.get("/events", params=asked)) == []
    below = partner.get("/bizSteps/packing/events", params=asked)
    assert events_of(below) == []
    if "maxEventCount" not in asked and "EQ_bizTransaction_po" not in asked:
        assert events_of(house.client.get("/events", params=asked))


def test_counts_and_pages_are_of_what_the_partner_sees(house: House, partner: httpx.Client) -> None:
    assert len(events_of(partner.get("/events?maxEventCount=6"))) == 6
    refused(
        partner.get("/events?maxEventCount=5"),
        "epcis.query_too_large",
        413,
        "QueryTooLargeException",
    )
    for order in ("", "&orderBy=eventTime", "&orderBy=recordTime&orderDirection=DESC"):
        found: list[str] = []
        target = f"/events?perPage=1{order}"
        while target:
            answer = partner.get(target)
            clean(answer.text + answer.headers.get("link", ""))
            found += [each["eventID"] for each in events_of(answer)]
            link = answer.headers.get("link", "")
            target = link[1 : link.index(">")].removeprefix(house.base) if link else ""
        assert len(found) == len(set(found)) == 6


def test_named_queries_webhooks_and_sockets_are_clean(house: House, partner: httpx.Client) -> None:
    everything: dict[str, Any] = {"name": "all", "query": {}}
    foreign: dict[str, Any] = {"name": "foreign", "query": {"MATCH_anyEPC": FOREIGN}}
    for asked in (everything, foreign):
        assert partner.post("/queries", json=asked).status_code == 201
    answer = partner.get("/queries/all/events")
    assert len(events_of(answer)) == 6
    clean(answer.text)
    assert events_of(partner.get("/queries/foreign/events")) == []
    since = {"stream": True, "initialRecordTime": "2020-01-01T00:00:00Z"}
    with receiving(say(200)) as receiver:
        for name in ("foreign", "all"):
            dest = receiver.url(f"/{name}")
            made_ = partner.post(f"/queries/{name}/subscriptions", json={"dest": dest, **since})
            assert made_.status_code == 201, made_.text
        until(lambda: receiver.posted)
        for posted in receiver.posted:
            assert posted.path == "/all"
            text = posted.body.decode()
            clean(text)
            clean(json.dumps(dict(posted.headers)))
            results = json.loads(text)["epcisBody"]["queryResults"]["resultsBody"]
            assert len(results["eventList"]) == 6
    token = house.token("query", partner=GLN)
    target = "/queries/all/events?stream=true&initialRecordTime=2020-01-01T00:00:00Z"
    with follow(house, target, token) as socket:
        message = socket.recv(20)
        clean(message if isinstance(message, str) else message.decode())
    for name in ("foreign", "all"):
        assert partner.delete(f"/queries/{name}").status_code == 204


def test_a_token_without_a_partner_is_the_organisations_own(house: House) -> None:
    found = events_of(house.client.get("/events"))
    assert {each["eventID"] for each in found} == {
        each.event_id for each in house.room.repository.after(0, 99)
    }
    assert FOREIGN[0] in house.client.get("/events").text


def test_a_partner_that_was_shown_nothing_sees_nothing(house: House) -> None:
    stranger = house.bearer(house.token(partner="9520001000010"))
    assert events_of(stranger.get("/events")) == []
    assert stranger.get("/epcs").json()["member"] == []
    refused_everywhere(stranger, f"/epcs/{name_in_path(OWN)}/events")


def test_a_token_with_a_gln_has_the_view_of_the_organisation_behind_it(house: House) -> None:
    room = house.room
    house.rooms[house.hospital.id] = room._replace(behind=lambda who: {"9520001000010": GLN}[who])
    try:
        known = house.bearer(house.token(partner="9520001000010"))
        assert len(events_of(known.get("/events"))) == 6
    finally:
        house.rooms[house.hospital.id] = room
