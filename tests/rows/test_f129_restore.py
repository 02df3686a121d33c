"""F129: back up, wipe a node, restore; then a rolling upgrade under load -> no failed call."""

from __future__ import annotations

import json
import shutil

import httpx
import msgspec
import pytest

from tests.network.calls import yilian
from tests.network.members import Load, Running, kill, require_all, send, wait_for
from yilian.bootstrap.overview import get
from yilian.gateway.fhir import sample
from yilian.ledger.modules.governance.state import LAWS_KNOWN
from yilian.node.home import EngineHome

LAW = max(LAWS_KNOWN) - 1
"""The law that the network begins with, so that there is one to go over to."""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


def own_records(running: Running, name: str, person: str) -> int:
    """Count a person's records as a member's own node tells of them."""
    member = running[name]
    with member.client() as client:
        path = f"/v1/organisations/{member.seat.organisation}/persons/{person}/records"
        return len(client.request("GET", path)["records"])


def test_a_wiped_node_is_restored_and_votes_only_once_the_old_one_is_dead(
    running: Running,
) -> None:
    victim = running["B"]
    (bundle,) = sample.bundles(1, 1)
    with victim.client() as client:
        path = f"/v1/organisations/{victim.seat.organisation}/bundles"
        person = client.request("POST", path, bundle)["person"]
    count = own_records(running, "B", person)
    assert count > 0

    saved, erasing, keys = (running.path / each for each in ("saved", "erasing", "keys"))
    folders = ["--to", saved, "--erasure-to", erasing, "--keys-to", keys]
    with Load(running, clients=1) as load:
        load.wait_more(3)
        told = yilian("network", "backup", victim.path, *folders)
        assert told["running"]
        load.wait_more(3)
        assert not list(saved.rglob("priv_validator_state.json"))
        assert not [each for each in saved.rglob("*") if each.name.endswith("key")]
        assert not [each for each in saved.rglob("*") if each.name.startswith("priv_validator")]
        yilian("network", "backup", victim.path, *folders, code=2)

        back = ["--from", saved, "--erasure-from", erasing, "--keys-from", keys]
        beside = running.path / "beside"
        refused = yilian("network", "restore", beside, *back, code=2)["error"]
        assert refused["code"] == "old_node_runs"
        assert not beside.exists()

        last = EngineHome(victim.folder.engine).last_signed()
        kill(victim.pid)
        victim.stop()
        shutil.rmtree(victim.path)
        load.wait_more(5)
        told = yilian("network", "restore", victim.path, *back)
        assert told["height"] > last, "it has followed before it serves"
        assert told["votes"] is False
        victim.start()
        victim.wait_serving()
        home = EngineHome(victim.folder.engine)
        assert home.last_signed() == 0, "it signs nothing"
        load.wait_more(5)
        assert home.last_signed() == 0, "it signs nothing"
        refused = yilian("network", "confirm-dead", victim.path, code=2)["error"]
        assert (refused["code"], home.last_signed()) == ("not_confirmed", 0)
        past = yilian("network", "confirm-dead", victim.path, "--old-node-is-dead")["past"]
        assert past >= told["height"]
        wait_for("it votes again", 60, lambda: home.last_signed() > past + 1)
        load.wait_more(3)
    running.agreed(max(each.height for each in load.sent))
    require_all(running, load.sent)
    assert own_records(running, "B", person) == count
    known = yilian("network", "confirm-dead", victim.path, "--old-node-is-dead", code=1)["error"]
    assert known["code"] == "votes_already"


def test_a_node_whose_key_still_signs_elsewhere_is_not_let_vote(running: Running) -> None:
    # As a restored node finds it whose old one was not dead: its key is off here, and votes.
    victim = running["C"]
    configuration = victim.folder.configuration()
    assert configuration.consensus is not None
    silent = msgspec.structs.replace(configuration.consensus, vote=False)
    victim.folder.write_configuration(msgspec.structs.replace(configuration, consensus=silent))
    refused = yilian("network", "confirm-dead", victim.path, "--old-node-is-dead", code=1)
    assert refused["error"]["code"] == "old_node_signs"
    now = victim.folder.configuration().consensus
    assert now is not None
    assert not now.vote
    victim.folder.write_configuration(configuration)


def test_a_rolling_upgrade_under_load_fails_no_call(running: Running) -> None:
    height = running.overview().height + 60
    told = yilian("network", "upgrade", running["A"].path, "--at", str(height))
    assert told["version"] == LAW + 1
    for name in ("B", "C"):
        same = yilian("network", "upgrade", running[name].path)
        assert same["proposal"] == told["proposal"]
    with Load(running, clients=2, seed=7) as load:
        for each in running:
            # As an operator installs a release: one member after the other.
            each.stop()
            each.start()
            each.wait_serving()
            load.wait_more(3)
        wait_for("the law's height", 90, lambda: running.overview().height > height)
        load.wait_more(3)
        with httpx.Client(timeout=5) as http:
            for each in running:
                found = get(http, each.url, "/v1/governance/law/current")
                assert found is not None
                assert found["value"]["version"] == LAW + 1
    running.agreed(max(each.height for each in load.sent))
    require_all(running, load.sent)
    with running["A"].client() as client:
        client.governance.tick()
    assert send(running, running["A"], [running["B"]]).height


def test_the_newest_height_is_taken_back_on_both_sides(running: Running) -> None:
    victim = running["D"]
    refused = yilian("network", "rollback", victim.path, code=2)["error"]
    assert refused["code"] == "still_running"
    running.agreed()
    victim.stop()
    before = json.loads((victim.path / "engine/data/priv_validator_state.json").read_text())
    told = yilian("network", "rollback", victim.path)
    after = json.loads((victim.path / "engine/data/priv_validator_state.json").read_text())
    assert before == after, "what it signed last is not taken back"
    with Load(running, clients=1) as load:
        load.wait_more(3)
        victim.start()
        victim.wait_serving()
        load.wait_more(3)
    seen = running.agreed(told["height"] + 1)
    assert seen.agree
