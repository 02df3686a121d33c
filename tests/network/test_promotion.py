"""One organisation's chain goes on as a consortium's: state, keys, vaults and trust go with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.network.members import FOUNDERS, PACE, Member, free_ports, require_engine, wait_for
from yilian.bootstrap import Node, make_node, promote
from yilian.bootstrap.network import PORTS_PER_MEMBER
from yilian.bootstrap.overview import get
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.genesis import read
from yilian.ledger.keys import sha256
from yilian.ledger.promotion import PROMOTION_DIFFERS
from yilian.node.config import ConfigurationError, NodeFolder
from yilian.node.engine import Stopped, write_genesis
from yilian.node.store import Store
from yilian.sdk import verify_log

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

NEW = "together"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> NodeFolder:
    """A node of four organisations that has stopped; one person is enrolled."""
    path = tmp_path_factory.mktemp("old") / "node"
    make_node(path, "alone", [founder for _, founder in FOUNDERS])
    folder = NodeFolder(path)
    with Node(folder) as node:
        hospital = next(iter(node.organisations.values()))
        person, outcome = hospital.enrol_person("resident", "110101199003070011")
        receipt = node.engine.receipt(bytes.fromhex(outcome.hash))
        (path / "receipt.json").write_text(json.dumps(receipt))
        (path / "trust.json").write_text(json.dumps(node.engine.trust()))
        (path / "person").write_text(person)
    return folder


def labels(old: NodeFolder) -> dict[str, str]:
    """Give each member's folder name and organisation."""
    hosted = old.configuration().organisations
    return {label: each.id for (label, _), each in zip(FOUNDERS, hosted, strict=True)}


@pytest.fixture(scope="module")
def members(old: NodeFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Member]]:
    """The same four, each with a node of its own."""
    require_engine()
    path = tmp_path_factory.mktemp("promoted") / "net"
    port = free_ports(len(FOUNDERS) * PORTS_PER_MEMBER)
    network = promote(old, path, NEW, labels(old), port=port, pace=PACE)
    found = [Member(path, each) for each in network.members]
    try:
        for each in found:
            each.start()
        for each in found:
            each.wait_serving()
        yield found
    finally:
        for each in found:
            each.stop()


def test_the_chain_goes_on_at_the_next_height(old: NodeFolder, members: list[Member]) -> None:
    """The new chain begins above the old one's last block, and knows whom the old one enrolled."""
    store = Store(old.chain)
    last = store.tip()
    store.close()
    assert last is not None
    person = (old.path / "person").read_text()
    with httpx.Client(timeout=5) as http:
        for each in members:
            path = f"/v1/identity/endpoints/{each.seat.organisation}"
            wait_for(
                f"{each.name} settles", 60, lambda path=path, each=each: get(http, each.url, path)
            )
            status = each.status(http)
            assert status is not None
            assert status["chain"] == NEW
            assert status["height"] > last.height
            block = http.get(f"{each.url}/v1/blocks/{last.height + 1}").json()
            assert int(block["header"]["height"]) == last.height + 1
            assert http.get(f"{each.url}/v1/blocks/{last.height}").status_code == 404
            known = http.get(f"{each.url}/v1/identity/subjects/{person}")
            assert known.status_code == 200, known.text


def test_an_old_trust_file_suffices(old: NodeFolder, members: list[Member]) -> None:
    """A receipt of the new chain verifies with the trust file of the old one, and old ones too."""
    trust = (old.path / "trust.json").read_text()
    before = verify_log.verify((old.path / "receipt.json").read_text(), trust)
    assert before.chain_id == "alone"
    outcome = members[1].client().governance.tick()
    receipt = members[2].client().receipt(outcome.hash)
    after = verify_log.verify(json.dumps(receipt), trust)
    assert after.chain_id == NEW


def test_what_the_record_must_agree_with(
    old: NodeFolder, members: list[Member], tmp_path: Path
) -> None:
    """A genesis whose record was made for another one is refused where the state is taken over."""
    with httpx.Client(timeout=5) as http:
        document = http.get(f"{members[0].url}/v1/genesis").content
    genesis = read(document)
    changed = json.loads(document)
    changed["time"] += 1
    other = read(codec.encode(changed))
    assert genesis.bare_hash() != other.bare_hash()
    from yilian.bootstrap import promoting

    _, snapshot, chunks = promoting._end(old, tmp_path / "scratch")
    with pytest.raises(Refusal) as refused:
        promoting._begin(NodeFolder(tmp_path / "other"), other, snapshot, chunks)
    assert refused.value.code is PROMOTION_DIFFERS


def test_a_node_without_the_old_state_does_not_begin(members: list[Member], tmp_path: Path) -> None:
    """The genesis document alone is not enough: its first state came from the older chain."""
    with httpx.Client(timeout=5) as http:
        genesis = read(http.get(f"{members[0].url}/v1/genesis").content)
    write_genesis(tmp_path / "chain", genesis)
    store = Store(tmp_path / "chain")
    tip = store.tip()
    store.close()
    assert tip is not None
    assert (tip.height, tip.app_hash) == (0, bytes(32))


def test_the_old_node_is_read_and_not_written(old: NodeFolder, members: list[Member]) -> None:
    """Its receipts stay there; a transaction is refused, and no second consortium goes on."""
    transaction = json.loads((old.path / "receipt.json").read_text())["transaction"]
    with Node(old) as node:
        height = node.engine.height
        assert node.engine.receipt(sha256(transaction.encode())) is not None
        with pytest.raises(Stopped):
            node.engine.submit(transaction.encode())
        assert node.engine.height == height
    with pytest.raises(ConfigurationError):
        promote(old, members[0].path.parent / "again", "again", labels(old))


def test_what_is_refused(tmp_path: Path) -> None:
    """Every organisation once, another chain id, an empty folder; what was made is removed."""
    make_node(tmp_path / "old", "alone", [founder for _, founder in FOUNDERS])
    old = NodeFolder(tmp_path / "old")
    named = labels(old)
    for wrong, chain in (
        ({"A": named["A"]}, NEW),
        ({**named, "E": named["A"]}, NEW),
        (named, "alone"),
    ):
        with pytest.raises(ConfigurationError):
            promote(old, tmp_path / "net", chain, wrong)
        assert not (tmp_path / "net").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    with pytest.raises(FileExistsError):
        promote(old, tmp_path / "full", NEW, named)
