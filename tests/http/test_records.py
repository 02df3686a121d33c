"""Single records, lists, filters, cursors and DID documents over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chain import Actor, Chain, name_of
from tests.http.node import UNKNOWN, Node, problem
from yilian.gateway.http.tables import Kind
from yilian.ledger.modules.care import messages as care
from yilian.ledger.modules.consent import messages as consent
from yilian.ledger.modules.governance import messages as governance
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.records import messages as records

LISTS = [
    "/v1/identity/subjects",
    "/v1/identity/keys",
    "/v1/identity/licences",
    "/v1/identity/recoveries",
    "/v1/governance/members",
    "/v1/governance/proposals",
    "/v1/consent/grants",
    "/v1/consent/sessions",
    "/v1/records/anchors",
    "/v1/records/batches",
    "/v1/consent/asks",
    "/v1/consent/emergencies",
    "/v1/records/holds",
    "/v1/records/erasures",
    "/v1/identity/links",
    "/v1/care/encounters",
    "/v1/care/referrals",
]
SINGLE = [
    *LISTS,
    "/v1/governance/quotas",
    "/v1/identity/key-services",
    "/v1/consent/custodians",
]


@pytest.fixture(scope="module")
def alice(node: Node) -> Actor:
    """A person with seven grants, and at least one record of nearly every kind."""
    made = node.person("alice")
    now = node.engine.now()
    cast = node.cast
    for each in range(7):
        node.must(
            made,
            consent.Grant(
                grant=name_of(f"grant {each}"), terms="A" * 43, starts=now, ends=now + 10**8
            ),
        )
    doctor = cast.actor("doctor", cast.hospital)
    node.must(
        cast.hospital,
        identity.EnrolPractitioner(practitioner=doctor.id, tag="A" * 43, key=doctor.signer.key),
        records.Anchor(record=name_of("record"), commitment="A" * 43),
        records.AnchorBatch(batch=name_of("batch"), root="A" * 43, size=2),
        governance.Propose(
            proposal=name_of("proposal"),
            action=governance.SetQuota(organisation=cast.insurer.id, limit=5_000),
        ),
    )
    node.must(
        cast.authority,
        identity.IssueLicence(
            licence=name_of("licence"),
            practitioner=doctor.id,
            profession="physician",
            ends=now + 10**9,
        ),
        governance.Vote(proposal=name_of("proposal"), approve=True),
    )
    node.must(cast.insurer, governance.Vote(proposal=name_of("proposal"), approve=True))
    session = consent.OpenSession(
        session=name_of("session"), terms="A" * 43, ends=node.engine.now() + 600_000
    )
    node.must(doctor, session)
    _care(node, made, doctor)
    return made


def _care(node: Node, person: Actor, doctor: Actor) -> None:
    """Have the doctor treat, ask and break the glass, and the hospital hold, seal and link."""
    cast, soon = node.cast, node.engine.now() + 600_000
    node.must(
        doctor,
        consent.Ask(ask=name_of("ask"), terms="A" * 43, ends=soon),
        consent.BreakGlass(access=name_of("access"), terms="A" * 43, ends=soon),
        care.OpenEncounter(encounter=name_of("encounter"), terms="A" * 43),
        care.Refer(referral=name_of("referral"), to=cast.insurer.id, terms="A" * 43, ends=soon),
    )
    node.must(
        cast.hospital,
        records.Hold(hold=name_of("hold"), mark="A" * 43, ground="law"),
        records.Erase(
            erasure=name_of("erasure"),
            marks=["A" * 43],
            extent="sealed",
            until=soon,
            certificate="A" * 43,
        ),
        identity.Link(link=name_of("link"), terms="A" * 43),
    )
    custodian = node.person("custodian")
    naming = consent.NameCustodian(custodian=custodian.id, ends=soon, powers=["grant"])
    node.must(person, naming)


def test_single_records(node: Node, alice: Actor) -> None:
    """Each from committed state, with the height as of which it stands."""
    doctor = name_of("doctor")
    for path, name, part in (
        ("/v1/identity/subjects", alice.id, {"kind": "person"}),
        ("/v1/identity/keys", alice.signer.id, {"owner": alice.id}),
        ("/v1/identity/licences", name_of("licence"), {"practitioner": doctor}),
        ("/v1/governance/members", node.cast.hospital.id, {"since": 0}),
        ("/v1/governance/proposals", name_of("proposal"), {"status": "carried"}),
        ("/v1/governance/parameters", "current", {"session_limit_ms": 900_000}),
        ("/v1/governance/quotas", node.cast.insurer.id, {"limit": 5_000}),
        ("/v1/consent/grants", name_of("grant 3"), {"person": alice.id}),
        ("/v1/consent/sessions", name_of("session"), {"reader": doctor}),
        ("/v1/consent/asks", name_of("ask"), {"asker": doctor}),
        ("/v1/consent/emergencies", name_of("access"), {"reader": doctor}),
        ("/v1/consent/custodians", alice.id, {"names": [name_of("custodian")]}),
        ("/v1/records/holds", name_of("hold"), {"ground": "law"}),
        ("/v1/records/erasures", name_of("erasure"), {"size": 1, "extent": "sealed"}),
        ("/v1/identity/links", name_of("link"), {"terms": "A" * 43}),
        ("/v1/care/encounters", name_of("encounter"), {"organisation": node.cast.hospital.id}),
        ("/v1/care/referrals", name_of("referral"), {"to": node.cast.insurer.id}),
        ("/v1/records/anchors", name_of("record"), {"commitment": "A" * 43}),
        ("/v1/records/batches", name_of("batch"), {"size": 2, "of": "records"}),
    ):
        for proof in ("", "?proof=false", "?proof=true"):
            body = node.get(f"{path}/{name}{proof}").json()
            assert body["id"] == name
            assert 1 <= body["height"] <= node.engine.height
            assert part.items() <= body["value"].items()
            assert ("proof" in body) == (proof == "?proof=true")


def test_pages_and_cursors(node: Node, alice: Actor) -> None:
    """Newest first, every record once, also while new ones arrive."""
    path = f"/v1/consent/grants?person={alice.id}&limit=3"
    found: list[str] = []
    answer = node.get(path)
    while True:
        page = answer.json()
        found += [each["id"] for each in page["items"]]
        if "next" not in page:
            assert "link" not in answer.headers
            break
        link = answer.headers["link"]
        assert link.endswith('>; rel="next"')
        assert f"cursor={page['next']}" in link
        answer = node.get(link[1 : link.index(">")])
    assert found == [name_of(f"grant {each}") for each in range(6, -1, -1)]


def test_a_cursor_serves_its_own_list_only(node: Node, alice: Actor) -> None:
    """Not another filter, not another table, not a changed or made-up one."""
    page = node.get(f"/v1/consent/grants?person={alice.id}&limit=2").json()
    cursor = page["next"]
    for path in (
        f"/v1/consent/grants?cursor={cursor}",
        f"/v1/consent/grants?person={UNKNOWN}&cursor={cursor}",
        f"/v1/identity/subjects?cursor={cursor}",
        f"/v1/consent/grants?person={alice.id}&cursor={'A' * 22}",
        f"/v1/consent/grants?person={alice.id}&cursor=",
        f"/v1/consent/grants?person={alice.id}&cursor={cursor}A",
        f"/v1/consent/grants?person={alice.id}&cursor=%F0%9F%98%80",
    ):
        assert problem(node.get(path), "bad_parameter", 400)["parameters"] == {"name": "cursor"}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("identity/subjects?kind=practitioner", ["doctor"]),
        ("identity/subjects?kind=practitioner&status=revoked", []),
        ("identity/licences?status=issued", ["licence"]),
        ("governance/proposals?action=set_quota&status=carried", ["proposal"]),
        ("consent/sessions?status=open", ["session"]),
        ("records/batches?of=records", ["batch"]),
        ("records/batches?of=disclosures", []),
        ("records/anchors?limit=1", ["record"]),
        ("consent/emergencies?finding=waiting", ["access"]),
        ("consent/emergencies?finding=justified", []),
        ("records/holds?ground=law&status=standing", ["hold"]),
        ("records/erasures?extent=destroyed", []),
        ("care/encounters?status=open", ["encounter"]),
        ("care/referrals?status=waiting", ["referral"]),
        ("identity/recoveries", []),
        ("identity/subjects?kind='%20OR%201=1--", []),
    ],
)
def test_filters(node: Node, alice: Actor, query: str, names: list[str]) -> None:
    """A filter is a column; values are values, whatever they hold."""
    items = node.get(f"/v1/{query}").json()["items"]
    assert [each["id"] for each in items] == [name_of(each) for each in names]


def test_genesis_members_are_listed(node: Node) -> None:
    """What a chain begins with is in the index too."""
    items = node.get("/v1/governance/members").json()["items"]
    assert {each["id"] for each in items} == {
        each.organisation for each in node.cast.genesis.members
    }


@pytest.mark.parametrize("path", SINGLE)
def test_unknown_and_malformed_ids(node: Node, path: str) -> None:
    """404 for an id that nobody has, with and without proof; 400 for what is no id."""
    problem(node.get(f"{path}/{UNKNOWN}"), "not_found", 404)
    problem(node.get(f"{path}/{UNKNOWN}?proof=true"), "not_found", 404)
    for bad in ("x", "A" * 23, "A" * 21 + "B", "%E4%BA%91" * 22, "..%2F..%2Fetc"):
        answer = node.get(f"{path}/{bad}")
        assert answer.status_code in (400, 404)
        assert answer.headers["content-type"] == "application/problem+json"
    problem(node.get(f"{path}/{UNKNOWN}?proof=yes"), "bad_parameter", 400)
    problem(node.get(f"{path}/{UNKNOWN}?prof=true"), "bad_parameter", 400)
    problem(node.client.delete(f"{path}/{UNKNOWN}"), "method_not_allowed", 405)
    problem(node.get(f"{path}/{UNKNOWN}", accept="image/png"), "not_found", 404)


@pytest.mark.parametrize("path", LISTS)
def test_bad_lists(node: Node, path: str) -> None:
    """Limits, unknown filters, repeated filters, empty and long values, methods and media."""
    for query in (
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=",
        "nothing=1",
        "seq=1",
        "id=x",
        "cursor=A",
        "limit=1&limit=2",
    ):
        problem(node.get(f"{path}?{query}"), "bad_parameter", 400)
    problem(node.client.post(path), "method_not_allowed", 405)
    problem(node.get(path, accept="text/html"), "not_acceptable", 406)


def test_bad_filter_values(node: Node) -> None:
    """A filter's value has a length."""
    for value in ("", "x" * 65):
        problem(node.get(f"/v1/consent/grants?person={value}"), "bad_parameter", 400)


