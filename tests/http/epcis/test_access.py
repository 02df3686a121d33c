"""Who comes in: by signature or token, with which right, to which organisation, with whose view."""

from __future__ import annotations

import json

import pytest

from tests.chain import Actor
from tests.epcis_sample import events
from tests.http.epcis.place import JSON, Place, bare, document, events_of, name_in_path, refused
from yilian.gateway.audit import audited_by
from yilian.ledger.modules.identity import messages as identity

GLN = "9520001000010"
TOKENS = "/v1/organisations/{}/epcis/tokens"
SECURITY = "SecurityException"


def new_event(seed: int) -> dict[str, object]:
    return next(each for each in events(seed, 20) if "eventID" in each)


def test_the_organisations_own_people_sign(place: Place) -> None:
    event = new_event(20)
    body = bare(event)
    answer = place.signed(place.hospital, "POST", f"{place.base}/events", body)
    assert answer.status_code == 201, answer.text
    answer = place.signed(place.hospital, "GET", answer.headers["location"])
    assert events_of(answer)[0]["eventID"] == event["eventID"]
    answer = place.signed(
        place.hospital, "POST", f"{place.base}/capture", document([new_event(21)])
    )
    assert answer.status_code == 202
    job = place.signed(place.hospital, "GET", answer.headers["location"])
    assert job.status_code == 200


def test_others_signatures_open_nothing(place: Place) -> None:
    for method, path in (("GET", "/events"), ("GET", "/capture"), ("OPTIONS", "/")):
        answer = place.signed(place.cast.insurer, method, place.base + path)
        refused(answer, "forbidden", 403, SECURITY)
    person = place.node.person("epcis-alice")
    refused(place.signed(person, "GET", f"{place.base}/events"), "forbidden", 403, SECURITY)
    before = place.room.repository.newest()
    answer = place.signed(place.cast.insurer, "POST", f"{place.base}/events", bare(new_event(22)))
    refused(answer, "forbidden", 403, SECURITY)
    assert place.room.repository.newest() == before


def test_a_signature_is_for_one_request(place: Place) -> None:
    first = place.signed(place.hospital, "GET", f"{place.base}/events?perPage=1")
    header = {"Yilian-Request": first.request.headers["yilian-request"]}
    again = place.node.client.get(f"{place.base}/events?perPage=1", headers=header)
    refused(again, "replayed_request", 401, SECURITY)
    other = place.node.client.get(f"{place.base}/events?perPage=2", headers=header)
    refused(other, "request_differs", 401, SECURITY)


def test_rights(place: Place) -> None:
    event = new_event(23)
    capture, query = place.bearer(place.token("capture")), place.bearer(place.token("query"))
    before = place.room.repository.newest()
    answer = query.post("/events", content=bare(event), headers=JSON)
    assert refused(answer, "epcis.right_missing", 403, SECURITY)["parameters"] == {
        "right": "capture"
    }
    answer = query.post("/capture", content=document([event]), headers=JSON)
    refused(answer, "epcis.right_missing", 403, SECURITY)
    refused(query.get("/capture"), "epcis.right_missing", 403, SECURITY)
    assert place.room.repository.newest() == before
    assert capture.post("/events", content=bare(event), headers=JSON).status_code == 201
    for path in ("/events", "/epcs", "/queries", "/queries/x/events", "/bizSteps"):
        answer = capture.get(path)
        assert refused(answer, "epcis.right_missing", 403, SECURITY)["parameters"] == {
            "right": "query"
        }
    asked = {"name": "q", "query": {}}
    refused(capture.post("/queries", json=asked), "epcis.right_missing", 403, SECURITY)
    refused(capture.delete("/queries/q"), "epcis.right_missing", 403, SECURITY)
    assert capture.options("/capture").status_code == query.options("/events").status_code == 204
    assert capture.get("/capture").status_code == query.get("/events").status_code == 200


