"""A fifth organisation joins by vote, its key is rotated, it leaves; each step by its command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.network.calls import yilian
from tests.network.members import Load, Member, Running, require_engine, wait_for
from yilian.bootstrap import Seat
from yilian.bootstrap.overview import get
from yilian.ledger import codec
from yilian.ledger.block import Validator
from yilian.node.config import NodeFolder
from yilian.node.embedded import validator_public
from yilian.node.home import EngineHome
from yilian.node.rpc import Rpc
from yilian.sdk.errors import RefusedError

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

WHO = "E:pharmacy:Yunxi Pharmacy:P-0005"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Four members, and room for one more."""
    require_engine()
    made = Running(tmp_path_factory.mktemp("joining") / "net", spare=1)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def newcomer(running: Running) -> Member:
    """A fifth member's folder, made from an invitation."""
    folder, sent = running.path / "E", running.path / "invitation.json"
    told = yilian("network", "invite", running["A"].path, "--out", sent)
    assert told["genesis"] == running.network.genesis
    port = running.port + 40
    words = ["network", "join", folder, "--invitation", sent, "--as", WHO, "--port", str(port)]
    refused = yilian(*words, "--genesis-hash", "0" * 64, code=1)["error"]
    assert refused["code"] == "genesis_differs"
    assert refused["parameters"]["found"] == running.network.genesis
    assert not folder.exists()
    told = yilian(*words, "--genesis-hash", running.network.genesis)
    seat = Seat(
        name="E",
        folder="E",
        organisation=told["organisation"],
        gateway=f"http://127.0.0.1:{port}",
    )
    return Member(running.path, seat)


def admit(running: Running, newcomer: Member, *names: str) -> str:
    """Have members do their part; gives where the last one found it to stand."""
    request = newcomer.path / "join-request.json"
    step = ""
    for each in names:
        step = yilian("network", "admit", running[each].path, request)["step"]
    return step


def powers(running: Running, at: Member) -> dict[str, int]:
    """Give the power of each organisation, as one member has it."""
    with httpx.Client(timeout=5) as http:
        found = get(http, at.url, "/v1/governance/validators")
    assert found is not None
    return {each["organisation"]: each["power"] for each in found["items"]}


def signers(running: Running, heights: range) -> list[set[str]]:
    """Name who signed each block: the addresses in the commit that the next block carries."""
    rpc = Rpc(EngineHome(running["A"].folder.engine).rpc)
    found = []
    for height in heights:
        last = rpc.call("block", height=str(height + 1))["block"]["last_commit"]
        found.append(
            {each["validator_address"] for each in last["signatures"] if each["block_id_flag"] == 2}
        )
    rpc.close()
    return found


def address(folder: NodeFolder) -> str:
    """Give the address of the key that a member's node votes with."""
    return Validator(validator_public(folder.validator_seed()), 1).address.hex().upper()


def test_an_organisation_joins_by_vote(running: Running, newcomer: Member) -> None:
    with Load(running, clients=1) as load:
        newcomer.start()
        newcomer.wait_serving()
        assert admit(running, newcomer, "A", "B") == "member"
        assert admit(running, newcomer, "A") == "member", "whoever approved does not count twice"
        assert admit(running, newcomer, "C") in ("member", "key")
        assert admit(running, newcomer, "A") == "key"
        yilian("network", "validate", newcomer.path)
        yilian("network", "validate", newcomer.path)
        admit(running, newcomer, "A", "B", "C")
        assert admit(running, newcomer, "D") in ("done", "validator")
        assert admit(running, newcomer, "A") == "done"
        assert yilian("network", "validate", newcomer.path, "--wait")["votes"]
        load.wait_more(5)
    running.members["E"] = newcomer
    seen = running.agreed(max(each.height for each in load.sent))
    assert len(seen.voters) == 5
    at = seen.height
    mine = address(newcomer.folder)
    wait_for("the newcomer's vote", 30, lambda: running.overview().height > at + 3)
    assert any(mine in each for each in signers(running, range(at, at + 3)))
    # It has all blocks from the first one on, and its organisation has settled in.
    assert running.blocks(newcomer, range(1, at)) == running.blocks(running["A"], range(1, at))
    running.wait_settled()


