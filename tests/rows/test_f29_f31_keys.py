"""F29: one item for a whole team in one step. F31: an old key opens only what was granted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rows.consenting import (
    contents,
    doctor,
    give,
    keep,
    person,
    read,
    session,
    speak,
)
from tests.rows.served import Served
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.sdk.errors import ProblemError
from yilian.vault.envelope import PrivateKey, WrappedCategoryKey, binding, unwrap
from yilian.vault.records import batch_key_binding
from yilian.vault.vault import Vault


def test_a_team_reads_one_item_and_nothing_else(served: Served) -> None:
    patient = person(served, served.a)
    item, other, *_ = (
        keep(served, served.a, patient.id, "imaging", text) for text in ("item", "other", "third")
    )
    team = [doctor(served, served.b) for _ in range(3)]
    outsider = doctor(served, served.b)
    given = give(served, patient, patient.id, records=[item], team=[each.id for each in team])
    with speak(served, patient, served.a) as client:
        assert [each["id"] for each in client.list("consent", "grants")] == [given["grant"]]
    for member in team:
        opened = session(served, member, given["grant"])
        answer = read(served, member, opened)
        assert contents(answer) == {"item"}
        assert answer["refused"] == []
    opened = session(served, outsider, given["grant"])
    with pytest.raises(ProblemError) as caught:
        read(served, outsider, opened)
    assert caught.value.status == 403
    assert caught.value.parameters["reasons"] == "not_in_team"
    # Asked for by name, the other record is no more than one that does not exist.
    holder = served.node.organisations[served.a.id]
    reader = served.node.organisations[served.b.id]
    made = reader.vault.session(session(served, team[0], given["grant"]))
    assert made is not None
    (answered,) = holder.release(made, served.b.id, [other, patient.id])
    assert [each.reasons for each in answered.refused] == [("record_not_open",)] * 2
    vault = reader.vault
    assert vault.catalogue.received_keys(given["grant"]) == []


def held_keys(vault: Vault, grant: str, holder: str) -> dict[str, PrivateKey]:
    """Unwrap every category key that a grantee was given, as it could keep them."""
    found = {}
    for row in vault.catalogue.received_keys(grant):
        wrapped = codec.decode(row.wrapped, WrappedCategoryKey)
        info = binding(
            "category-key",
            category_key=row.category_key,
            grant=grant,
            grantee=vault.organisation,
            holder=holder,
        )
        private = vault.keystore.service_key_by_id(wrapped.recipient)
        found[row.category_key] = PrivateKey(unwrap(private, wrapped.wrapped, info))
    return found


def opened_with(holder: Vault, keys: dict[str, PrivateKey], records: list[str]) -> set[str]:
    """Tell which records the keys open, given all that the holder's disk has."""
    opened = set()
    for record in records:
        row = holder.catalogue.record(record)
        assert row is not None
        wrapped = holder.catalogue.batch_key(row.batch, row.category_key)
        assert wrapped is not None
        info = batch_key_binding(holder.organisation, row.batch, row.category_key)
        for key in keys.values():
            try:
                unwrap(key, wrapped, info)
            except Refusal:
                continue
            opened.add(record)
    return opened


