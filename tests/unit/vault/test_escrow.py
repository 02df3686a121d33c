from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sql

from tests.unit.vault.builders import CLINIC, DOCTOR, HOSPITAL, NOW, PATIENT, identifier
from tests.unit.vault.emergencies import KEEPERS, World, Worlds, changed
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault import shares
from yilian.vault.emergency_access import EmergencyView, OpenedEmergency, ShareRequest
from yilian.vault.emergency_keys import KEEP
from yilian.vault.envelope import JournalLine, PublicKey, new_recipient, wrap
from yilian.vault.escrow import EscrowContent, EscrowPackage, package_binding
from yilian.vault.journal import Journal

FIRST = KEEPERS[0]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return Worlds(tmp_path_factory.mktemp("worlds"))


@pytest.fixture
def there(worlds: Worlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with worlds.copy(tmp_path, monkeypatch) as made:
        yield made


def pair_of(there: World) -> str:
    (pair,) = there.escrows[FIRST].held(HOSPITAL)
    return pair


def asked(there: World, **changes: Any) -> tuple[OpenedEmergency, EmergencyView, ShareRequest]:
    opened, view = there.prepare(**changes)
    return opened, view, opened.share(pair_of(there))


def journal(there: World) -> Journal:
    return there.members[FIRST].journal


def lines(there: World) -> list[JournalLine]:
    return journal(there).about(pair_of(there))


def package(there: World, content: EscrowContent, **changes: Any) -> bytes:
    """What a holder would send, with one field of the envelope changed."""
    fields = {"holder": HOSPITAL, "keeper": FIRST, "pair": identifier("new pair")} | changes
    public = PublicKey(there.members[FIRST].service_public_key())
    sealed = wrap(public, codec.encode(content), package_binding(**fields))
    return codec.encode(EscrowPackage(recipient=public.id, sealed=sealed, **fields))


def content() -> EscrowContent:
    return EscrowContent(patient=PATIENT, share=shares.split(bytes(32), 1, 1)[0])


def refused(call: Any, *arguments: Any) -> str:
    with pytest.raises(Refusal) as refusal:
        call(*arguments)
    return refusal.value.code.name


# Release


def test_a_share_is_released_to_the_key_the_chain_names_and_journalled(there: World) -> None:
    opened, view, request = asked(there)
    answer = there.escrows[FIRST].release(request, view, CLINIC)
    assert answer.reasons == ()
    assert answer.recipient == PublicKey(there.clinic.service_public_key()).id
    (line,) = lines(there)
    assert (line.outcome, line.basis, line.reader) == ("permit", "emergency", DOCTOR)
    assert line.session == opened.terms.access


def test_who_asks_does_not_choose_the_key(there: World) -> None:
    """A caller in the clinic's name gets a share that only the clinic's key service opens."""
    _, view, request = asked(there)
    answer = there.escrows[FIRST].release(request, view, CLINIC)
    thief = new_recipient()
    other = msgspec.structs.replace(view, recipient=thief.public.data)
    assert there.escrows[FIRST].release(request, other, CLINIC).recipient == thief.public.id
    assert answer.recipient != thief.public.id
    assert not hasattr(request, "recipient")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"open": False}, "emergency_closed"),
        ({"standing": False}, "reader_not_standing"),
        ({"licensed": False}, "reader_not_licensed"),
        ({"ends": NOW}, "emergency_ended"),
        ({"reader": CLINIC}, "reader_differs"),
        ({"organisation": HOSPITAL}, "reader_differs"),
        ({"commitment": codec.to_text(bytes(32))}, "emergency_differs_from_chain"),
    ],
)
def test_the_keepers_own_node_decides(there: World, fields: dict[str, Any], reason: str) -> None:
    _, view, request = asked(there)
    answer = there.escrows[FIRST].release(request, changed(view, **fields), CLINIC)
    assert (answer.reasons, answer.recipient, answer.wrapped) == ((reason,), None, b"")
    (line,) = lines(there)
    assert (line.outcome, line.reasons) == ("deny", (reason,))


def test_all_reasons_at_once_and_the_share_is_not_told_of(there: World) -> None:
    _, view, request = asked(there, patient=identifier("another"))
    nothing = msgspec.structs.replace(
        view, emergency=None, recipient=None, block_time=NOW - 1_000_000
    )
    answer = there.escrows[FIRST].release(request, nothing, HOSPITAL)
    expected = (
        "chain_outdated",
        "organisation_not_requester",
        "key_service_unknown",
        "emergency_not_on_chain",
    )
    assert answer.reasons == expected
    (line,) = lines(there)
    assert line.reasons == (*expected, "share_of_other_patient")


def test_an_access_for_one_patient_releases_no_share_of_another(there: World) -> None:
    for changes in ({"patient": identifier("another")}, {"holder": CLINIC}):
        _, view, request = asked(there, **changes)
        answer = there.escrows[FIRST].release(request, view, CLINIC)
        assert answer.reasons == ("share_of_other_patient",)


def test_a_pair_that_is_not_kept_here(there: World) -> None:
    opened, view, _ = asked(there)
    answer = there.escrows[FIRST].release(opened.share(identifier("x")), view, CLINIC)
    assert answer.reasons == ("share_not_held",)