def test_there_is_no_list_of_these(node: Node) -> None:
    """Parameters and quotas are read one by one."""
    for path in ("/v1/governance/parameters", "/v1/governance/quotas", "/v1/consent/nothing"):
        problem(node.get(path), "not_found", 404)
    problem(node.get("/v1/governance/parameters/other"), "not_found", 404)


def test_did(node: Node, alice: Actor) -> None:
    """Resolved as a result, or as the bare document; a person is nobody."""
    path = f"/v1/identity/did/{node.cast.hospital.id}"
    result = node.get(path).json()
    did = f"did:yilian:test:{node.cast.hospital.id}"
    assert result["didDocument"]["id"] == did
    assert result["didDocumentMetadata"] == {"deactivated": False}
    for media in ("application/did", "application/did+json", "application/did+ld+json"):
        answer = node.get(path, accept=f"{media}, application/json;q=0.1")
        assert answer.headers["content-type"] == media
        assert answer.json() == result["didDocument"]
    person = node.get(f"/v1/identity/did/{alice.id}")
    nobody = node.get(f"/v1/identity/did/{UNKNOWN}")
    assert problem(person, "not_found", 404) == problem(nobody, "not_found", 404)
    problem(node.get("/v1/identity/did/x"), "bad_parameter", 400)
    problem(node.get(path, accept="text/html"), "not_acceptable", 406)
    problem(node.get(f"{path}?x=1"), "bad_parameter", 400)
    problem(node.client.post(path), "method_not_allowed", 405)


def test_a_kind_without_a_list_has_no_filters() -> None:
    """Nothing to filter where nothing is listed."""
    table: Any = Chain.enrol_person
    assert Kind(capability="x", plural="y", table=table).filters == ()
