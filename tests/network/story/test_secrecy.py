"""F12, F22 and F31: what the other members' disks hold, and what an old key still opens."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.network.calls import yilian
from tests.network.members import Member
from tests.network.story.cast import SYSTEM, Actor, Town, files, finding, image, problem, until
from tests.rows.needles import needles, personal
from tests.rows.test_f29_f31_keys import held_keys, opened_with
from yilian.ledger.modules.consent.messages import Revoke
from yilian.node.store import Store
from yilian.vault.private_documents import PrivateProof, check_private
from yilian.vault.vault import Vault

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

SECRET = "采购价 1,204,500 元，仅限双方".encode()


def on_disk(members: Iterable[Member], wanted: Iterable[bytes]) -> set[tuple[str, bytes]]:
    """Name every file of members that holds one of these byte strings."""
    wanted = list(wanted)
    return {
        (f"{member.name}/{path.relative_to(member.path)}", each)
        for member in members
        for path, data in files(member.path)
        for each in wanted
        if each in data
    }


def named(patient: Actor) -> dict[str, Any]:
    """Write a patient's own resource, with all that names them."""
    return {
        "resourceType": "Patient",
        "identifier": [{"system": SYSTEM, "value": patient.number}],
        "name": [{"text": "欧阳晓彤", "family": "欧阳", "given": ["晓彤"]}],
        "telecom": [{"system": "phone", "value": "+86 138-0013-8000"}],
        "address": [{"text": "云溪市东湖路 1986 号", "line": ["东湖路 1986 号"]}],
        "birthDate": "1961-04-17",
    }


def chain_data(folder: Path) -> Iterator[bytes]:
    """Give all transactions, results and state of a chain's store."""
    store = Store(folder)
    try:
        tip = store.tip()
        assert tip is not None
        for height in range(1, store.sealed() + 1):
            block = store.block(height)
            assert block is not None
            yield from block.txs
            yield repr(store.outcomes(height)).encode("utf-8", "backslashreplace")
        for key, value in store.scan(b""):
            yield key + b"\n" + value
    finally:
        store.close()


def test_nothing_of_a_bundle_is_in_any_members_chain_store_index_or_log(
    town: Town, doctor: Actor, tmp_path: Path
) -> None:
    """F22: written, asked for, granted and read; then all bytes of all four are looked at."""
    patient = town.patient("欧阳晓彤", born="1961-04-17")
    person = named(patient)
    whole = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": each} for each in (person, finding("晓彤 6.1 mmol/L"))],
    }
    loaded = town.operator(town.a).ask(
        "POST",
        f"bundles?person={patient.id}",
        json.dumps(whole, ensure_ascii=False).encode(),
        media_type="application/fhir+json",
    )
    town.question(doctor, patient, "laboratory")
    grant = town.grant(patient, categories=["demographics", "laboratory"])
    assert person in town.read(doctor, town.session(doctor, grant))
    town.reach(loaded["height"])
    words = [patient.number, *(each for each in personal(person) if len(each) > 7)]
    # An organisation's name is public: it shows that the search finds what is there.
    public = "Lakeside General Hospital"
    found = on_disk(town.running, needles([*words, public], 8))
    assert {path for path, each in found if each != public.encode()} == set()
    assert "B/node.json" in {path for path, _ in found}
    # In the store some of it is compressed: one member's, read as its node reads it. Its state is
    # that of the others, or they would not be at one height with it.
    copy = tmp_path / "d"
    yilian("network", "backup", town.d.path, "--to", copy, "--erasure-to", tmp_path / "apart")
    data = b"\n".join(chain_data(copy / "chain"))
    wanted = needles([*words, "晓彤", public], 6)
    found_there = {word for each, word in wanted.items() if each in data}
    assert found_there == {public}
    town.running.agreed(loaded["height"])


