"""A fifth node begins from other members' snapshot, after validators' keys were rotated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.network.calls import yilian
from tests.network.members import Member, Running, require_engine, send, wait_for
from yilian.bootstrap import Seat
from yilian.bootstrap.overview import get
from yilian.ledger import genesis as geneses
from yilian.node.config import Configuration, Consensus, ConsensusPeer, NodeFolder
from yilian.node.engine import write_genesis
from yilian.node.home import EngineHome

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

EVERY = 5
LISTS = (
    "/v1/identity/subjects",
    "/v1/identity/keys",
    "/v1/governance/members",
    "/v1/records/anchors",
)


@pytest.fixture(scope="module")
def trust() -> dict[str, Any]:
    """The trust file that a reader kept from the first day; filled by `running`."""
    return {}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, trust: dict[str, Any]) -> Iterator[Running]:
    """Four members that make snapshots; two have rotated their keys, so none leads here alone."""
    require_engine()
    made = Running(tmp_path_factory.mktemp("sync") / "net", spare=1)
    try:
        with made["A"].client() as client:
            trust.update(client.trust())
        send(made, made["C"], [made["C"]])
        for name in ("B", "C"):
            yilian("network", "rotate-key", made[name].path)
        made.agreed()
        made.stop()
        for each in made:
            _change(each.folder, snapshot_every=EVERY)
            each.start()
        for each in made:
            each.wait_serving()
        made.wait_settled()
        wait_for("a snapshot of each", 60, lambda: all(_snapshots(each) for each in made))
        yield made
    finally:
        made.stop()


def _change(folder: NodeFolder, **changes: Any) -> None:
    found = folder.configuration()
    assert found.consensus is not None
    consensus = msgspec.structs.replace(found.consensus, **changes)
    folder.write_configuration(msgspec.structs.replace(found, consensus=consensus))


def _snapshots(member: Member) -> list[Any]:
    told: list[Any] = yilian("node", "snapshot", "list", member.path)["snapshots"]
    return told


@pytest.fixture(scope="module")
def observer(running: Running) -> Iterator[Member]:
    """A node that follows and belongs to no organisation; it has begun, and serves."""
    made = make_observer(running, "E", [running["A"].url, running["B"].url])
    made.start()
    try:
        made.wait_serving()
        with httpx.Client(timeout=5) as http:
            wait_for("it has begun", 60, lambda: (made.status(http) or {}).get("height", 0) > 0)
        yield made
    finally:
        made.stop()


def make_observer(running: Running, name: str, begin_from: list[str]) -> Member:
    """Make the folder of a node that is to begin from others."""
    port = running.port + 40
    path = running.path / name
    document = httpx.get(running["A"].url + "/v1/genesis").raise_for_status().content
    genesis = geneses.read(document)
    folder = NodeFolder(path)
    seed = folder.new_validator_seed()
    write_genesis(folder.chain, genesis)
    EngineHome(folder.engine).make(genesis, seed)
    peers = [
        ConsensusPeer(
            name=each.name,
            node=EngineHome(each.folder.engine).node_id(),
            host="127.0.0.1",
            port=consensus_port(each),
        )
        for each in running
    ]
    consensus = Consensus(
        port=port + 2, peers=peers, begin_from=begin_from, empty_blocks_ms=2_000, vote=False
    )
    told = Configuration(chain=genesis.chain, organisations=[], port=port, consensus=consensus)
    folder.write_configuration(told)
    seat = Seat(
        name=name,
        folder=name,
        organisation=running["A"].seat.organisation,
        gateway=f"http://127.0.0.1:{port}",
    )
    return Member(running.path, seat)


def consensus_port(member: Member) -> int:
    """Find where a member's engine listens."""
    consensus = member.folder.configuration().consensus
    assert consensus is not None
    return consensus.port


def test_it_stands_where_the_others_stand(running: Running, observer: Member) -> None:
    done = send(running, running["A"], [running["A"]])
    with httpx.Client(timeout=5) as http:
        wait_for(
            "it follows", 60, lambda: (observer.status(http) or {}).get("height", 0) > done.height
        )
        sealed = httpx.get(observer.url + "/v1/blocks/latest").raise_for_status().json()["height"]
        heights = range(done.height, sealed + 1)
        assert running.blocks(observer, heights) == running.blocks(running["A"], heights)
        # What was before its first block is not here, and it says so.
        found = http.get(observer.url + "/v1/blocks/1")
        assert (found.status_code, found.json()["code"]) == (404, "height_not_kept")


def test_its_index_lists_the_records_of_the_others(running: Running, observer: Member) -> None:
    done = send(running, running["D"], [running["D"]])
    with httpx.Client(timeout=10) as http:

        def indexed(at: Member) -> bool:
            return bool((at.status(http) or {}).get("index_height", 0) >= done.height)

        for each in (observer, running["A"]):
            wait_for("it is indexed", 60, lambda: indexed(each))  # noqa: B023
        for path in LISTS:
            lists = [_ids(get(http, each.url, path)) for each in (observer, running["A"])]
            assert lists[0] == lists[1], path
            assert lists[0], path


def _ids(page: Any) -> list[str]:
    assert page is not None
    return sorted(each["id"] for each in page["items"])


def test_its_receipts_verify_with_the_first_trust_file(
    running: Running, observer: Member, trust: dict[str, Any]
) -> None:
    with httpx.Client(timeout=10) as http:
        whole = get(http, running["A"].url, "/v1/history")
        assert whole is not None
        assert len(whole["turns"]) == 2

        def led() -> bool:
            found = get(http, observer.url, "/v1/history")
            return found is not None and found["turns"] == whole["turns"]

        wait_for("it knows the turns before its first block", 30, led)
    done = send(running, running["B"], [running["B"]])
    with running["A"].client(observer) as client:
        receipt = wait_for("a receipt there", 30, lambda: client.receipt(done.hash))
        assert len(receipt["history"]) == 2
        assert client.verify(receipt, trust).height == done.height


def test_it_says_that_it_serves_no_log(observer: Member) -> None:
    for path in ("checkpoint", "proof/1"):
        found = httpx.get(f"{observer.url}/v1/log/{path}")
        assert (found.status_code, found.json()["code"]) == (503, "log_not_served"), path


def test_it_comes_again_without_those_that_it_began_from(
    running: Running, observer: Member
) -> None:
    observer.stop()
    _change(observer.folder, begin_from=[])
    observer.start()
    observer.wait_serving()
    done = send(running, running["A"], [running["A"]])
    with httpx.Client(timeout=5) as http:
        wait_for(
            "it follows", 60, lambda: (observer.status(http) or {}).get("height", 0) >= done.height
        )
        found = get(http, observer.url, "/v1/history")
    assert found is not None
    assert len(found["turns"]) == 2


def test_a_member_that_shows_another_chain_is_not_begun_from(
    running: Running, observer: Member, tmp_path: Path
) -> None:
    from yilian.node.config import ConfigurationError
    from yilian.node.member import Member as Half

    observer.stop()
    try:
        told = make_observer(running, "F", [running["A"].url, "http://127.0.0.1:9"])
        consensus = told.folder.configuration().consensus
        assert consensus is not None
        with pytest.raises(ConfigurationError, match="cannot begin"):
            Half(told.folder, "F", consensus)
    finally:
        observer.start()
