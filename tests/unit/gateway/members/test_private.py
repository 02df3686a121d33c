"""F12: a document for two of four members; the others hold a commitment and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.unit.gateway.members.world import House, World, until
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.records.state import BATCHES
from yilian.vault.private_documents import (
    MAX_CONTENT,
    PrivatePackage,
    check_private,
    opened_commitment,
)

TEXT = b"contract price 1,204,500 CNY, confidential" * 40


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("four"), count=4) as made:
        yield made


def code(refused: pytest.ExceptionInfo[Refusal]) -> str:
    return refused.value.code.name


def has(house: House, document: str) -> bool:
    try:
        house.organisation.vault.private.get(document)
    except Refusal:
        return False
    return True


def files_with(path: Path, needle: bytes) -> list[str]:
    return [str(each) for each in path.rglob("*") if each.is_file() and needle in each.read_bytes()]


def test_two_of_four_have_it_and_the_others_only_a_commitment(four: World) -> None:
    a, b, c, d = four.members
    sent = a.organisation.private.send([b.id, c.id], "text/plain", TEXT)
    document = sent.statement.document
    for each in (b, c):
        until(lambda each=each: has(each, document))
        assert each.organisation.vault.private.content(document) == TEXT
    until(lambda: all(x.delivered for x in a.organisation.vault.private.get(document).deliveries))
    assert not has(d, document)
    assert not has(four.authority, document)
    for needle in (TEXT[:40], b"1,204,500", codec.to_text(TEXT[:30]).encode()):
        assert files_with(four.path, needle) == []
    # On the chain: a batch like any other, and nothing that names the document or the members.
    assert sent.proof is not None
    batch = BATCHES.get(four.engine.state(), sent.proof.batch)
    assert batch is not None
    assert batch.size == 1
    on_chain = [each.read_bytes() for each in (four.path / "chain").rglob("*") if each.is_file()]
    for word in (document, sent.statement.sha256, sent.proof.salt):
        assert not any(word.encode() in data for data in on_chain)


def test_a_recipient_proves_it_to_a_third_party(four: World) -> None:
    a, b, _, d = four.members
    sent = a.organisation.private.send([b.id], "text/plain", b"delivered goods")
    document = sent.statement.document
    until(lambda: has(b, document))
    received = b.organisation.vault.private.get(document)
    assert received.proof == sent.proof
    assert received.proof is not None
    root = BATCHES.require(d.organisation.engine.state(), received.proof.batch).root
    assert check_private(received.proof, root)
    assert opened_commitment(received.proof) == sent.commitment
    said = msgspec.structs.replace(received.proof.statement, sender=d.id)
    assert not check_private(msgspec.structs.replace(received.proof, statement=said), root)
    assert not check_private(received.proof, codec.to_text(bytes(32)))


def test_who_is_down_has_it_when_back_and_again_changes_nothing(four: World) -> None:
    a, b, *_ = four.members
    port = b.listener.port
    b.listener.close()
    sent = a.organisation.private.send([b.id], "text/plain", b"later")
    document = sent.statement.document
    (delivery,) = sent.deliveries
    assert delivery.delivered is None
    package = a.organisation.vault.private.package(document, b.id, a.organisation.key_service(b.id))
    b.listen(port=port)
    until(lambda: has(b, document), 20)
    b.organisation.private.receive(package, a.id)
    assert len(b.organisation.vault.private.all(None, 200)) == len(
        {each.statement.document for each in b.organisation.vault.private.all(None, 200)}
    )


def test_packages_for_others_by_others_and_altered_are_refused(four: World) -> None:
    a, b, c, d = four.members
    sent = a.organisation.private.send([b.id], "text/plain", b"for b alone")
    document = sent.statement.document
    package = a.organisation.vault.private.package(document, b.id, a.organisation.key_service(b.id))
    for house, caller, expected in (
        (c, a.id, "package_not_for_this_organisation"),
        (b, d.id, "members.not_about_caller"),
    ):
        with pytest.raises(Refusal) as refused:
            house.organisation.private.receive(package, caller)
        assert code(refused) == expected
    outer = msgspec.msgpack.decode(package, type=PrivatePackage)
    moved = msgspec.structs.replace(outer, sender=d.id)
    with pytest.raises(Refusal) as refused:
        b.organisation.private.receive(msgspec.msgpack.encode(moved), d.id)
    assert code(refused) == "envelope_not_opened"
    with pytest.raises(Refusal) as refused:
        a.organisation.vault.private.package(document, c.id, a.organisation.key_service(c.id))
    assert code(refused) == "private_document_unknown"


def test_what_the_chain_has_not_committed_to_is_not_kept(
    four: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, *_ = four.members
    documents = a.organisation.vault.private
    monkeypatch.setattr(a.organisation.private, "_send_off", lambda *_: None)
    good = a.organisation.private.send([b.id], "text/plain", b"promised")
    other = documents.write([b.id], "text/plain", b"another")
    assert good.proof is not None
    real = documents.get(good.statement.document)
    assert real.proof is not None
    forged = msgspec.structs.replace(real.proof, statement=other.statement)
    monkeypatch.setattr(documents, "get", lambda _: other._replace(proof=forged))
    package = documents.package(other.statement.document, b.id, a.organisation.key_service(b.id))
    with pytest.raises(Refusal) as refused:
        b.organisation.private.receive(package, a.id)
    assert code(refused) == "private_document_differs"
    assert not has(b, other.statement.document)
    nowhere = msgspec.structs.replace(forged, batch=other.statement.document)
    monkeypatch.setattr(documents, "get", lambda _: other._replace(proof=nowhere))
    package = documents.package(other.statement.document, b.id, a.organisation.key_service(b.id))
    with pytest.raises(Refusal) as refused:
        b.organisation.private.receive(package, a.id)
    assert code(refused) == "deposit_batch_not_anchored"


def test_recipients_and_sizes_are_judged_before_anything_is_kept(four: World) -> None:
    a, b, *_ = four.members
    before = len(a.organisation.vault.private.all(None, 200))
    for recipients, media_type, content, expected in (
        ([], "text/plain", b"x", "malformed"),
        ([a.id, b.id], "text/plain", b"x", "malformed"),
        ([b.id], "no media type", b"x", "malformed"),
        ([b.id], "text/plain", bytes(MAX_CONTENT + 1), "private_document_too_large"),
        ([a.agent.subject], "text/plain", b"x", "members.unknown"),
    ):
        with pytest.raises(Refusal) as refused:
            a.organisation.private.send(recipients, media_type, content)
        assert code(refused) == expected
    assert len(a.organisation.vault.private.all(None, 200)) == before


def test_an_altered_row_is_named(four: World) -> None:
    a, b, *_ = four.members
    sent = a.organisation.private.send([b.id], "text/plain", b"kept")
    with a.organisation.vault.catalogue.write() as database:
        database.exec_driver_sql(
            "UPDATE private_documents SET sealed = x'01' WHERE document = ?",
            (sent.statement.document,),
        )
    with pytest.raises(Refusal) as refused:
        a.organisation.vault.private.content(sent.statement.document)
    assert code(refused) == "private_document_damaged"
    listed = a.organisation.vault.private.all(None, 200)
    assert sent.statement.document not in {each.statement.document for each in listed}
    damage = [each.id for each in a.organisation.vault.integrity()]
    assert damage == [sent.statement.document]
