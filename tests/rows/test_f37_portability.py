"""F37: a person's whole record goes to a fresh instance, and every proof still verifies there."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rows.served import FOUNDERS, Served, yilian
from tests.unit.gateway.content.builders import identifier
from tests.unit.gateway.content.instance import edited, forged, opened, packed
from yilian.bootstrap import make_node
from yilian.gateway.fhir import sample
from yilian.ledger.modules.consent.messages import NameCustodian, SwitchCustodian
from yilian.node.config import HostedOrganisation
from yilian.sdk import drafts
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError
from yilian.sdk.signers import Ed25519Signer
from yilian.vault.records import Item

ZIP = "application/zip"
YEAR_MS = 365 * 86_400_000


@dataclass
class Home:
    """The first instance, a person who was treated and read there, and their export."""

    served: Served
    person: str
    records: int
    export: Path
    trust: Path


def trust_of(served: Served, path: Path) -> Path:
    with served.client(served.a) as client:
        path.write_text(json.dumps(client.trust()))
    return path


def export(client: Client, at: HostedOrganisation, person: str) -> bytes:
    sink = io.BytesIO()
    path = f"/v1/organisations/{at.id}/persons/{person}/export"
    assert client.download(path, sink, media_type=ZIP) == len(sink.getvalue())
    return sink.getvalue()


def take_in(served: Served, content: bytes, trust: Path, person: str | None = None) -> Any:
    pinned = base64.urlsafe_b64encode(trust.read_bytes()).decode().rstrip("=")
    query = f"trust={pinned}" + (f"&person={person}" if person else "")
    with served.client(served.a) as client:
        path = f"/v1/organisations/{served.a.id}/imports?{query}"
        return client.request("POST", path, content, media_type=ZIP)


def refused(code: str, call: Callable[[], Any]) -> ProblemError:
    with pytest.raises(ProblemError) as found:
        call()
    assert found.value.code == code
    return found.value


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("home")
    with Served(folder / "node") as served:
        loaded = served.load(served.a)
        doctor, signer, _ = served.doctor(served.b)
        shared = served.share(loaded["person"], doctor, ["laboratory", "medication"])
        prepared = served.prepare(doctor, signer, shared["grant"])
        with served.as_(doctor, signer, served.b) as client:
            client.consent.open_session(**prepared)
        assert served.read(doctor, signer, prepared["session"])["records"]
        path = folder / "export.zip"
        with served.client(served.a) as client:
            path.write_bytes(export(client, served.a, loaded["person"]))
        yield Home(
            served,
            loaded["person"],
            loaded["records"],
            path,
            trust_of(served, folder / "trust.json"),
        )


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Served]:
    """A fresh instance with a chain of its own."""
    make_node(tmp_path / "away", "yuanfang", FOUNDERS, port=0)
    with Served(tmp_path / "away") as served:
        yield served


def test_everything_goes_along_and_verifies_offline(home: Home) -> None:
    code, told = yilian("verify-export", home.export, "--trust", home.trust)
    assert (code, told["verified"], told["bad"]) == (0, True, [])
    assert told["records"] == home.records
    assert (told["withheld"], told["pending"], told["chain"]) == (0, 0, "yilian")
    assert told["journal"] > 0
    (bundle,) = sample.bundles(1, 1)
    contents = {content for name, content in opened(home.export).items() if "records/" in name}
    loaded = [json.loads(each) for each in contents]
    resources = [each["resource"] for each in json.loads(bundle)["entry"]]
    assert sorted(map(str, loaded)) == sorted({str(each): None for each in resources})


def test_a_fresh_instance_takes_it_in_and_every_proof_still_verifies(
    home: Home, away: Served, tmp_path: Path
) -> None:
    made = take_in(away, home.export.read_bytes(), home.trust)
    assert (made["enrolled"], made["records"], made["origins"]) == (
        True,
        home.records,
        home.records,
    )
    assert (made["skipped"], made["unchecked"]) == (0, 0)
    assert made["person"] != home.person

    again = tmp_path / "again.zip"
    with away.client(away.a) as client:
        again.write_bytes(export(client, away.a, made["person"]))
    trust = trust_of(away, tmp_path / "away.json")
    code, told = yilian("verify-export", again, "--trust", trust, "--origin-trust", home.trust)
    assert (code, told["bad"]) == (0, [])
    assert (told["chain"], told["records"]) == ("yuanfang", home.records)
    assert (told["origins"], told["unchecked"]) == (home.records, 0)
    code, told = yilian("verify-export", again, "--trust", trust)
    assert (code, told["unchecked"]) == (0, home.records)
    assert yilian("verify-export", again, "--trust", home.trust)[0] == 1

    first, second = opened(home.export), opened(again)
    assert sorted(each for name, each in first.items() if name.startswith("records/")) == sorted(
        each for name, each in second.items() if name.startswith("records/")
    )
    assert not {each[8:30] for each in first if each.startswith("records/")} & {
        each[8:30] for each in second if each.startswith("records/")
    }


def test_the_same_export_twice_changes_nothing(home: Home, away: Served) -> None:
    content = home.export.read_bytes()
    made = take_in(away, content, home.trust)
    refused("identity.already_enrolled", lambda: take_in(away, content, home.trust))
    again = take_in(away, content, home.trust, made["person"])
    assert (again["records"], again["skipped"], again["origins"]) == (0, home.records, 0)
    assert (again["enrolled"], again["batches"]) == (False, [])


def test_what_comes_back_to_its_own_place_is_known(home: Home) -> None:
    made = take_in(home.served, home.export.read_bytes(), home.trust, home.person)
    assert (made["records"], made["skipped"]) == (0, home.records)


def test_another_persons_export_is_refused(home: Home, away: Served) -> None:
    other = away.load(away.a, seed=2)["person"]
    before = away.node.organisations[away.a.id].vault.records_of(other)
    content = home.export.read_bytes()
    refused("organisation.person_differs", lambda: take_in(away, content, home.trust, other))
    assert away.node.organisations[away.a.id].vault.records_of(other) == before


def test_a_tampered_export_is_named_item_by_item_and_nothing_comes_in(
    home: Home, away: Served, tmp_path: Path
) -> None:
    bad = forged(home.export, tmp_path / "bad.zip", records=lambda content: content + b" ")
    bad = forged(bad, tmp_path / "worse.zip", journal=edited(path=[], index=0))
    record = next(each[8:30] for each in opened(bad) if each.startswith("records/"))
    line = next(each[8:30] for each in opened(bad) if each.startswith("journal/"))
    code, told = yilian("verify-export", bad, "--trust", home.trust)
    assert (code, told["verified"]) == (1, False)
    assert {(each["subject"], each["id"]) for each in told["bad"]} == {
        ("record", record),
        ("journal", line),
    }
    problem = refused("import.not_verified", lambda: take_in(away, bad.read_bytes(), home.trust))
    assert problem.parameters["count"] == 2
    assert record in str(problem.parameters["items"])
    assert line in problem.detail
    organisation = away.node.organisations[away.a.id]
    assert organisation.vault.unanchored() == []
    # Nobody was enrolled: the good export still finds its person new.
    assert take_in(away, home.export.read_bytes(), home.trust)["enrolled"]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path, to: b"no zip", "export.malformed"),
        (lambda path, to: b"", "export.malformed"),
        (lambda path, to: path.read_bytes()[:-30], "export.malformed"),
        (
            lambda path, to: packed([*opened(path).items(), ("../x.json", b"{}")], to).read_bytes(),
            "export.name",
        ),
    ],
)
def test_what_is_no_export_is_refused(
    home: Home, tmp_path: Path, make: Callable[[Path, Path], bytes], code: str
) -> None:
    content = make(home.export, tmp_path / "made.zip")
    refused(code, lambda: take_in(home.served, content, home.trust))


def test_a_trust_file_of_another_chain_or_none_is_refused(
    home: Home, away: Served, tmp_path: Path
) -> None:
    content = home.export.read_bytes()
    trust = trust_of(away, tmp_path / "away.json")
    refused("export.wrong_chain", lambda: take_in(away, content, trust))
    no_trust = tmp_path / "no.json"
    no_trust.write_text("{}")
    refused("export.trust", lambda: take_in(away, content, no_trust))
    # Its validators are other ones, whatever it calls itself.
    liar = json.loads(trust.read_text())
    liar["chain_id"] = "yilian"
    no_trust.write_text(json.dumps(liar))
    problem = refused("import.not_verified", lambda: take_in(away, content, no_trust))
    assert int(problem.parameters["count"]) > home.records


def test_records_without_demographics_belong_to_nobody(home: Home, tmp_path: Path) -> None:
    files = opened(home.export)
    manifest = json.loads(files["manifest.json"])
    (patient,) = (each for each in manifest["records"] if each["category"] == "demographics")
    assert patient

    def without(text: bytes) -> bytes:
        told = json.loads(text)
        told["records"] = [each for each in told["records"] if each != patient]
        return edited(records=told["records"])(text)

    for folder in ("records", "proofs"):
        name = next(each for each in files if each.startswith(f"{folder}/{patient['record']}"))
        del files[name]
    path = packed(files.items(), tmp_path / "cut.zip")
    cut = forged(path, tmp_path / "nobody.zip", manifest=without)
    refused("import.no_patient", lambda: take_in(home.served, cut.read_bytes(), home.trust))


def test_an_export_of_two_people_is_refused(home: Home) -> None:
    served = home.served
    organisation = served.node.organisations[served.a.id]
    person = served.load(served.a, seed=5)["person"]
    other = {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:test", "value": "somebody else"}],
    }
    organisation.deposit(
        [
            Item(
                record=drafts.fresh_id(),
                patient=person,
                # Labels prove nothing, so a Patient may stand under any of them.
                category="other",
                sensitivity="normal",
                period="2026-01",
                media_type="application/fhir+json",
                content=json.dumps(other).encode(),
            )
        ]
    )
    with served.client(served.a) as client:
        content = export(client, served.a, person)
    refused("import.patients_differ", lambda: take_in(served, content, home.trust))
    refused("organisation.person_differs", lambda: take_in(served, content, home.trust, person))


# Who may take it out


def with_key(served: Served, number: str) -> tuple[str, Ed25519Signer]:
    """A person at hospital A who has a key of their own and no records."""
    signer = Ed25519Signer.generate()
    organisation = served.node.organisations[served.a.id]
    person, _ = organisation.enrol_person("urn:test", number, signer.key)
    return person, signer


def test_a_person_takes_out_their_own_record_and_nobody_elses(home: Home, tmp_path: Path) -> None:
    served = home.served
    person, signer = with_key(served, "own")
    (bundle,) = sample.bundles(3, 1)
    told = json.loads(bundle)
    for each in told["entry"]:
        if each["resource"]["resourceType"] == "Patient":
            each["resource"]["identifier"] = [{"system": "urn:test", "value": "own"}]
    with served.client(served.a) as client:
        path = f"/v1/organisations/{served.a.id}/bundles?person={person}"
        loaded = client.request("POST", path, told)
    with served.as_(person, signer, served.a) as client:
        mine = tmp_path / "mine.zip"
        mine.write_bytes(export(client, served.a, person))
        refused("forbidden", lambda: export(client, served.a, home.person))
    code, told = yilian("verify-export", mine, "--trust", home.trust)
    assert (code, told["records"]) == (0, loaded["records"])
    # Who has a key of their own is not in custody: the organisation takes nothing out for them.
    with served.client(served.a) as client:
        refused("forbidden", lambda: export(client, served.a, person))
    line = served.node.organisations[served.a.id].vault.journal_about(
        json.loads(opened(mine)["manifest.json"])["records"][0]["record"]
    )[-1]
    assert (line.basis, line.reader, line.purpose) == ("patient", person, "patient-request")


def test_a_custodian_takes_out_what_is_not_sensitive_while_switched_on(home: Home) -> None:
    served = home.served
    custodian, signer = with_key(served, "daughter")
    named = NameCustodian(
        custodian=custodian,
        powers=["read"],
        ends=served.node.engine.now() + YEAR_MS,
    )
    organisation = served.node.organisations[served.a.id]
    with served.as_(custodian, signer, served.a) as client:
        refused("forbidden", lambda: export(client, served.a, home.person))
        organisation.write(named, on_behalf_of=home.person)
        manifest = json.loads(_manifest(export(client, served.a, home.person)))
        assert 0 < len(manifest["records"]) <= home.records
        assert {each["sensitivity"] for each in manifest["records"]} == {"normal"}
        organisation.write(SwitchCustodian(custodian=custodian, on=False), on_behalf_of=home.person)
        refused("forbidden", lambda: export(client, served.a, home.person))


def _manifest(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return file.read("manifest.json")


def test_strangers_staff_and_the_unsigned_take_nothing_out_or_in(home: Home) -> None:
    served = home.served
    path = f"/v1/organisations/{served.a.id}/persons/{home.person}/export"
    with served.client(served.b) as client:
        refused("forbidden", lambda: export(client, served.a, home.person))
        refused("forbidden", lambda: export(client, served.b, home.person))
    with served.client(served.a) as client:
        refused("forbidden", lambda: export(client, served.a, identifier("nobody")))
    doctor, signer, _ = served.doctor(served.a)
    with served.as_(doctor, signer, served.a) as client:
        refused("forbidden", lambda: export(client, served.a, home.person))
        imports = f"/v1/organisations/{served.a.id}/imports?trust=e30"
        refused("forbidden", lambda: client.request("POST", imports, b"x", media_type=ZIP))
    with served.client(served.b) as client:
        refused("forbidden", lambda: client.request("POST", imports, b"x", media_type=ZIP))
    with served.client(served.a) as client:
        refused(
            "unsupported_media_type",
            lambda: client.request("POST", imports, b"x", media_type="text/plain"),
        )
        for query in ("", "?trust=!", "?trust=e30&person=x", "?trust=e30&more=1"):
            at = f"/v1/organisations/{served.a.id}/imports{query}"
            with pytest.raises(ProblemError) as found:
                client.request("POST", at, b"x", media_type=ZIP)
            assert found.value.code in ("bad_parameter", "export.trust")
    assert httpx.get(served.url + path).json()["code"] == "unauthenticated"


# By command


def test_the_commands_do_the_same(home: Home, away: Served, tmp_path: Path) -> None:
    file = tmp_path / "person.zip"
    signing = ["--node", home.served.url, "--sender", home.served.a.id]
    key = home.served.folder.operator_key(home.served.a.id)
    code, told = yilian(
        *("organisation", "export", file, "--person", home.person, *signing, "--key", key),
        *("--organisation", home.served.a.id),
    )
    assert (code, told["size"]) == (0, file.stat().st_size)
    assert file.stat().st_mode & 0o077 == 0
    signing = ["--node", away.url, "--sender", away.a.id, "--organisation", away.a.id]
    key = away.folder.operator_key(away.a.id)
    code, told = yilian(
        *("organisation", "import", file, "--trust", home.trust, *signing, "--key", key)
    )
    assert (code, told["records"], told["skipped"]) == (0, home.records, 0)
    bad = forged(file, tmp_path / "bad.zip", proofs=edited(path=[]))
    code, told = yilian(
        *("organisation", "import", bad, "--trust", home.trust, *signing, "--key", key)
    )
    assert (code, told["error"]["code"]) == (1, "import.not_verified")
    code, told = yilian(
        *("organisation", "export", file, "--person", drafts.fresh_id(), *signing, "--key", key)
    )
    assert (code, told["error"]["code"]) == (1, "forbidden")
    assert not (tmp_path / "person.zip.part").exists()
