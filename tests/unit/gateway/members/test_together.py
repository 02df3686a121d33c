"""What several members do together: emergency keys and the duplicate check, k of n."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gateway.members.test_transport import impostor
from tests.unit.gateway.members.world import SYSTEM, House, World, until
from yilian.gateway.practice.emergencies import Asked
from yilian.gateway.practice.escrow import keepers_of
from yilian.gateway.practice.tags import Tags, agreed
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.consent.messages import BreakGlass
from yilian.sdk.signers import Ed25519Signer
from yilian.vault import duplicates
from yilian.vault.duplicates import Partial
from yilian.vault.emergency_access import OpenedEmergency

pytestmark = pytest.mark.slow

ASKED = Asked(None, (SYSTEM, "N-1"), "life_threatening", "过敏性休克", None, 30)


@pytest.fixture
def four(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, count=4, threshold=3) as made:
        yield made


def code(refused: pytest.ExceptionInfo[Refusal]) -> str:
    return refused.value.code.name


def prepared(a: House) -> tuple[str, str]:
    """A person at A with a record whose emergency key stands."""
    person = a.person("N-1")
    record = a.keep(person, "penicillin")
    until(lambda: a.organisation.vault.emergencies.keys.standing(person))
    return person, record


def break_glass(
    b: House, doctor: str, signer: Ed25519Signer, holder: House, asked: Asked = ASKED
) -> OpenedEmergency:
    opened = b.organisation.emergencies.prepare(holder.id, doctor, asked)
    terms = opened.terms
    message = BreakGlass(access=terms.access, terms=opened.commitment, ends=terms.ends)
    b.world.send(signer, doctor, message, payer=b.id)
    return opened


def test_the_keepers_are_the_same_by_every_node(four: World) -> None:
    a, *others = four.members
    keepers = a.organisation.emergencies.keepers()
    assert (keepers.threshold, len(keepers.members)) == (3, 4)
    assert keepers.members[0].id == a.id
    for each in others:
        assert keepers_of(each.organisation, a.id) == keepers
    assert keepers_of(a.organisation, four.authority.id).alone


def test_break_glass_between_nodes_with_a_keeper_down_within_three_seconds(four: World) -> None:
    a, b, c, _ = four.members
    person, record = prepared(a)
    pair = a.organisation.vault.emergencies.keys.standing(person)
    assert pair is not None
    until(lambda: c.organisation.vault.emergencies.escrow.held(a.id))
    doctor, signer = b.doctor()
    four.members[3].listener.close()
    began = time.monotonic()
    opened = break_glass(b, doctor, signer, a)
    found = b.organisation.emergencies.read(opened)
    assert time.monotonic() - began < 3
    assert found.contents == {record: b"penicillin"}
    assert (found.alone, found.anchored) == (False, True)
    assert [each.kind for each in a.organisation.vault.outbox.inbox(person)] == ["glass_broken"]
    lines = a.organisation.vault.journal_about(record)
    assert [(each.basis, each.outcome) for each in lines] == [("emergency", "permit")]
    assert [each.outcome for each in c.organisation.vault.journal_about(pair[0].pair)] == ["permit"]


def test_a_keeper_that_hangs_is_not_waited_for(four: World) -> None:
    a, b, _, d = four.members
    _, record = prepared(a)
    until(lambda: not a.organisation.emergencies.to_tell())
    doctor, signer = b.doctor()
    with impostor(d.credentials, b.credentials.certificate, b"") as port:
        d.publish(url=f"https://127.0.0.1:{port}")
        began = time.monotonic()
        found = b.organisation.emergencies.read(break_glass(b, doctor, signer, a))
        assert time.monotonic() - began < 3
    assert found.contents == {record: b"penicillin"}


def test_too_few_keepers_open_nothing(four: World) -> None:
    a, b, c, d = four.members
    prepared(a)
    until(lambda: not a.organisation.emergencies.to_tell())
    doctor, signer = b.doctor()
    opened = break_glass(b, doctor, signer, a)
    for each in (c, d):
        each.listener.close()
    with pytest.raises(Refusal) as refused:
        b.organisation.emergencies.read(opened)
    assert code(refused) == "shares_too_few"


def test_shares_wait_for_a_keeper_that_is_down(four: World) -> None:
    a, _, _, d = four.members
    port = d.listener.port
    d.listener.close()
    prepared(a)
    assert a.organisation.emergencies.to_tell() == {d.id}
    d.listen(port=port)
    until(lambda: d.organisation.vault.emergencies.escrow.held(a.id), 20)
    until(lambda: not a.organisation.emergencies.to_tell(), 20)


def test_nobody_and_somebody_without_records_are_one_answer(four: World) -> None:
    a, b, *_ = four.members
    doctor, signer = b.doctor()
    asked = ASKED._replace(number=(SYSTEM, "N-404"))
    first = break_glass(b, doctor, signer, a, asked)
    second = b.organisation.emergencies.prepare(a.id, doctor, asked)
    assert first.terms.patient == second.terms.patient
    assert b.organisation.emergencies.read(first).contents == {}
    a.person("N-1")
    empty = break_glass(b, doctor, signer, a)
    assert b.organisation.emergencies.read(empty).contents == {}


def test_only_a_licensed_reader_of_the_caller_finds_anybody(four: World) -> None:
    a, b, c, _ = four.members
    doctor, _ = b.doctor()
    for asker, reader in ((c, doctor), (b, b.agent.subject)):
        with pytest.raises(Refusal) as refused:
            asker.organisation.counterpart(a.id).find(SYSTEM, "N-1", reader)
        assert code(refused) in ("members.not_about_caller", "identity.licence_not_in_force")


def test_a_share_is_given_to_nobody_but_the_requesters_organisation(four: World) -> None:
    a, b, c, d = four.members
    person, _ = prepared(a)
    until(lambda: d.organisation.vault.emergencies.escrow.held(a.id))
    pair = a.organisation.vault.emergencies.keys.standing(person)
    assert pair is not None
    doctor, signer = b.doctor()
    opened = break_glass(b, doctor, signer, a)
    answer = c.organisation.counterpart(d.id).share(opened.share(pair[0].pair))
    assert "organisation_not_requester" in answer.reasons
    assert answer.wrapped == b""
    with pytest.raises(Refusal) as refused:
        c.organisation.counterpart(d.id).drop_share(pair[0].pair)
    assert code(refused) == "escrow_not_the_holder"


def test_patients_taken_in_alone_get_keepers_when_members_come(tmp_path: Path) -> None:
    with World(tmp_path, count=3, publish=False) as world:
        a, b, _ = world.members
        person, _ = prepared(a)
        assert a.organisation.emergencies.keepers().alone
        for each in world.members:
            each.publish()
        a.organisation.emergencies.tend()
        until(lambda: b.organisation.vault.emergencies.escrow.held(a.id))
        until(lambda: not a.organisation.emergencies.to_tell())
        pair = a.organisation.vault.emergencies.keys.standing(person)
        assert pair is not None
        assert (pair[1].threshold, len(pair[1].keepers)) == (2, 3)


# The duplicate check


def test_members_make_one_tag_together(four: World) -> None:
    a, b, c, d = four.members
    tag = a.organisation.tag(SYSTEM, "N-1")
    assert tag == a.organisation.tag(SYSTEM, " n-1")
    assert tag != b.organisation.tag(SYSTEM, "N-1")
    d.listener.close()
    assert Tags(a.organisation).tag(SYSTEM, "N-1") == tag
    c.listener.close()
    with pytest.raises(Refusal) as refused:
        Tags(a.organisation).tag(SYSTEM, "N-1")
    assert code(refused) == "members.partials_too_few"


def test_the_same_number_is_refused_twice_and_nothing_is_written(four: World) -> None:
    a = four.members[0]
    a.person("N-1")
    height = a.organisation.engine.height
    with pytest.raises(Refusal) as refused:
        a.person("N-1")
    assert code(refused) == "identity.already_enrolled"
    assert a.organisation.engine.height - height <= 1


def test_a_false_part_is_found_out(four: World, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, *_ = four.members
    index, _ = b.organisation.vault.keystore.duplicate_share()
    wrong = int.to_bytes(7, 32, "little")
    monkeypatch.setattr(b.organisation.vault.keystore, "duplicate_share", lambda: (index, wrong))
    with pytest.raises(Refusal) as refused:
        a.organisation.tag(SYSTEM, "N-1")
    assert code(refused) == "members.partials_differ"


def test_too_few_partials_are_refused() -> None:
    secret = duplicates.new_secret()
    at = duplicates.point("x", "y", "1")
    parts: list[Any] = [duplicates.partial(each, at) for each in duplicates.share(secret, 4, 3)]
    assert agreed(parts[:3]) == agreed(parts)
    with pytest.raises(Refusal) as refused:
        agreed(parts[:2])
    assert code(refused) == "members.partials_too_few"
    lying = Partial(parts[3].index, parts[3].point, 1)
    for some in ([lying, *parts[:3]], [parts[0], lying]):
        with pytest.raises(Refusal) as refused:
            agreed(some)
        assert code(refused) == "members.partials_differ"
    with pytest.raises(Refusal) as refused:
        agreed([])
    assert code(refused) == "members.partials_too_few"


def test_a_member_without_a_share_makes_the_same_kind_of_tag(four: World) -> None:
    a = four.members[0]
    tag = a.organisation.tag(SYSTEM, "N-1")
    (a.path / "keys" / "duplicate.sealed").unlink()
    a.listener.close()
    a.organisation.vault.close()
    a.open()
    a.publish()
    assert a.organisation.tag(SYSTEM, "N-1") == tag
    four.members[1].listener.close()
    with pytest.raises(Refusal) as refused:
        Tags(a.organisation).tag(SYSTEM, "N-1")
    assert code(refused) == "members.partials_too_few"
