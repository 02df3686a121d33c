"""The consent receipt of a grant: read back from the PDF, in both languages, by those who may."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest

from tests.rows.consenting import SYSTEM, Actor, give, path, person, speak
from tests.rows.served import Served
from yilian.gateway.practice.consent_paper import paper
from yilian.gateway.practice.consent_receipts import ConsentReceipt, Part
from yilian.sdk.client import Client
from yilian.text import LANGUAGES, say

pypdf = pytest.importorskip("pypdf", reason="tools/environment.sh test,dev")

NAME = "欧阳明月"


def address(served: Served, person: str, grant: str) -> str:
    return path(served.a, f"persons/{person}/grants/{grant}/receipt")


def fetched(client: Client, at: str, language: str) -> Any:
    headers = {"Accept": "application/pdf", "Accept-Language": language}
    return client.exchange("GET", at, headers=headers)


def words(data: bytes) -> str:
    """All that a PDF says, without the line breaks of its type."""
    pages = pypdf.PdfReader(io.BytesIO(data)).pages
    return re.sub(r"\s", "", "".join(each.extract_text() for each in pages))


def bare(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_says_who_what_why_until_when_and_how_to_stop(served: Served, language: str) -> None:
    enrolment = {"system": SYSTEM, "number": "N-1", "name": NAME, "born": "1949-05-31"}
    with served.client(served.a) as client:
        patient = client.request("POST", path(served.a, "persons"), enrolment)["person"]
    body = {"person": patient, "grantee": served.b.id, "categories": ["laboratory", "allergy"]}
    with served.client(served.a) as client:
        given = client.request("POST", path(served.a, "grants"), body)
        answer = fetched(client, address(served, patient, given["grant"]), language)
        revocation = {"person": patient, "grant": given["grant"]}
        client.request("POST", path(served.a, "revocations"), revocation)
        after = fetched(client, address(served, patient, given["grant"]), language)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-language"] == language
    told = words(answer.body)
    for key in ("title", "states/standing", "rows/recipient", "consent", "parts/stop"):
        assert bare(say(language, "consent_receipt", key)) in told
    for value in (
        NAME,
        "云溪市第一人民医院",
        bare("Lakeside General Hospital"),
        bare(say(language, "portal_sign", "values/terms.categories/laboratory")),
        bare(say(language, "portal_sign", "values/terms.purposes/treat")),
        given["grant"],
        str(given["height"]),
        given["transaction"][:16],
        f"/{language}/explorer/grants/{given['grant']}",
    ):
        assert value in told, value
    assert bare(say(language, "consent_receipt", "states/revoked")) in words(after.body)
    assert NAME not in str(pypdf.PdfReader(io.BytesIO(answer.body)).metadata)


def test_a_receipt_is_the_persons_and_who_acts_for_them(served: Served) -> None:
    patient, other = (person(served, served.a, each) for each in ("N-1", "N-2"))
    grant = give(served, patient, patient.id, categories=["laboratory"])["grant"]
    at = address(served, patient.id, grant)

    def status(who: Actor, place: Any, where: str = at) -> tuple[int, str]:
        with speak(served, who, place) as client:
            answer = fetched(client, where, "en")
        said = b"" if answer.status == 200 else answer.body
        return answer.status, str(json.loads(said)["code"]) if said else ""

    assert status(patient, served.a) == (200, "")
    assert status(other, served.a) == (403, "forbidden")
    name, signer, _ = served.doctor(served.a)
    assert status(Actor(name, signer), served.a) == (403, "forbidden")
    own = address(served, other.id, grant)
    assert status(other, served.a, own) == (404, "organisation.grant_unknown")
    assert status(patient, served.a, at.replace(grant, patient.id))[0] == 404
    assert status(patient, served.a, at.replace(grant, "x"))[0] == 400
    with speak(served, patient, served.a) as client:
        client.consent.name_custodian(custodian=other.id, ends=2**45, powers=["revoke"])
        assert client.exchange("GET", at, headers={"Accept": "application/json"}).status == 406
    assert status(other, served.a) == (200, "")
    with served.client(served.b) as client:
        assert fetched(client, at, "en").status == 403


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_name_breaks_the_type(language: str) -> None:
    odd = "𠮷野 <b>&amp;</b> \u202e Ünïcode ✓ أحمد"
    receipt = ConsentReceipt(
        title="T",
        about=odd,
        sentence=odd * 40,
        lines=(odd, ""),
        parts=tuple(Part(odd, ((odd, odd * 30),)) for _ in range(12)),
        address="http://localhost/en/explorer/grants/x",
        check=odd,
        small=odd,
        language=language,
        keeper=odd,
    )
    made = pypdf.PdfReader(io.BytesIO(paper(receipt)))
    assert len(made.pages) > 1
    assert "野<b>&amp;</b>" in bare(made.pages[0].extract_text())