def test_tokens_that_open_nothing(place: Place) -> None:
    insurer = place.cast.insurer.id
    theirs = place.token(room=place.rooms[insurer])
    refused(place.bearer(theirs).get("/events"), "epcis.token_refused", 401, SECURITY)
    assert place.bearer(theirs, f"/epcis/{insurer}").get("/events").status_code == 200
    short = place.token(expires=1)
    while place.cast.clock() <= place.room.tokens.all()[0].expires:
        continue
    refused(place.bearer(short).get("/events"), "epcis.token_expired", 401, SECURITY)
    good = place.token()
    for header in ("Bearer", "Bearer x", f"Basic {good}", good, f"Bearer {good}.x"):
        answer = place.node.client.get(f"{place.base}/events", headers={"Authorization": header})
        refused(answer, "epcis.token_refused", 401, SECURITY)
    twice = [("Authorization", f"Bearer {good}")] * 2
    answer = place.node.client.get(f"{place.base}/events", headers=twice)
    refused(answer, "epcis.token_refused", 401, SECURITY)
    lower = place.node.client.get(
        f"{place.base}/events", headers={"Authorization": f"bearer {good}"}
    )
    assert lower.status_code == 200
    missing = place.node.client.get(f"{place.base}/events")
    refused(missing, "epcis.credentials_missing", 401, SECURITY)
    nobody = place.node.client.get(f"/epcis/{'A' * 22}/events", headers=place.client.headers)
    refused(nobody, "not_found", 404, "NoSuchResourceException")
    no_id = place.node.client.get("/epcis/hospital/events", headers=place.client.headers)
    refused(no_id, "bad_parameter", 400, "QueryParameterException")


def test_tokens_are_made_listed_and_revoked_by_operators(place: Place) -> None:
    root = TOKENS.format(place.hospital.id)
    expires = place.cast.clock() + 3_600_000
    asked = {"name": "WMS", "rights": ["query"], "expires": expires, "partner": GLN}
    made = place.signed(place.hospital, "POST", root, json.dumps(asked).encode())
    assert made.status_code == 201, made.text
    told = made.json()
    bearer = place.bearer(told["bearer"])
    assert bearer.get("/events").status_code == 200
    listed = place.signed(place.hospital, "GET", root)
    assert told["token"] in listed.json()["tokens"]
    assert told["bearer"].partition(".")[2] not in listed.text
    ended = place.signed(place.hospital, "DELETE", f"{root}/{told['token']['token']}")
    assert ended.json()["revoked"] >= told["token"]["created"]
    refused(bearer.get("/events"), "epcis.token_refused", 401, SECURITY)
    gone = place.signed(place.hospital, "DELETE", f"{root}/{'A' * 22}")
    assert (gone.status_code, gone.json()["code"]) == (404, "epcis.token_unknown")


def test_the_audit_trail_has_what_is_done_with_tokens(place: Place) -> None:
    """Each of these calls is an entry of the organisation's trail."""
    name = place.hospital.id
    audited = audited_by((name,))
    for method, path in (("POST", ""), ("GET", ""), ("DELETE", "/x")):
        scope = {"method": method, "path": TOKENS.format(name) + path}
        assert audited(scope) == name


