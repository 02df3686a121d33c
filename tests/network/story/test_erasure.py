"""F116 across members: an erased person is unreadable at every node and from every backup."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.network.calls import yilian
from tests.network.story.cast import Actor, Town, finding, problem, until
from yilian.ledger.errors import Refusal
from yilian.vault.vault import Vault

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


def test_an_erased_person_is_unreadable_everywhere_and_the_chain_verifies(
    town: Town, doctor: Actor, tmp_path: Path
) -> None:
    patient, other = town.patient(), town.patient()
    loaded = town.write(patient, finding("erase me"), problem("and me"), retention="none")
    town.write(other, finding("stays"), retention="none")
    terms: dict[str, Any] = {"categories": ["demographics", "laboratory", "problem"]}
    session = town.session(doctor, town.grant(patient, **terms))
    staying = town.session(doctor, town.grant(other, **terms))
    assert len(town.read(doctor, session)) == loaded["records"] == 3
    names, kept = _records(patient), _records(other)
    with town.d.client() as client:
        town.reach(loaded["height"] + 2)
        trust, receipt = client.trust(), client.receipt(loaded["transaction"])
    backup, apart, keys = (tmp_path / each for each in ("backup", "apart", "keys"))
    words = ("--to", backup, "--erasure-to", apart, "--keys-to", keys)
    yilian("network", "backup", town.a.path, *words)

    done = patient.ask("POST", "erasures", {"person": patient.id})
    (part,) = done["parts"]
    certificate = part["certificate"]
    assert certificate["extent"] == "destroyed"
    assert sorted(each["record"] for each in certificate["records"]) == names
    elsewhere = town.b.seat.organisation
    assert elsewhere in {each["organisation"] for each in certificate["copies"]}
    until("the doctor at B is told", lambda: doctor.notices("copies_erased"))

    # At no node, and for nobody.
    answer = doctor.ask("POST", f"sessions/{session}/read")
    assert answer["records"] == []
    for name in names:
        assert patient.refused("GET", f"records/{name}").code == "reading.denied"
        legal = town.operator(town.a).refused("GET", f"records/{name}?purpose=legal")
        assert legal.code in ("reading.denied", "vault_record_unknown")
    assert _records(patient) == []
    assert finding("stays") in town.read(doctor, staying)

    # From no backup of before: what is restored hears the others, and erases again.
    restored = tmp_path / "restored"
    words = ("--from", backup, "--erasure-from", apart, "--keys-from", keys)
    town.a.stop()
    try:
        told = yilian("network", "restore", restored, *words)
    finally:
        town.a.start()
    assert [each["destroyed"] for each in told["vaults"]] == [len(names)]
    organisation = town.a.seat.organisation
    with Vault.open(restored / "organisations" / organisation, organisation) as vault:
        assert vault.desk.find(patient.id) is None
        assert vault.desk.find(other.id) is not None
        for name in names:
            with pytest.raises(Refusal):
                vault.read_own([name], patient.id, "legal")
        found = vault.read_own(kept, other.id, "patient-request", basis="patient").values()
        assert finding("stays") in [json.loads(each) for each in found]

    town.a.wait_serving()
    # Every member still proves what was: the chain has the same blocks, and so do receipts.
    town.reach(part["height"])
    for member in town.running:
        with member.client() as client:
            client.verify(receipt, client.trust())
            client.verify(client.receipt(loaded["transaction"]), trust)
            erasure = client.get("records", "erasures", certificate["erasure"]).value
            assert erasure["certificate"] == part["commitment"]
    assert town.running.agreed(part["height"]).agree


def _records(patient: Actor) -> list[str]:
    found = patient.ask("GET", f"persons/{patient.id}/records")["entries"]
    return sorted(each["record"] for each in found)