@pytest.mark.parametrize("by", ["own key", "custodian"])
def test_an_old_key_opens_only_what_was_granted(served: Served, by: str) -> None:
    patient, custodian = (person(served, served.a, each) for each in ("one", "other"))
    reader = doctor(served, served.b)
    before = keep(served, served.a, patient.id, "laboratory", "before")
    image = keep(served, served.a, patient.id, "imaging", "image")
    given = give(served, patient, patient.id, categories=["laboratory"])
    staying = give(served, patient, patient.id, categories=["laboratory"])
    holder = served.node.organisations[served.a.id].vault
    grantee = served.node.organisations[served.b.id].vault
    old = held_keys(grantee, given["grant"], served.a.id)
    assert opened_with(holder, old, [before, image]) == {before}

    with speak(served, patient, served.a) as client:
        if by == "own key":
            client.consent.revoke(grant=given["grant"])
        else:
            client.consent.name_custodian(custodian=custodian.id, ends=2**45, powers=["revoke"])
    if by == "custodian":
        with speak(served, custodian, served.a) as client:
            client.consent.revoke(grant=given["grant"], on_behalf_of=patient.id)
    # A new version of the very record that was granted, and a further one.
    after = keep(served, served.a, patient.id, "laboratory", "corrected", replaces=before)
    later = keep(served, served.a, patient.id, "laboratory", "later")
    everything = [before, image, after, later]
    assert opened_with(holder, old, everything) == {before}
    assert opened_with(holder, held_keys(grantee, given["grant"], served.a.id), everything) == {
        before
    }
    fresh = held_keys(grantee, staying["grant"], served.a.id)
    assert opened_with(holder, fresh, everything) == {before, after, later}
    opened = session(served, reader, staying["grant"])
    assert contents(read(served, reader, opened)) >= {"corrected", "later"}


def test_taken_back_by_the_hospital_for_a_ward(served: Served) -> None:
    """A person in custody: the program takes it back, and the vault follows as for anybody."""
    child = served.load(served.a)["person"]
    reader = doctor(served, served.b)
    given = served.share(child, reader.id, ["laboratory"])
    grantee = served.node.organisations[served.b.id].vault
    holder = served.node.organisations[served.a.id].vault
    old = held_keys(grantee, given["grant"], served.a.id)
    with served.client(served.a) as client:
        body: dict[str, Any] = {"person": child, "grant": given["grant"]}
        client.request("POST", f"/v1/organisations/{served.a.id}/revocations", body)
    later = keep(served, served.a, child, "laboratory", "later")
    assert opened_with(holder, old, [later]) == set()


def test_a_change_that_narrows_renews_the_keys(served: Served) -> None:
    patient, reader = person(served, served.a), doctor(served, served.b)
    keep(served, served.a, patient.id, "imaging", "image")
    keep(served, served.a, patient.id, "laboratory", "result")
    given = give(served, patient, patient.id, categories=["imaging", "laboratory"])
    grantee = served.node.organisations[served.b.id].vault
    holder = served.node.organisations[served.a.id].vault
    old = held_keys(grantee, given["grant"], served.a.id)
    changed = give(served, patient, patient.id, categories=["laboratory"], grant=given["grant"])
    assert (changed["grant"], changed["version"]) == (given["grant"], 2)
    image = keep(served, served.a, patient.id, "imaging", "new image")
    result = keep(served, served.a, patient.id, "laboratory", "new result")
    assert opened_with(holder, old, [image, result]) == set()
    fresh = held_keys(grantee, given["grant"], served.a.id)
    assert opened_with(holder, fresh, [image, result]) <= {result}
    opened = session(served, reader, given["grant"])
    assert contents(read(served, reader, opened)) == {"result", "new result"}


def test_a_package_lost_on_the_way_is_made_again(served: Served) -> None:
    patient, reader = person(served, served.a), doctor(served, served.b)
    keep(served, served.a, patient.id, "laboratory", "result")
    given = give(served, patient, patient.id, categories=["laboratory"])
    grantee = served.node.organisations[served.b.id].vault
    with grantee.catalogue.write() as database:
        database.exec_driver_sql("DELETE FROM keys_received")
    opened = session(served, reader, given["grant"])
    assert contents(read(served, reader, opened)) == {"result"}


def test_deposits_do_not_go_under_keys_that_were_taken_back_just_now(served: Served) -> None:
    """Without waiting for any thread: whoever deposits looks at the chain first."""
    patient = person(served, served.a)
    for number in range(5):
        record = keep(served, served.a, patient.id, "laboratory", f"record {number}")
        given = give(served, patient, patient.id, categories=["laboratory"])
        with speak(served, patient, served.a) as client:
            client.consent.revoke(grant=given["grant"])
        later = keep(served, served.a, patient.id, "laboratory", f"later {number}")
        catalogue = served.node.organisations[served.a.id].vault.catalogue
        first, second = catalogue.records([record, later])
        assert first.category_key != second.category_key
