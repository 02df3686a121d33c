"""F12: a private document for two of four members, by the public door and by command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.rows.desk import at, refused
from tests.rows.served import FOUNDERS, Served, yilian
from yilian.bootstrap import Founder
from yilian.ledger.modules.records.state import BATCHES
from yilian.sdk import drafts
from yilian.vault.private_documents import PrivateProof, check_private

SECRET = "采购价 1,204,500 元，仅限双方".encode()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    fourth = Founder("Hillside Pharmacy", "pharmacy", "P-0004")
    with Served(tmp_path / "node", (*FOUNDERS, fourth)) as node:
        yield node


def files_with(path: Path, needle: bytes) -> list[Path]:
    return [each for each in path.rglob("*") if each.is_file() and needle in each.read_bytes()]


def test_two_of_four_members_have_a_private_document(served: Served, tmp_path: Path) -> None:
    pharmacy = served.more[0]
    source = tmp_path / "price.txt"
    source.write_bytes(SECRET)
    base = ("--node", served.url, "--organisation")
    mine = (served.a.id, "--sender", served.a.id)
    key = ("--key", served.folder.operator_key(served.a.id))
    sent_to = ("--to", served.b.id, "--to", pharmacy.id, "--media-type", "text/plain")
    code, sent = yilian("organisation", "send-private", source, *sent_to, *base, *mine, *key)
    assert code == 0, sent
    assert sent["anchored"] is True
    document = sent["document"]
    for each in (served.b, pharmacy):
        with served.client(each) as client:
            (line,) = client.request("GET", at(each, "private"))["documents"]
            assert (line["document"], line["side"], line["sender"]) == (
                document,
                "received",
                served.a.id,
            )
            proof = client.request("GET", at(each, f"private/{document}/proof"))
    for other in (served.authority,):
        with served.client(other) as client:
            assert client.request("GET", at(other, "private"))["documents"] == []
            unknown = refused(client, "GET", at(other, f"private/{document}"))
            assert unknown == "private_document_unknown"
    target = tmp_path / "copy.txt"
    theirs = (served.b.id, "--sender", served.b.id)
    key = ("--key", served.folder.operator_key(served.b.id))
    code, _ = yilian(
        "organisation", "read-private", target, "--document", document, *base, *theirs, *key
    )
    assert code == 0
    assert target.read_bytes() == SECRET
    code, shown = yilian("organisation", "private-documents", *base, *theirs, *key)
    assert [each["document"] for each in shown["documents"]] == [document]
    code, proved = yilian(
        "organisation", "prove-private", "--document", document, *base, *theirs, *key
    )
    assert {name: proved[name] for name in proof} == proof
    opened = msgspec.convert(proof, PrivateProof)
    batch = BATCHES.require(served.node.engine.state(), opened.batch)
    assert check_private(opened, batch.root)
    assert files_with(served.path, SECRET) == []
    assert files_with(served.path, b"1,204,500") == []


def test_bad_recipients_and_strangers_are_refused(served: Served) -> None:
    doctor, signer, _ = served.doctor(served.a)
    with served.client(served.a) as client:
        for named, expected in (
            ("", "bad_parameter"),
            ("x", "bad_parameter"),
            (f"{served.b.id},{served.b.id}", "bad_parameter"),
            (drafts.fresh_id(), "members.unknown"),
            (served.a.id, "malformed"),
        ):
            path = at(served.a, f"private?recipients={named}")
            assert refused(client, "POST", path, {}) == expected
    with served.as_(doctor, signer, served.a) as client:
        path = at(served.a, f"private?recipients={served.b.id}")
        assert refused(client, "POST", path, {}) == "forbidden"
