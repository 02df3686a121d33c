"""The engine's own folder: what is written there, and what the engine makes of it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.consensus.town import Town
from yilian.ledger.block import Validator
from yilian.node.binary import EngineDiffers, EngineMissing, find_engine
from yilian.node.home import EngineHome, Pace, Peer

SEED = bytes(range(32))
TOWN = Town((10, 20, 30, 40))
PEERS = [Peer("a" * 40, "10.0.0.2", 26656), Peer("b" * 40, "fe80::1", 26657)]


def made(folder: Path) -> EngineHome:
    home = EngineHome(folder / "engine")
    home.make(TOWN.genesis, SEED)
    home.configure('name "云溪" \\ of\na member', ("127.0.0.1", 26656), PEERS, Pace())
    return home


def read(path: Path) -> Any:
    return json.loads(path.read_text("ascii"))


def test_nobody_else_reads_the_folder(tmp_path: Path) -> None:
    home = made(tmp_path)
    assert home.path.stat().st_mode & 0o777 == 0o700
    for each in home.path.rglob("*"):
        assert each.is_dir() or each.stat().st_mode & 0o077 == 0, each
    assert not list(home.path.rglob("*.part"))


def test_the_genesis_has_the_first_validators(tmp_path: Path) -> None:
    home = made(tmp_path)
    document = read(home.path / "config" / "genesis.json")
    assert document["chain_id"] == TOWN.genesis.chain
    assert document["genesis_time"] == "2100-01-01T00:00:00Z"
    assert sorted(each["power"] for each in document["validators"]) == ["10", "20", "30", "40"]
    for each in document["validators"]:
        key = base64.b64decode(each["pub_key"]["value"])
        assert each["address"] == hashlib.sha256(key).hexdigest()[:40].upper()
    assert document["app_hash"] == ""
    assert document["app_state"] == {"genesis": TOWN.genesis.hash().hex()}


def test_the_validator_key_is_the_seeds(tmp_path: Path) -> None:
    home = made(tmp_path)
    key = read(home.validator_key)
    secret, public = (base64.b64decode(key[each]["value"]) for each in ("priv_key", "pub_key"))
    assert secret == SEED + public
    assert key["address"] == Validator(public, 1).address.hex().upper()
    home.write_idle_key()
    assert read(home.validator_key)["pub_key"] != key["pub_key"]
    home.write_validator_key(SEED)
    assert read(home.validator_key) == key


def test_a_node_id_is_the_hash_of_the_nodes_key(tmp_path: Path) -> None:
    home = made(tmp_path)
    secret = base64.b64decode(read(home.path / "config" / "node_key.json")["priv_key"]["value"])
    assert home.node_id() == hashlib.sha256(secret[32:]).digest()[:20].hex()
    assert re.fullmatch("[0-9a-f]{40}", home.node_id())
    assert secret[:32] != SEED


def test_how_far_it_has_voted_is_kept(tmp_path: Path) -> None:
    home = made(tmp_path)
    assert home.last_signed() == 0
    home.write_validator_state(70)
    assert home.last_signed() == 70
    home.validator_state.unlink()
    assert home.last_signed() == 0


def test_a_folder_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    home = made(tmp_path)
    before = home.node_id()
    with pytest.raises(FileExistsError):
        home.make(TOWN.genesis, SEED)
    assert home.node_id() == before
    assert home.exists()
    assert not EngineHome(tmp_path / "other").exists()


def test_the_configuration_is_toml_and_opens_no_door(tmp_path: Path) -> None:
    home = made(tmp_path)
    found = tomllib.loads((home.path / "config" / "config.toml").read_text("utf-8"))
    assert found["moniker"] == 'name "云溪" \\ of\na member'
    assert found["proxy_app"] == "unix://abci.sock"
    assert found["rpc"]["laddr"] == "unix://rpc.sock"
    assert found["p2p"]["laddr"] == "tcp://127.0.0.1:26656"
    assert found["p2p"]["pex"] is False
    assert found["instrumentation"]["prometheus"] is False
    addresses = found["p2p"]["persistent_peers"].split(",")
    assert addresses == [f"{'a' * 40}@10.0.0.2:26656", f"{'b' * 40}@[fe80::1]:26657"]


def test_a_name_cannot_add_a_setting(tmp_path: Path) -> None:
    home = made(tmp_path)
    home.configure('x"\n[rpc]\nladdr = "tcp://0.0.0.0:26657', ("127.0.0.1", 1), [], Pace())
    found = tomllib.loads((home.path / "config" / "config.toml").read_text("utf-8"))
    assert found["rpc"]["laddr"] == "unix://rpc.sock"
    assert found["moniker"].startswith('x"\n[rpc]')


# -- what the engine itself reads ------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine() -> Path:
    try:
        return find_engine()
    except (EngineMissing, EngineDiffers) as problem:
        pytest.skip(str(problem))


def said(engine: Path, home: EngineHome, *words: str) -> str:
    done = subprocess.run(
        [engine, *words, "--home", home.path],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=home.path,
        env={"PATH": os.environ["PATH"], "HOME": str(home.path)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_engine_reads_the_nodes_key(engine: Path, tmp_path: Path) -> None:
    home = made(tmp_path)
    assert said(engine, home, "show-node-id") == home.node_id()


def test_the_engine_reads_the_validators_key(engine: Path, tmp_path: Path) -> None:
    home = made(tmp_path)
    shown = json.loads(said(engine, home, "show-validator"))
    assert shown == read(home.validator_key)["pub_key"]


def test_the_engine_begins_the_chain_from_this_folder(engine: Path, tmp_path: Path) -> None:
    """Its own test application and no network: genesis and configuration are read and judged."""
    home = EngineHome(tmp_path / "engine")
    alone = Town((10,))
    home.make(alone.genesis, SEED)
    home.configure("alone", ("127.0.0.1", 0), [], Pace())
    process = subprocess.Popen(
        [engine, "start", "--home", home.path, "--proxy_app", "kvstore", "--log_level", "info"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=home.path,
    )
    try:
        assert process.stdout is not None
        heard = []
        for line in process.stdout:
            heard.append(line)
            if "Started node" in line or "This node is" in line:
                break
        assert any("Started node" in line or "This node is" in line for line in heard), heard
    finally:
        process.kill()
        process.communicate(timeout=60)
