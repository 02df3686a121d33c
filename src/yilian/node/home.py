"""The consensus engine's own folder below a node's: its configuration, genesis and keys.

config/config.toml, genesis.json, node_key.json, priv_validator_key.json   data/ (the engine's)
abci.sock, rpc.sock   the two sockets between the node and its engine; nothing else is exposed

Formats: CometBFT v0.38, `config/toml.go`, `types/genesis.go`, `privval/file.go`, `p2p/key.go`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import nacl.bindings

from yilian.ledger import block_json
from yilian.ledger.block import Validator
from yilian.ledger.genesis import Genesis

_MILLI = 1_000_000
EVIDENCE_BYTES = 65_536
EVIDENCE_BLOCKS = 100_000
EVIDENCE_HOURS = 48


class Peer(NamedTuple):
    """Another member's engine: its node id (40 hex digits), host and port."""

    node: str
    host: str
    port: int

    def address(self) -> str:
        """Write it as the engine's configuration does."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.node}@{host}:{self.port}"


class Pace(NamedTuple):
    """How fast consensus goes, in ms; the same at every member, or the slowest sets it.

    `empty_blocks`: the longest time without a block. A shorter `commit` makes smaller blocks.
    """

    propose: int = 1_000
    vote: int = 1_000
    commit: int = 100
    empty_blocks: int = 30_000


class EngineHome:
    """Paths of an engine's folder, and how its files are made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.abci = path / "abci.sock"
        self.rpc = path / "rpc.sock"
        self.validator_key = path / "config" / "priv_validator_key.json"
        self.validator_state = path / "data" / "priv_validator_state.json"
        self._node_key = path / "config" / "node_key.json"
        self._genesis = path / "config" / "genesis.json"
        self._config = path / "config" / "config.toml"

    def make(self, genesis: Genesis, validator_seed: bytes) -> str:
        """Make folder, keys and genesis for a new member; gives the engine's node id."""
        (self.path / "config").mkdir(parents=True, mode=0o700)
        (self.path / "data").mkdir(mode=0o700)
        self.path.chmod(0o700)
        self.write_genesis(genesis)
        self.write_validator_key(validator_seed)
        self.write_validator_state(0)
        seed = os.urandom(32)
        _write(self._node_key, {"priv_key": _private(seed)})
        return node_id(seed)

    def exists(self) -> bool:
        """Tell whether an engine's folder was made here."""
        return self._genesis.exists() and self._node_key.exists()

    def write_idle_key(self) -> None:
        """Give the engine a key that is nobody's: it follows, and does not vote."""
        self.write_validator_key(os.urandom(32))

    def node_id(self) -> str:
        """Give the id by which other engines know this one."""
        found = json.loads(self._node_key.read_text("ascii"))["priv_key"]["value"]
        return node_id(base64.b64decode(found)[:32])

    def write_genesis(self, genesis: Genesis) -> None:
        """Write the engine's genesis document."""
        rule = genesis.parameters
        document = {
            "genesis_time": block_json.time_to_text(genesis.time * _MILLI),
            "chain_id": genesis.chain,
            "initial_height": str(genesis.first_height()),
            "consensus_params": {
                "block": {
                    "max_bytes": str(rule.block_max_bytes),
                    "max_gas": str(rule.block_max_gas),
                },
                "evidence": {
                    "max_age_num_blocks": str(EVIDENCE_BLOCKS),
                    "max_age_duration": str(EVIDENCE_HOURS * 3600 * 10**9),
                    "max_bytes": str(EVIDENCE_BYTES),
                },
                "validator": {"pub_key_types": ["ed25519"]},
                "version": {"app": "1"},
                "abci": {"vote_extensions_enable_height": "0"},
            },
            "validators": [
                {
                    "address": each["address"],
                    "pub_key": each["pub_key"],
                    "power": each["voting_power"],
                    "name": "",
                }
                for each in block_json.validators_to_json(genesis.validator_set())
            ],
            "app_hash": "",
            "app_state": {"genesis": genesis.hash().hex()},
        }
        _write(self._genesis, document)

    def write_validator_key(self, seed: bytes) -> None:
        """Write the key by which the engine votes; the file's owner alone may read it."""
        public, _ = nacl.bindings.crypto_sign_seed_keypair(seed)
        _write(
            self.validator_key,
            {
                "address": Validator(public, 1).address.hex().upper(),
                "pub_key": {
                    "type": "tendermint/PubKeyEd25519",
                    "value": base64.b64encode(public).decode(),
                },
                "priv_key": _private(seed),
            },
        )

    def write_validator_state(self, height: int) -> None:
        """Say up to which height the engine has voted, where it must not vote twice."""
        _write(self.validator_state, {"height": str(height), "round": 0, "step": 0})

    def last_signed(self) -> int:
        """Give the height up to which this validator has voted; 0 where it never has."""
        try:
            return int(json.loads(self.validator_state.read_text("ascii"))["height"])
        except FileNotFoundError:
            return 0

    def configure(
        self,
        name: str,
        listen: tuple[str, int],
        peers: Sequence[Peer],
        pace: Pace,
        sync: dict[str, Any] | None = None,
    ) -> None:
        """Write the engine's configuration; what is left out has the engine's own default."""
        host, port = listen
        sections: dict[str, dict[str, Any]] = {
            "": {
                "version": "0.38.25",
                "proxy_app": "unix://abci.sock",
                "moniker": name,
                "abci": "socket",
                "log_level": "error",
                "log_format": "json",
                "db_backend": "goleveldb",
            },
            "rpc": {
                "laddr": "unix://rpc.sock",
                # For `dial_peers` (`dialling.py`); nobody but this node can open the socket.
                "unsafe": True,
                "max_body_bytes": 8_000_000,
                "max_request_batch_size": 0,
                "max_open_connections": 64,
            },
            "p2p": {
                "laddr": f"tcp://{host}:{port}",
                "persistent_peers": ",".join(each.address() for each in peers),
                "unconditional_peer_ids": ",".join(each.node for each in peers),
                "persistent_peers_max_dial_period": "2s",
                "pex": False,
                "addr_book_strict": False,
                "allow_duplicate_ip": True,
                "flush_throttle_timeout": "10ms",
                "send_rate": 20_000_000,
                "recv_rate": 20_000_000,
                "max_packet_msg_payload_size": 10_240,
            },
            "mempool": {
                "size": 100_000,
                "max_txs_bytes": 256_000_000,
                "cache_size": 200_000,
                "recheck": True,
            },
            "consensus": {
                "timeout_propose": f"{pace.propose}ms",
                "timeout_propose_delta": "500ms",
                "timeout_prevote": f"{pace.vote}ms",
                "timeout_prevote_delta": "500ms",
                "timeout_precommit": f"{pace.vote}ms",
                "timeout_precommit_delta": "500ms",
                "timeout_commit": f"{pace.commit}ms",
                "skip_timeout_commit": False,
                "create_empty_blocks": False,
                "create_empty_blocks_interval": f"{pace.empty_blocks}ms",
                "peer_gossip_sleep_duration": "10ms",
            },
            "tx_index": {"indexer": "null"},
            "storage": {"discard_abci_responses": False},
            "instrumentation": {"prometheus": False},
            "statesync": sync or {"enable": False},
        }
        text = "\n".join(_section(name, values) for name, values in sections.items())
        _replace(self._config, text.encode())


def node_id(seed: bytes) -> str:
    """Give the node id of an engine's key: the first 20 bytes of SHA-256 of its public key."""
    public, _ = nacl.bindings.crypto_sign_seed_keypair(seed)
    return hashlib.sha256(public).digest()[:20].hex()


def _private(seed: bytes) -> dict[str, str]:
    _, secret = nacl.bindings.crypto_sign_seed_keypair(seed)
    return {
        "type": "tendermint/PrivKeyEd25519",
        "value": base64.b64encode(secret).decode(),
    }


def _section(name: str, values: dict[str, Any]) -> str:
    # TOML's basic strings, numbers, booleans and lists of strings are JSON's.
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(([f"[{name}]"] if name else []) + lines) + "\n"


def _write(path: Path, value: Any) -> None:
    _replace(path, json.dumps(value, indent=2).encode() + b"\n")


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
