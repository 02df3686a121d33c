from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rows.served import Served
from yilian.gateway.organisation import Organisation
from yilian.gateway.practice.emergencies import Asked, Emergencies
from yilian.ledger.modules.consent.messages import BreakGlass
from yilian.ledger.modules.consent.state import EMERGENCIES
from yilian.sdk import drafts
from yilian.sdk.signers import Ed25519Signer
from yilian.vault.emergency_access import OpenedEmergency

ASKED = Asked(None, None, "life_threatening", "过敏性休克", None, 30)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path / "node") as node:
        yield node


def home(served: Served) -> tuple[Organisation, Emergencies]:
    organisation = served.node.organisations[served.a.id]
    return organisation, organisation.emergencies


def prepared(served: Served, person: str, doctor: str) -> OpenedEmergency:
    _, own = home(served)
    return own.prepare(own.id, doctor, ASKED._replace(person=person))


def signed(served: Served, doctor: str, signer: Ed25519Signer, glass: BreakGlass) -> bytes:
    body = drafts.draft(
        chain="yilian",
        sender=doctor,
        payer=served.a.id,
        messages=[glass],
        signers=[signer],
        expires_in=3_600,
    )
    return drafts.sign(body, [signer])


def glass(opened: OpenedEmergency, **changes: Any) -> BreakGlass:
    terms = opened.terms
    fields: dict[str, Any] = {"access": terms.access, "ends": terms.ends}
    return BreakGlass(terms=opened.commitment, **(fields | changes))


def test_what_the_chain_refuses_after_an_outage_is_dropped(served: Served) -> None:
    doctor, signer, _ = served.doctor(served.a)
    organisation, own = home(served)
    late, good = (prepared(served, served.a.id, doctor) for _ in range(2))
    register = organisation.vault.emergencies.register
    over = glass(late, ends=time.time_ns() // 1_000_000 - 1)
    register.keep(late.terms.access, signed(served, doctor, signer, over))
    register.keep(good.terms.access, signed(served, doctor, signer, glass(good)))
    own.resume()
    assert register.kept() == []
    state = organisation.engine.state()
    assert EMERGENCIES.get(state, late.terms.access) is None
    assert EMERGENCIES.get(state, good.terms.access) is not None
    own.resume()


def test_a_transaction_handed_in_with_the_reading_breaks_the_glass(served: Served) -> None:
    person = served.load(served.a)["person"]
    doctor, signer, _ = served.doctor(served.a)
    _, own = home(served)
    opened = prepared(served, person, doctor)
    raw = signed(served, doctor, signer, glass(opened))
    found = own.read(opened, raw)
    assert found.contents
    assert found.anchored
    assert own.read(opened, raw).contents == found.contents


def test_a_damaged_outage_log_holds_up_no_other_anchoring(served: Served) -> None:
    person = served.load(served.a)["person"]
    doctor, _, _ = served.doctor(served.a)
    organisation, own = home(served)
    served.node.engine.condemn(RuntimeError("stopped"))
    while not own.finality.lost():
        time.sleep(0.1)
    own.read(prepared(served, person, doctor))
    with organisation.vault._catalogue.write() as database:
        database.exec_driver_sql("UPDATE outage_entries SET sealed = x'00' WHERE sequence = 1")
    served.stop()
    served.start()
    organisation, own = home(served)
    loaded = served.load(served.a, seed=2)
    assert loaded["height"]
    organisation.anchor_all()
    assert organisation.vault.unanchored() == []
    assert [each.subject for each in organisation.vault.integrity()] == ["outage"]


def test_all_traces_of_an_erased_person_go(served: Served) -> None:
    person = served.load(served.a)["person"]
    doctor, signer, _ = served.doctor(served.a)
    organisation, own = home(served)
    opened = prepared(served, person, doctor)
    own.read(opened, signed(served, doctor, signer, glass(opened)))
    parts = organisation.vault.emergencies
    assert parts.keys.standing(person)
    assert parts.escrow.held(served.a.id)
    own.forget(person)
    assert parts.keys.standing(person) is None
    assert parts.escrow.held(served.a.id) == []
    assert parts.register.entries("holder") == []
    assert own.accesses("holder", person) == []


def test_months_and_uses_renew_keys_by_themselves(served: Served) -> None:
    person = served.load(served.a)["person"]
    organisation, own = home(served)
    keys = organisation.vault.emergencies.keys
    before = keys.standing(person)
    assert before is not None
    own.tend()
    assert keys.standing(person) == before
    with organisation.vault._catalogue.write() as database:
        database.exec_driver_sql("UPDATE emergency_pairs SET used_until = 1")
    own._looked = 0
    own.tend()
    after = keys.standing(person)
    assert after is not None
    assert after[0].pair != before[0].pair
    assert organisation.vault.emergencies.escrow.held(served.a.id) == [after[0].pair]
