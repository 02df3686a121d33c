"""The log of heights over HTTP: checkpoint, key, tiles, proofs, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.node import Node, enrol, problem
from yilian.gateway.http.log import routes
from yilian.ledger import checkpoint as notes
from yilian.ledger import merkle
from yilian.ledger.checkpoint import Checkpoint, LogProof, Note, VerifierKey
from yilian.node.log import CheckpointLog
from yilian.node.witness import Member, Witness, verify_ed25519

NOBODY = "0a" * 32


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that serves its log."""
    folder = tmp_path_factory.mktemp("node")
    made = Node(folder)
    log = CheckpointLog(made.engine, folder)
    made.app.router.routes.extend(routes(log))
    made.person("alice")
    yield made
    log.close()
    made.close()


def test_a_checkpoint_under_the_nodes_key(node: Node) -> None:
    answer = node.get("/v1/log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    note = Note.decode(answer.content)
    key = VerifierKey.decode(node.get("/v1/log/key").text.strip())
    (line,) = note.by(key)
    assert verify_ed25519(key.public, note.text.encode(), line.signature)
    assert Checkpoint.decode(note.text).origin == key.name == "yilian/chain/test"


def test_tiles_lead_to_the_checkpoint(node: Node) -> None:
    point = Checkpoint.decode(Note.decode(node.get("/v1/log/checkpoint").content).text)
    answer = node.get("/v1/log/" + notes.tile_path(0, 0, point.size))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "immutable" in answer.headers["cache-control"]
    leaves = [answer.content[at : at + 32] for at in range(0, len(answer.content), 32)]
    assert (
        notes.root(lambda _, first, count: leaves[first : first + count], point.size) == point.root
    )
    entries = node.get("/v1/log/" + notes.tile_path("entries", 0, point.size)).content
    length = int.from_bytes(entries[:2], "big")
    assert notes.leaf_hash(entries[2 : 2 + length]) == leaves[0]


def test_a_transaction_and_a_height_are_proved(node: Node) -> None:
    made = node.must(node.cast.hospital, enrol("bob", node.cast.signer("bob")))
    closing = made["height"] + 1
    for query in (f"?transaction={made['hash']}", f"/{closing}"):
        answer = node.get(f"/v1/log/proof{query}")
        assert answer.status_code == 200, answer.text
        proof = LogProof.decode(answer.content)
        point = Checkpoint.decode(Note.decode(proof.note).text)
        block = node.engine.store.block(closing)
        assert block is not None
        entry = notes.leaf(block.header)
        root = merkle.root_from_inclusion(entry, proof.index, point.size, proof.path)
        assert root == point.root


def test_a_witness_follows_over_http(node: Node, tmp_path: Path) -> None:
    key = VerifierKey.decode(node.get("/v1/log/key").text.strip())

    def fetch(path: str) -> bytes | None:
        answer = node.get(f"/v1/log/{path}")
        return answer.content if answer.status_code == 200 else None

    witness = Witness.make(tmp_path / "w", "w", [key])
    assert witness.watch([Member("node", fetch)]).signed
    witness.close()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("checkpoint?x=1", "bad_parameter"),
        ("key?x=1", "bad_parameter"),
        ("proof", "bad_parameter"),
        (f"proof?transaction={NOBODY}&transaction={NOBODY}", "bad_parameter"),
        ("proof?transaction=zz", "bad_parameter"),
        (f"proof?transaction={NOBODY.upper()}", "bad_parameter"),
        (f"proof?transaction={NOBODY}", "not_found"),
        ("proof/0", "bad_parameter"),
        ("proof/01", "bad_parameter"),
        ("proof/1?height=1", "bad_parameter"),
        ("proof/99999999", "not_yet"),
        ("tile/0/000", "log_tile_unknown"),
        ("tile/0/000.p/256", "log_tile_unknown"),
        ("tile/0/x999/999", "log_tile_unknown"),
        ("tile/7/000", "log_tile_unknown"),
        ("tile/entries/000", "log_tile_unknown"),
        ("tile/..%2F..%2Fnode.json", "log_tile_unknown"),
        ("tile/0/000.p/1?x=1", "bad_parameter"),
        ("nothing", "not_found"),
    ],
)
def test_what_is_refused(node: Node, path: str, code: str) -> None:
    problem(node.get(f"/v1/log/{path}"), code)


@pytest.mark.parametrize("path", ["checkpoint", "key", "proof", "tile/0/000.p/1"])
def test_nobody_posts(node: Node, path: str) -> None:
    problem(node.client.post(f"/v1/log/{path}", content=b"x"), "method_not_allowed")