def test_nobody_else_makes_tokens(place: Place) -> None:
    root = TOKENS.format(place.hospital.id)
    expires = place.cast.clock() + 3_600_000
    asked = json.dumps({"name": "WMS", "rights": ["query"], "expires": expires}).encode()
    doctor = practitioner(place)
    before = len(place.room.tokens.all())
    for actor in (place.cast.insurer, doctor):
        answer = place.signed(actor, "POST", root, asked)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert place.signed(actor, "GET", root).status_code == 403
        assert place.signed(actor, "DELETE", f"{root}/{'A' * 22}").status_code == 403
    # A token makes no token.
    shown = place.node.client.post(root, content=asked, headers={**place.client.headers, **JSON})
    assert (shown.status_code, shown.json()["code"]) == (401, "unauthenticated")
    assert len(place.room.tokens.all()) == before
    # A practitioner of the organisation may use the repository all the same.
    assert place.signed(doctor, "GET", f"{place.base}/events").status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"rights": []},
        {"rights": ["all"]},
        {"rights": ["query", "query"]},
        {"expires": 0},
        {"expires": 9_007_199_254_740_991},
        {"partner": "9520001000011"},
        {"name": ""},
        {"name": 5},
        {"more": 1},
    ],
)
def test_what_is_no_token(place: Place, changes: dict[str, object]) -> None:
    before = place.room.tokens.all()
    asked = {"name": "a", "rights": ["query"], "expires": place.cast.clock() + 60_000, **changes}
    body = json.dumps(asked).encode()
    answer = place.signed(place.hospital, "POST", TOKENS.format(place.hospital.id), body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert place.room.tokens.all() == before


def test_a_partner_sees_what_it_was_shown_and_nothing_else(place: Place) -> None:
    sample = [
        each
        for each in events(24, 60)
        if {"eventID", "bizStep", "readPoint", "epcList"} <= each.keys() and each["epcList"]
    ]
    ids = place.put(sample)
    shown, hidden = sample[0], sample[1]
    partner = place.bearer(place.token(partner=GLN))
    stored = place.room.repository.event(ids[0])
    assert stored is not None
    place.room.repository.show(GLN, [stored.sequence])
    assert [each["eventID"] for each in events_of(partner.get("/events"))] == [ids[0]]
    assert partner.get("/epcs").json()["member"]
    assert len(partner.get("/epcs").json()["member"]) < len(
        place.client.get("/epcs").json()["member"]
    )
    for path in (
        f"/events/{name_in_path(ids[1])}",
        f"/epcs/{name_in_path(hidden['epcList'][0])}/events",
    ):
        refused(partner.get(path), "epcis.resource_unknown", 404, "NoSuchResourceException")
        assert place.client.get(path).status_code == 200
    assert partner.get(f"/epcs/{name_in_path(shown['epcList'][0])}/events").status_code == 200
    one = partner.get("/events", params={"maxEventCount": "1"})
    assert len(events_of(one)) == 1


def test_a_partner_has_its_own_queries_and_captures(place: Place) -> None:
    partner, other = place.bearer(place.token(partner=GLN)), place.bearer(place.token(partner=GLN))
    assert place.client.post("/queries", json={"name": "ours", "query": {}}).status_code == 201
    assert partner.post("/queries", json={"name": "theirs", "query": {}}).status_code == 201
    assert partner.post("/queries", json={"name": "ours", "query": {}}).status_code == 201
    assert [each["name"] for each in partner.get("/queries").json()] == ["ours", "theirs"]
    refused(place.client.get("/queries/theirs"), "epcis.query_unknown", 404, "NoSuchNameException")
    assert partner.delete("/queries/ours").status_code == 204
    assert place.client.get("/queries/ours").status_code == 200
    job = place.client.post("/capture", content=document([new_event(25)]), headers=JSON)
    name = job.headers["location"].rsplit("/", 1)[1]
    refused(partner.get(f"/capture/{name}"), "epcis.job_unknown", 404, "NoSuchResourceException")
    assert partner.get("/capture").json() == []
    own = partner.post("/capture", content=document([new_event(26)]), headers=JSON)
    own_name = own.headers["location"].rsplit("/", 1)[1]
    assert partner.get(f"/capture/{own_name}").status_code == 200
    assert other.get(f"/capture/{own_name}").status_code == 404
    assert own_name in {each["captureID"] for each in place.client.get("/capture").json()}
    one = partner.post("/events", content=bare(new_event(27)), headers=JSON)
    assert partner.get(f"/events/{name_in_path(one.json()['eventID'])}").status_code == 200


def practitioner(place: Place) -> Actor:
    made = place.cast.actor("epcis-doctor", place.hospital)
    message = identity.EnrolPractitioner(practitioner=made.id, tag="A" * 43, key=made.signer.key)
    place.node.must(place.hospital, message)
    return made
