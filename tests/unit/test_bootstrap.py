"""Making and opening a node in one process, without a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rows.served import FOUNDERS
from yilian.bootstrap import Node, make_network, make_node
from yilian.gateway.fhir import sample
from yilian.ledger.genesis import read
from yilian.ledger.modules.governance.state import LAWS_KNOWN, Law, law, law_version
from yilian.ledger.modules.records.state import BATCHES
from yilian.ledger.state import State
from yilian.node.config import ConfigurationError, NodeFolder
from yilian.node.rollback import rollback
from yilian.node.store import Store, StoreBusy
from yilian.sdk import drafts
from yilian.sdk.signers import Ed25519Signer
from yilian.sdk.verify import verify
from yilian.vault.envelope import check_inclusion


def test_a_client_without_a_network_writes_and_takes_a_receipt_away(tmp_path: Path) -> None:
    made = make_node(tmp_path / "node", "small", FOUNDERS)
    hospital = made.organisations[0]
    folder = NodeFolder(tmp_path / "node")
    signer = Ed25519Signer.read(folder.operator_key(hospital.id))
    with Node(folder) as node, node.client(signer, hospital.id, hospital.id) as client:
        done = client.records.anchor(record=drafts.fresh_id(), commitment=drafts.fresh_salt())
        receipt, trust = client.receipt(done.hash), client.trust()
    verified = verify(json.dumps(receipt).encode(), json.dumps(trust).encode())
    assert (verified.height, verified.level) == (done.height, "one signer")


def test_a_node_is_made_once_and_opened_once(tmp_path: Path) -> None:
    make_node(tmp_path / "node", "small", FOUNDERS[:1])
    with pytest.raises(FileExistsError):
        make_node(tmp_path / "node", "small", FOUNDERS[:1])
    with Node(NodeFolder(tmp_path / "node")), pytest.raises(StoreBusy):
        Node(NodeFolder(tmp_path / "node"))


def test_a_new_chain_begins_under_the_newest_law(tmp_path: Path) -> None:
    make_node(tmp_path / "node", "small", FOUNDERS[:1])
    with Node(NodeFolder(tmp_path / "node")) as node:
        assert law(node.engine.state()) == Law(version=max(LAWS_KNOWN))
        assert node.engine.genesis.first_law() == max(LAWS_KNOWN)


@pytest.mark.parametrize("version", LAWS_KNOWN)
def test_a_network_begins_under_the_law_that_is_asked(tmp_path: Path, version: int) -> None:
    founders = [(name, each) for name, each in zip("AB", FOUNDERS, strict=False)]
    make_network(tmp_path / "asked", "asked", founders, law=version)
    make_network(tmp_path / "usual", "usual", founders)
    for name, wanted in (("asked", version), ("usual", max(LAWS_KNOWN))):
        store = Store(NodeFolder(tmp_path / name / "A").chain)
        assert read(store.genesis() or b"").first_law() == wanted
        assert law_version(State(store)) == wanted
        store.close()


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    twice = (FOUNDERS[0], FOUNDERS[0])
    with pytest.raises(Exception, match="already_enrolled"):
        make_node(tmp_path / "node", "small", twice)
    assert not (tmp_path / "node").exists()


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    make_node(tmp_path / "node", "small", FOUNDERS[:1])
    key = tmp_path / "node" / "validator.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        Node(NodeFolder(tmp_path / "node"))
    with pytest.raises(ConfigurationError, match="yilian init"):
        NodeFolder(tmp_path / "nowhere").configuration()


def test_records_whose_block_was_rolled_back_are_anchored_again(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path / "node")
    hospital = make_node(folder.path, "small", FOUNDERS[:1]).organisations[0]
    (bundle,) = sample.bundles(1, 1)
    with Node(folder) as node:
        here = node.organisations[hospital.id]
        loaded = here.load(bundle)
        height = loaded.outcome.height
    store = Store(folder.chain)
    while rollback(store).height >= height:
        pass
    store.close()
    folder.drop_index()
    with Node(folder) as node:
        here = node.organisations[hospital.id]
        here.anchor_all()
        batch = BATCHES.require(node.engine.state(), loaded.batch)
        assert batch.size == loaded.size
        assert loaded.batch not in {each.batch for each in here.vault.unanchored()}
        record = here.vault.records_of(loaded.person)[0]
        check_inclusion(here.vault.proof(record), batch.root)
