"""Named queries followed over a WebSocket."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.chain import Actor
from tests.epcis_sample import events
from tests.http.epcis.place import Place
from tests.http.node import claim, sign
from yilian.gateway.epcis.json_form import parse_json
from yilian.gateway.http.epcis import live

GLN = "9520001000010"


def until(condition: Callable[[], object]) -> None:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < 20, "it did not come"
        time.sleep(0.01)


def follow(place: Place, target: str, token: str | None = None, **headers: str) -> ClientConnection:
    shown = {"Authorization": f"Bearer {token or place.token()}", **headers}
    url = place.node.url.replace("http://", "ws://") + place.base + target
    return connect(url, additional_headers=shown, open_timeout=20, close_timeout=1)


def ids_of(message: str | bytes) -> list[str]:
    data = message.encode() if isinstance(message, str) else message
    return [str(each["eventID"]) for each in parse_json(data).events if each is not None]


def query(place: Place, name: str, asked: dict[str, Any]) -> str:
    assert place.client.post("/queries", json={"name": name, "query": asked}).status_code == 201
    return f"/queries/{name}/events"


def test_a_stream(place: Place) -> None:
    place.put([each for each in events(90, 10) if "eventID" in each])
    target = query(place, "flow", {"EQ_bizStep": ["shipping"]})
    sample = [each for each in events(91, 60) if "eventID" in each]
    wanted = [each["eventID"] for each in sample if each.get("bizStep") == "shipping"]
    with (
        follow(place, f"{target}?stream=true") as first,
        follow(place, f"{target}?stream=true") as second,
    ):
        place.put(sample)
        for each in (first, second):
            found: list[str] = []
            while len(found) < len(wanted):
                message = each.recv(20)
                assert json.loads(message)["epcisBody"]["queryResults"]["queryName"] == "flow"
                found += ids_of(message)
            assert found == wanted


def test_from_a_moment_on(place: Place) -> None:
    place.fresh()
    ids = place.put([each for each in events(92, 300) if "eventID" in each])
    target = query(place, "since", {})
    with follow(place, f"{target}?stream=true&initialRecordTime=2020-01-01T00:00:00Z") as socket:
        found: list[str] = []
        while len(found) < len(ids):
            found += ids_of(socket.recv(20))
        assert found == ids


def test_a_schedule(place: Place) -> None:
    """Every second, and told that there is nothing."""
    target = query(place, "ticking", {})
    with follow(place, f"{target}?second=*&reportIfEmpty=true") as socket:
        assert ids_of(socket.recv(20)) == []
        ids = place.put([each for each in events(93, 3) if "eventID" in each])
        found: list[str] = []
        while len(found) < len(ids):
            found += ids_of(socket.recv(20))
        assert found == ids


def test_a_partner_follows_what_it_is_shown(place: Place) -> None:
    partner = place.bearer(place.token(partner=GLN))
    assert partner.post("/queries", json={"name": "shown", "query": {}}).status_code == 201
    token = place.token("query", partner=GLN)
    with follow(place, "/queries/shown/events?stream=true", token) as socket:
        ids = place.put([each for each in events(94, 10) if "eventID" in each])
        stored = place.room.repository.event(ids[1])
        assert stored is not None
        place.room.repository.show(GLN, [stored.sequence])
        place.room.repository.tell()
        assert ids_of(socket.recv(20)) == [ids[1]]


def test_it_ends_with_its_query_and_with_its_token(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LONGEST_SLEEP", 0.05)
    target = query(place, "ending", {})
    with follow(place, f"{target}?stream=true") as socket:
        assert place.client.delete("/queries/ending").status_code == 204
        with pytest.raises(ConnectionClosed):
            socket.recv(20)
    target = query(place, "revoked", {})
    token = place.token("query")
    with follow(place, f"{target}?stream=true", token) as socket:
        place.room.tokens.revoke(token.partition(".")[0])
        with pytest.raises(ConnectionClosed):
            socket.recv(20)


def test_by_signature(place: Place) -> None:
    target = query(place, "signed", {})
    path = f"{place.base}{target}?stream=true"

    def opened(actor: Actor) -> ClientConnection:
        header = sign(claim(place.cast, actor, path), actor.signer)
        url = place.node.url.replace("http://", "ws://") + path
        return connect(url, additional_headers={"Yilian-Request": header}, open_timeout=20)

    with opened(place.hospital) as socket:
        ids = place.put([each for each in events(95, 5) if "eventID" in each])
        assert ids_of(socket.recv(20)) == ids
    with pytest.raises(InvalidStatus) as caught:
        opened(place.cast.insurer)
    assert caught.value.response.status_code == 403


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/queries/none/events?stream=true", 404, "epcis.query_unknown"),
        ("/queries/there/events", 400, "epcis.subscription_controls"),
        ("/queries/there/events?stream=false", 400, "epcis.subscription_controls"),
        ("/queries/there/events?stream=true&hour=1", 400, "epcis.subscription_controls"),
        ("/queries/there/events?hour=25", 400, "epcis.subscription_controls"),
        ("/queries/there/events?stream=true&perPage=3", 400, "epcis.subscription_controls"),
        ("/queries/there/events?stream=true&stream=true", 400, "epcis.subscription_controls"),
        ("/queries/there/events?stream=maybe", 400, "epcis.subscription_controls"),
        (
            "/queries/there/events?stream=true&initialRecordTime=x",
            400,
            "epcis.subscription_controls",
        ),
    ],
)
def test_what_is_not_opened(place: Place, target: str, status: int, code: str) -> None:
    place.client.post("/queries", json={"name": "there", "query": {}})
    with pytest.raises(InvalidStatus) as caught:
        follow(place, target)
    assert caught.value.response.status_code == status
    body = json.loads(caught.value.response.body or b"")
    assert body["code"] == code
    assert body["type"].startswith("epcisException:")


def test_who_is_not_let_in(place: Place) -> None:
    place.client.post("/queries", json={"name": "there", "query": {}})
    theirs = place.token(room=place.rooms[place.cast.insurer.id])
    for token, status in ((place.token("capture"), 403), (theirs, 401), ("x", 401)):
        with pytest.raises(InvalidStatus) as caught:
            follow(place, "/queries/there/events?stream=true", token)
        assert caught.value.response.status_code == status
    url = place.node.url.replace("http://", "ws://")
    for path in (f"{place.base}/queries/there/events?stream=true", "/v1/events", "/nowhere"):
        with pytest.raises(InvalidStatus) as caught:
            connect(url + path, open_timeout=20)
        assert caught.value.response.status_code in (401, 403)


def test_there_is_an_end_to_how_many(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_LIVE", 1)
    target = query(place, "crowded", {})
    with follow(place, f"{target}?stream=true"):
        with pytest.raises(InvalidStatus) as caught:
            follow(place, f"{target}?stream=true")
        assert caught.value.response.status_code == 429
    # Its place is free again once it has gone.
    until(lambda: _opens(place, f"{target}?stream=true"))


def _opens(place: Place, target: str) -> bool:
    try:
        follow(place, target).close()
    except InvalidStatus:
        return False
    return True


def test_a_reader_who_talks_is_not_listened_to(place: Place) -> None:
    target = query(place, "talking", {})
    with follow(place, f"{target}?stream=true") as socket:
        socket.send("hello")
        ids = place.put([each for each in events(96, 4) if "eventID" in each])
        assert ids_of(socket.recv(20)) == ids
        socket.send("x" * 5_000)
        with pytest.raises(ConnectionClosed):
            socket.recv(20)
