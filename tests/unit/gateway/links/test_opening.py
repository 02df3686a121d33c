"""A link opens as often as it may, for whoever knows what must be known, and each time is told."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.rows.consenting import Actor, path, speak
from tests.rows.served import Served
from tests.unit.gateway.links.sharing import (
    RECIPIENT,
    Kept,
    Link,
    house,
    lines_of,
    share,
    shown,
)
from yilian.gateway.links import opening
from yilian.gateway.links.errors import NOT_THERE
from yilian.gateway.links.health_links import HealthLinks
from yilian.ledger.errors import Refusal
from yilian.node import engine as engines
from yilian.vault.journal import Journal

MINUTE = 60_000


def problem(answer: httpx.Response, code: str, status: int) -> dict[str, Any]:
    """Check that an answer is a problem of a code, which pages of other origins may read."""
    found: dict[str, Any] = answer.json()
    assert (found["code"], answer.status_code) == (code, status), found
    assert answer.headers["access-control-allow-origin"] == "*"
    return found


def gone(answer: httpx.Response) -> None:
    found = problem(answer, "links.not_there", 404)
    assert found["parameters"] == {}


def by_link(served: Served, link: Link, record: str) -> list[Any]:
    return [each for each in lines_of(served, record) if each.session == link.id]


def test_an_opening_is_journalled_told_and_counted(
    served: Served, patient: Actor, kept: Kept
) -> None:
    link = share(served, patient)
    answer = link.post()
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    (file,) = answer.json()["files"]
    assert file.keys() == {"contentType", "embedded", "fhirVersion", "lastUpdated", "status"}
    assert (file["contentType"], file["fhirVersion"]) == ("application/fhir+json", "4.0.1")
    assert link.opened(file["embedded"])["resourceType"] == "Bundle"

    (line,) = by_link(served, link, kept.glucose)
    assert (line.basis, line.reader, line.on_behalf_of) == ("patient", link.id, patient.id)
    assert (line.purpose, line.outcome) == ("patient-request", "permit")
    assert by_link(served, link, kept.asthma) == []
    found = shown(served, patient, link)
    assert (found["state"], found["left"], found["last_opened"]) == ("used", 0, line.time)
    assert [each["recipient_unverified"] for each in found["openings"]] == ["云溪诊所 王医生"]

    served.node.organisations[served.a.id].anchor_all()
    with speak(served, patient, served.a) as client:
        seen = client.request("GET", path(served.a, f"persons/{patient.id}/disclosures"))
        told = client.request("GET", path(served.a, f"persons/{patient.id}/notices"))
        (mine,) = [each for each in seen["disclosures"] if each["session"] == link.id]
        proof = f"persons/{patient.id}/disclosures/{mine['lines'][0]}/proof"
        assert client.request("GET", path(served.a, proof))["anchored"]["height"] > 0
    assert mine["anchored"]
    assert mine["records"] == [kept.glucose]
    notices = [each for each in told["notices"] if each["kind"] == "health_link_opened"]
    assert [each["parameters"]["link"] for each in notices] == [link.id]


def test_once_is_once(served: Served, patient: Actor, kept: Kept) -> None:
    link = share(served, patient)
    assert link.post().status_code == 200
    gone(link.post())
    gone(link.get())
    assert len(by_link(served, link, kept.glucose)) == 1


def test_so_often_and_no_more(served: Served, patient: Actor, kept: Kept) -> None:
    link = share(served, patient, {"categories": ["laboratory"], "openings": 3})
    files = {link.post().json()["files"][0]["embedded"] for _ in range(3)}
    # A snapshot: what was encrypted once is what everybody gets.
    assert len(files) == 1
    gone(link.post())
    assert len(shown(served, patient, link)["openings"]) == 3


def test_two_at_the_same_instant_and_one_of_them_opens(
    served: Served, patient: Actor, kept: Kept
) -> None:
    """All have passed every check before any of them uses the opening up."""
    link = share(served, patient)
    links = house(served)
    barrier = threading.Barrier(6)

    class Together(HealthLinks):
        def content(self, row: Any) -> str | None:
            found = super().content(row)
            barrier.wait(30)
            return found

    def at_once(_: int) -> str:
        try:
            opening.open_manifest([Together(links.organisation)], link.address, "x", None, None)
        except Refusal as refusal:
            return refusal.code.name
        return "opened"

    with ThreadPoolExecutor(6) as pool:
        outcomes = sorted(pool.map(at_once, range(6)))
    assert outcomes == ["links.not_there"] * 5 + ["opened"]
    assert len(by_link(served, link, kept.glucose)) == 1
    assert len(shown(served, patient, link)["openings"]) == 1


def test_a_file_too_long_to_embed_has_an_address_that_serves_once(
    served: Served, patient: Actor, kept: Kept
) -> None:
    link = share(served, patient)
    (file,) = link.post({**RECIPIENT, "embeddedLengthMax": 10}).json()["files"]
    assert "embedded" not in file
    assert file["location"].startswith(link.payload["url"] + "/file/")
    # The opening is in the journal before the file was fetched, and is not counted twice.
    assert len(by_link(served, link, kept.glucose)) == 1
    gone(link.post())
    gone(link.fetch(file["location"][:-1] + ("A" if file["location"][-1] != "A" else "B")))
    assert link.served.url
    got = link.fetch(file["location"])
    assert (got.status_code, got.headers["content-type"]) == (200, "application/jose")
    assert link.opened(got.text)["resourceType"] == "Bundle"
    gone(link.fetch(file["location"]))
    assert len(by_link(served, link, kept.glucose)) == 1
    assert house(served).store.content(link.id) is None


def test_a_file_that_is_short_enough_is_embedded(
    served: Served, patient: Actor, kept: Kept
) -> None:
    link = share(served, patient, {"categories": ["laboratory"], "openings": 2})
    (file,) = link.post().json()["files"]
    size = len(file["embedded"])
    (again,) = link.post({**RECIPIENT, "embeddedLengthMax": size}).json()["files"]
    assert again == file


def test_the_address_of_a_file_is_over_after_minutes_and_with_a_revocation(
    served: Served, patient: Actor, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"categories": ["laboratory"], "openings": 5}
    link, body = share(served, patient, asked), {**RECIPIENT, "embeddedLengthMax": 0}
    (late,) = link.post(body).json()["files"]
    (taken,) = link.post(body).json()["files"]
    now = engines.now_ms
    monkeypatch.setattr(engines, "now_ms", lambda: now() + opening.TICKET_MS + 1)
    gone(link.fetch(late["location"]))
    monkeypatch.setattr(engines, "now_ms", now)
    house(served).revoke(patient.id, link.id)
    gone(link.fetch(taken["location"]))


def test_a_direct_link_gives_its_file_to_one_who_says_who_they_are(
    served: Served, patient: Actor, kept: Kept
) -> None:
    link = share(served, patient, {"categories": ["laboratory"], "direct": True})
    problem(link.get(None), "links.recipient_missing", 400)
    problem(link.get("   "), "links.recipient_missing", 400)
    problem(link.get("x" * 201), "links.recipient_missing", 400)
    gone(link.post())
    # A preview's look at the head alone uses nothing up.
    assert httpx.head(f"{served.url}/shl/{link.address}?recipient=x").status_code == 405
    assert shown(served, patient, link)["left"] == 1
    got = link.get()
    assert (got.status_code, got.headers["content-type"]) == (200, "application/jose")
    assert link.opened(got.text)["resourceType"] == "Bundle"
    gone(link.get())
    assert len(by_link(served, link, kept.glucose)) == 1


def test_a_link_with_a_manifest_has_no_direct_file(
    served: Served, patient: Actor, kept: Kept
) -> None:
    link = share(served, patient)
    gone(link.get())
    assert shown(served, patient, link)["left"] == 1


def test_a_malformed_request_uses_nothing_up(served: Served, patient: Actor, kept: Kept) -> None:
    link = share(served, patient)
    url = f"{served.url}/shl/{link.address}"
    json_type = {"content-type": "application/json"}
    problem(link.post({}), "links.recipient_missing", 400)
    problem(link.post({"recipient": " \n\t "}), "links.recipient_missing", 400)
    problem(link.post({"recipient": "x" * 201}), "malformed", 400)
    problem(link.post({"recipient": 7}), "malformed", 400)
    problem(link.post({**RECIPIENT, "embeddedLengthMax": -1}), "malformed", 400)
    problem(link.post([]), "malformed", 400)
    problem(httpx.post(url, content=b"{", headers=json_type), "malformed", 400)
    problem(httpx.post(url, content=b"\xff" * 9, headers=json_type), "malformed", 400)
    problem(httpx.post(url, content=b"[" * 8_000, headers=json_type), "malformed", 400)
    problem(httpx.post(url, content=b" " * 9_000, headers=json_type), "body_too_large", 413)
    problem(httpx.post(url, data={"recipient": "x"}), "unsupported_media_type", 415)
    assert shown(served, patient, link)["left"] == 1
    # What later versions may add is passed over.
    assert link.post({**RECIPIENT, "later": {"a": 1}}).status_code == 200


def test_a_recipients_words_are_one_line(served: Served, patient: Actor, kept: Kept) -> None:
    link = share(served, patient)
    link.post({"recipient": "Dr\u202e Wang\n\nSystem: approved\x00"})
    (opened,) = shown(served, patient, link)["openings"]
    assert opened["recipient_unverified"] == "Dr Wang System: approved"


def test_expiry_is_by_the_later_of_block_time_and_clock(
    served: Served, patient: Actor, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = share(served, patient, {"categories": ["laboratory"], "minutes": 10})
    now = engines.now_ms
    # The clock was set back: block time counts.
    tip = served.node.engine.tip
    monkeypatch.setattr(engines, "now_ms", lambda: 0)
    later = type(tip)(**{**_fields(tip), "time": now() + 11 * MINUTE})
    with monkeypatch.context() as patch:
        patch.setattr(served.node.engine, "_tip", later)
        with pytest.raises(Refusal) as refused:
            opening.open_manifest([house(served)], link.address, "x", None, None)
        assert refused.value.code is NOT_THERE
    # The chain was idle: the clock counts.
    monkeypatch.setattr(engines, "now_ms", lambda: now() + 11 * MINUTE)
    gone(link.post())
    monkeypatch.setattr(engines, "now_ms", now)
    # It was only looked at, so the row still stands; nobody tidied while the time was over.
    assert link.post().status_code == 200


def _fields(tip: Any) -> dict[str, Any]:
    return {name: getattr(tip, name) for name in type(tip).__struct_fields__}


def test_a_crash_after_the_claim_costs_the_opening_and_gives_nothing(
    served: Served, patient: Actor, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between using up and journal: nothing left, nothing journalled, and it stays used."""
    link = share(served, patient)

    def crash(self: Journal, lines: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", crash)
        with pytest.raises(SystemExit):
            opening.open_manifest([house(served)], link.address, "x", None, None)
    served.stop()
    served.start()
    gone(link.post())
    assert by_link(served, link, kept.glucose) == []
    found = shown(served, patient, link)
    assert (found["left"], len(found["openings"])) == (0, 1)


def test_a_crash_between_journal_and_answer_counts_as_an_opening(
    served: Served, patient: Actor, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal cannot know that the answer never left, so it says that it may have."""
    link = share(served, patient)

    def crash(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("yilian.gateway.practice.notices.tell", crash)
        with pytest.raises(SystemExit):
            opening.open_manifest([house(served)], link.address, "x", None, None)
    served.stop()
    served.start()
    gone(link.post())
    assert len(by_link(served, link, kept.glucose)) == 1
    assert len(shown(served, patient, link)["openings"]) == 1


def test_pages_of_other_sites_may_open_links_and_nothing_else(
    served: Served, patient: Actor, kept: Kept
) -> None:
    link = share(served, patient)
    asked = {
        "Origin": "https://viewer.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    for place in (f"/shl/{link.address}", f"/shl/{link.address}/file/x"):
        answer = httpx.options(served.url + place, headers=asked)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
    for place in ("/v1/status", f"/v1/organisations/{served.a.id}/persons/{patient.id}/records"):
        got = httpx.get(served.url + place, headers=asked)
        told = httpx.options(served.url + place, headers=asked)
        for answer in (got, told):
            assert not [each for each in answer.headers if each.startswith("access-control")]


def test_one_address_asks_so_often_and_no_more(served: Served, patient: Actor, kept: Kept) -> None:
    url = f"{served.url}/shl/{'A' * 43}"
    with httpx.Client() as client:
        codes = [client.post(url, json=RECIPIENT).json()["code"] for _ in range(60)]
    assert codes[0] == "links.not_there"
    assert codes[-1] == "rate_limited"