def test_its_receipts_are_verified_with_a_trust_file_from_before_it_came(
    running: Running, newcomer: Member
) -> None:
    from tests.network.members import send

    done = send(running, newcomer, [newcomer])
    with newcomer.client() as client, running["A"].client() as other:
        verified = client.verify(client.receipt(done.hash), other.trust())
    assert verified.height == done.height


def test_a_validators_key_is_rotated_and_never_two_vote(running: Running) -> None:
    victim = running["B"]
    old = address(victim.folder)
    with Load(running, clients=1) as load:
        load.wait_more(3)
        told = yilian("network", "rotate-key", victim.path)
        load.wait_more(10)
    new = address(victim.folder)
    assert new != old
    assert told["public"] == codec.to_text(validator_public(victim.folder.validator_seed()))
    named = told["height"]
    seen = running.agreed(named + 8)
    signed = signers(running, range(named - 2, seen.height))
    for height, each in enumerate(signed, named - 2):
        assert not {old, new} <= each, f"height {height} was voted by both"
        assert (old not in each) if height >= named + 2 else (new not in each), height
    everybody = [len(each) for each in signed]
    assert min(everybody) >= 4, everybody
    assert any(new in each for each in signed), "the new key votes"
    assert not (victim.path / "validator.key.next").exists()
    # Started again, it goes on with the new key.
    victim.stop()
    victim.start()
    victim.wait_serving()
    at = running.overview().height
    wait_for("five blocks", 60, lambda: running.overview().height > at + 5)
    assert any(new in each for each in signers(running, range(at + 1, at + 5)))


def test_a_rotation_that_was_broken_off_goes_on(running: Running) -> None:
    victim = running["C"]
    made = victim.folder.new_validator_seed(following=True)
    told = yilian("network", "rotate-key", victim.path)
    assert told["public"] == codec.to_text(validator_public(made))
    assert victim.folder.validator_seed() == made


def test_it_leaves_by_vote_and_nothing_it_signs_counts(running: Running, newcomer: Member) -> None:
    organisation = newcomer.seat.organisation
    for what in ("power", "member"):
        told = yilian("network", "leave", newcomer.path)
        assert (told["step"], told["done"]) == (what, False)
        for each in ("A", "B", "C", "D"):
            yilian("network", "vote", running[each].path, told["proposal"])
        if what == "power":
            assert organisation not in powers(running, running["A"])
            # An ended key never comes back: to return, it would name another.
            ended = address(newcomer.folder)
            assert yilian("network", "validate", newcomer.path)["votes"] is False
            assert address(newcomer.folder) != ended
    wait_for(
        "it is out",
        30,
        lambda: yilian("network", "leave", newcomer.path)["step"] == "out",
    )
    for at in running:
        with newcomer.client(at) as client, pytest.raises(RefusedError) as refused:
            client.governance.tick()
        assert refused.value.code == "sender_inactive"
    findings = {each["check"] for each in yilian("network", "doctor", newcomer.path)["findings"]}
    assert {"not_a_member", "no_power"} <= findings
    newcomer.stop()
    del running.members["E"]
    assert len(running.agreed().voters) == 4
    peers = json.loads((running["A"].path / "node.json").read_text())["consensus"]["peers"]
    assert "E" in {each["name"] for each in peers}
    yilian("network", "forget", running["A"].path, "E")
    peers = json.loads((running["A"].path / "node.json").read_text())["consensus"]["peers"]
    assert {each["name"] for each in peers} == {"B", "C", "D"}


def test_what_is_no_request_is_refused(running: Running, tmp_path: Path) -> None:
    bad = tmp_path / "request.json"
    bad.write_text("{}")
    assert yilian("network", "admit", running["A"].path, bad, code=2)["error"]["code"] == "usage"
    bad.write_bytes(b"[" * 5_000_000)
    assert yilian("network", "admit", running["A"].path, bad, code=2)["error"]["code"] == "usage"
    told = json.loads((running.path / "E" / "join-request.json").read_text())
    bad.write_text(json.dumps({**told, "genesis": "0" * 64}))
    assert yilian("network", "admit", running["A"].path, bad, code=1)["error"]["code"] == (
        "other_chain"
    )
    other = running["B"].signer().key
    key = {"suite": other.suite, "public": other.public}
    bad.write_text(json.dumps({**told, "key": key}))
    assert yilian("network", "admit", running["A"].path, bad, code=1)["error"]["code"] == (
        "id_taken"
    )