def test_a_private_document_for_two_of_four_leaves_a_commitment_with_the_others(
    town: Town, tmp_path: Path
) -> None:
    """F12: sent by A to B alone; C and D hold the root that B's proof leads to."""
    source = tmp_path / "price.txt"
    source.write_bytes(SECRET)

    def by(member: Member) -> list[str | Path]:
        organisation = member.seat.organisation
        key = member.folder.operator_key(organisation)
        return [
            *("--node", member.url, "--organisation", organisation),
            *("--sender", organisation, "--key", key),
        ]

    words = ["--to", town.b.seat.organisation, "--media-type", "text/plain"]
    sent = yilian("organisation", "send-private", source, *words, *by(town.a))
    assert sent["anchored"] is True
    document = sent["document"]
    receiver = town.operator(town.b)

    def received() -> bool:
        every = receiver.ask("GET", "private")["documents"]
        return document in {each["document"] for each in every}

    until("B has it", received)
    target = tmp_path / "copy.txt"
    yilian("organisation", "read-private", target, "--document", document, *by(town.b))
    assert target.read_bytes() == SECRET
    proof = msgspec.convert(receiver.ask("GET", f"private/{document}/proof"), PrivateProof)
    town.together()
    for member in (town.c, town.d):
        other = town.operator(member)
        every = other.ask("GET", "private")["documents"]
        assert document not in {each["document"] for each in every}
        assert other.refused("GET", f"private/{document}").code == "private_document_unknown"
        with member.client() as client:
            root = client.get("records", "batches", proof.batch).value["root"]
        assert check_private(proof, root)
    assert on_disk(town.running, needles([SECRET.decode(), "1,204,500"], 8)) == set()
    # Who it is for is nobody else's business either: no other vault names the document.
    raw = [document.encode()]
    assert {where.split("/")[0] for where, _ in on_disk(town.running, raw)} <= {"A", "B"}


@contextmanager
def copied(member: Member, to: Path) -> Iterator[Vault]:
    """Open what a member's disk has of its vault, beside the member, which goes on."""
    organisation = member.seat.organisation
    home = member.path / "organisations"
    shutil.copytree(home, to, ignore=shutil.ignore_patterns("lock"))
    with Vault.open(to / organisation, organisation) as vault:
        yield vault


def test_an_old_wrapped_key_opens_only_what_was_granted(
    town: Town, doctor: Actor, tmp_path: Path
) -> None:
    """F31: B keeps the key it was given, and takes A's whole disk: later records stay closed."""
    patient = town.patient()
    town.write(patient, finding("before"), image("never granted"))
    old = town.grant(patient, categories=["laboratory"])
    staying = town.grant(patient, categories=["laboratory"], practitioner=doctor.id)
    assert town.read(doctor, town.session(doctor, old)) == [finding("before")]
    with copied(town.b, tmp_path / "b") as grantee:
        kept = held_keys(grantee, old, town.a.seat.organisation)
    assert kept
    before = _records(patient)
    patient.send(Revoke(grant=old))
    town.write(patient, finding("after"), problem("unrelated"))
    later = _records(patient)
    (after,) = later["laboratory"] - before["laboratory"]
    # Who is still granted reads both, under new keys.
    read = town.read(doctor, town.session(doctor, staying))
    assert sorted(each["valueString"] for each in read) == ["after", "before"]
    everything = sorted(set().union(*later.values()))
    with (
        copied(town.a, tmp_path / "a") as holder,
        copied(town.b, tmp_path / "b2") as grantee,
    ):
        assert opened_with(holder, kept, everything) == before["laboratory"]
        fresh = held_keys(grantee, staying, town.a.seat.organisation)
        assert opened_with(holder, fresh, everything) == later["laboratory"]
        assert after in later["laboratory"]


def _records(patient: Actor) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in patient.ask("GET", f"persons/{patient.id}/records")["entries"]:
        found.setdefault(each["category"], set()).add(each["record"])
    return found