def test_a_key_on_chain_that_cannot_be_read_is_a_reason_not_a_crash(there: World) -> None:
    _, view, request = asked(there)
    broken = msgspec.structs.replace(view, recipient=b"\x01 no key")
    answer = there.escrows[FIRST].release(request, broken, CLINIC)
    assert answer.reasons == ("key_service_unreadable",)


def test_a_damaged_share_is_a_reason_and_the_others_suffice(there: World) -> None:
    with there.members[FIRST].catalogue.write() as database:
        database.execute(sql.text("UPDATE escrow_shares SET sealed = x'01'"))
    opened, view, request = asked(there)
    answer = there.escrows[FIRST].release(request, view, CLINIC)
    assert answer.reasons == ("share_unreadable",)
    released = there.emergency.release(opened.request(), view, CLINIC)
    assert len(there.requester.open(released, there.ask(opened, view, released), there.roots())) > 0


def test_the_end_is_judged_by_the_later_clock(there: World) -> None:
    opened, view, request = asked(there)
    ahead = msgspec.structs.replace(view, block_time=opened.terms.ends)
    assert there.escrows[FIRST].release(request, ahead, CLINIC).reasons == ("emergency_ended",)
    there.clock.now = opened.terms.ends - 1
    assert there.escrows[FIRST].release(request, there.view(opened), CLINIC).reasons == ()
    there.clock.now = opened.terms.ends
    late = there.escrows[FIRST].release(request, there.view(opened), CLINIC)
    assert late.reasons == ("emergency_ended",)


def test_a_replay_within_the_access_is_answered_to_the_same_key_and_journalled(
    there: World,
) -> None:
    _, view, request = asked(there)
    first, second = (there.escrows[FIRST].release(request, view, CLINIC) for _ in range(2))
    assert first.recipient == second.recipient
    assert first.wrapped != second.wrapped
    assert len(lines(there)) == 2


def test_a_malformed_request_is_refused(there: World) -> None:
    opened, view, _ = asked(there)
    assert refused(there.escrows[FIRST].release, opened.share("no id"), view, CLINIC) == "malformed"


def test_no_line_no_share(there: World) -> None:
    _, view, request = asked(there)
    with there.members[FIRST].catalogue.write() as database:
        database.execute(sql.text("DROP TABLE journal"))
    with pytest.raises(sql.exc.OperationalError):
        there.escrows[FIRST].release(request, view, CLINIC)


# Keeping


def test_the_same_package_again_is_fine_another_of_its_pair_is_not(there: World) -> None:
    escrow = there.escrows[FIRST]
    sent = package(there, content())
    assert escrow.keep(sent, HOSPITAL) == escrow.keep(sent, HOSPITAL) == identifier("new pair")
    assert refused(escrow.keep, package(there, content()), HOSPITAL) == "escrow_share_exists"
    assert len(escrow.held(HOSPITAL)) == 2


def test_only_the_holder_sends_and_drops(there: World) -> None:
    escrow = there.escrows[FIRST]
    assert refused(escrow.keep, package(there, content()), CLINIC) == "escrow_not_the_holder"
    assert refused(escrow.drop, pair_of(there), CLINIC) == "escrow_not_the_holder"
    assert len(escrow.held(HOSPITAL)) == 1
    escrow.drop(pair_of(there), HOSPITAL)
    escrow.drop(identifier("absent"), CLINIC)
    assert escrow.held(HOSPITAL) == []


def test_a_package_for_another_keeper_or_moved_to_another_pair_is_refused(there: World) -> None:
    escrow = there.escrows[FIRST]
    other = package(there, content(), keeper=KEEPERS[1])
    assert refused(escrow.keep, other, HOSPITAL) == "package_not_for_this_organisation"
    good = codec.decode(package(there, content()), EscrowPackage)
    moved = codec.encode(msgspec.structs.replace(good, pair=identifier("moved")))
    assert refused(escrow.keep, moved, HOSPITAL) == "envelope_not_opened"
    unknown = codec.encode(msgspec.structs.replace(good, recipient=identifier("key")))
    assert refused(escrow.keep, unknown, HOSPITAL) == "service_key_unknown"
    assert refused(escrow.keep, b"{}", HOSPITAL) == "malformed"
    assert len(escrow.held(HOSPITAL)) == 1


def test_a_share_that_is_wrong_is_refused_when_it_comes(there: World) -> None:
    share = msgspec.structs.replace(content().share, value=bytes(32) + b"\x01")
    wrong = EscrowContent(patient=PATIENT, share=share)
    assert refused(there.escrows[FIRST].keep, package(there, wrong), HOSPITAL) == "share_wrong"


def test_shares_outlive_a_rotation_of_the_keepers_own_key(there: World) -> None:
    there.members[FIRST].keystore.rotate_service_key()
    _, view, request = asked(there)
    assert there.escrows[FIRST].release(request, view, CLINIC).reasons == ()


def test_a_keepers_tables_show_no_patient_and_no_share(there: World) -> None:
    told = there.keys.rotate(PATIENT, there.keepers)
    there.deliver()
    for each in told:
        assert PATIENT.encode() not in each.package
        assert each.act == KEEP
    with there.members[FIRST].catalogue.read() as database:
        rows = database.execute(sql.text("SELECT * FROM escrow_shares")).all()
    assert len(rows) == 1
    assert PATIENT not in str(rows)
