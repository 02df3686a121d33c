"""What the consensus engine reads of other members when it begins from a snapshot.

CometBFT verifies a snapshot's height with a light client that speaks to other nodes' RPC, which is
never exposed here. So the node itself answers those three calls (`commit`, `validators`,
`consensus_params`) on this machine, from what other members' gateways show to everybody; the
engine's light client checks every answer, so a member that lies is found out by it.

Source: CometBFT v0.38, `light/provider/http`, `statesync/stateprovider.go`.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from yilian.ledger import block_json
from yilian.ledger.block import Commit, Header, consensus_hash
from yilian.ledger.errors import Refusal
from yilian.ledger.genesis import Genesis
from yilian.node.home import EVIDENCE_BLOCKS, EVIDENCE_BYTES, EVIDENCE_HOURS

SECONDS = 10.0
MAX_ANSWER = 8 << 20
_PER_PAGE = 100

log = logging.getLogger("yilian.node")


class NotOurChain(Exception):
    """A member's gateway shows another chain than the genesis document that this node has."""


class NoAnswer(Exception):
    """A member's gateway did not answer in time, or nothing that can be read."""


class NotKept(NoAnswer):
    """A member's gateway has not, or no longer, what was asked for."""


class Gateway:
    """What another member's gateway shows to everybody; nothing of it is believed."""

    def __init__(self, address: str, seconds: float = SECONDS) -> None:
        """`seconds` is how long one answer may take."""
        self.address = address
        self._seconds = seconds
        try:
            self._client = httpx.Client(base_url=address, timeout=seconds)
        except (httpx.InvalidURL, ValueError) as problem:
            raise NoAnswer(f"{address} is no address: {problem}") from problem

    def read(self, path: str, **query: int | str) -> dict[str, Any]:
        """Ask for a JSON object of at most `MAX_ANSWER` bytes. Raises NoAnswer."""
        try:
            found = json.loads(self.raw(path, **query))
        except (ValueError, RecursionError) as problem:
            raise NoAnswer(f"{self.address}{path} does not answer JSON") from problem
        if not isinstance(found, dict):
            raise NoAnswer(f"{self.address}{path} answers no object")
        return found

    def raw(self, path: str, **query: int | str) -> bytes:
        """Ask for bytes, at most `MAX_ANSWER`. Raises NoAnswer."""
        until = time.monotonic() + self._seconds
        body = bytearray()
        try:
            with self._client.stream("GET", path, params=query) as answer:
                if answer.status_code == httpx.codes.NOT_FOUND:
                    raise NotKept(f"{self.address}{path} is not there")
                if answer.status_code != httpx.codes.OK:
                    raise NoAnswer(f"{self.address}{path} answers {answer.status_code}")
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > MAX_ANSWER or time.monotonic() > until:
                        raise NoAnswer(f"{self.address}{path} answers too much or too slowly")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
            kind = type(problem).__name__
            raise NoAnswer(f"{self.address}{path} does not answer ({kind})") from problem
        return bytes(body)

    def close(self) -> None:
        """Let go of its connections."""
        self._client.close()


class Provider:
    """One other member as a light client's provider, on a port of this machine."""

    def __init__(self, gateway: str, genesis: Genesis, seconds: float = SECONDS) -> None:
        """`gateway` is the address of the member's gateway. Raises NoAnswer for what is none."""
        self._genesis = genesis
        self._gateway = Gateway(gateway, seconds)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="yilian-provider", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """Where the engine finds it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._gateway.close()

    def first_header(self, app_hash: bytes) -> Header:
        """Read the chain's first header and hold it against genesis: what else is trusted follows.

        `app_hash` is the root of the first state, as this node made it. Raises NotOurChain, and
        NoAnswer where the member does not answer.
        """
        header, commit = self._first()
        validators = self._genesis.validator_set()
        try:
            signed = validators.signed_power(self._genesis.chain, commit)
        except Refusal:
            signed = 0
        if (
            header.chain_id != self._genesis.chain
            or header.height != self._genesis.first_height()
            or header.app_hash != app_hash
            or header.validators_hash != validators.hash()
            or commit.height != header.height
            or commit.block_id.hash != header.hash()
            or signed * 3 <= validators.total_power * 2
        ):
            raise NotOurChain(f"{self._gateway.address} shows another chain")
        return header

    def _first(self) -> tuple[Header, Commit]:
        found = self._light_block(str(self._genesis.first_height()))
        try:
            header = block_json.header_from_json(found.get("header"))
            return header, block_json.commit_from_json(found.get("commit"))
        except Refusal as problem:
            raise NoAnswer(f"{self._gateway.address} shows no signed header") from problem

    def answer(self, method: str, parameters: Mapping[str, Any]) -> Any:
        """Answer one of the three calls; raises LookupError for others."""
        height = parameters.get("height")
        found = self._light_block("latest" if height in (None, "", "0", 0) else str(height))
        if method == "commit":
            signed = {"header": found["header"], "commit": found["commit"]}
            return {"signed_header": signed, "canonical": True}
        if method == "validators":
            return self._page(found, parameters)
        if method == "consensus_params":
            return self._consensus_params(found)
        raise LookupError(method)

    def _light_block(self, height: str) -> dict[str, Any]:
        return self._gateway.read(f"/v1/blocks/{height}/light")

    def _page(self, found: dict[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        page = max(1, int(parameters.get("page") or 1))
        validators = found["validators"]
        shown = validators[(page - 1) * _PER_PAGE : page * _PER_PAGE]
        return {
            "block_height": found["header"]["height"],
            # No hash covers whose turn it is to propose; the engine works it out again.
            "validators": [{**each, "proposer_priority": "0"} for each in shown],
            "count": str(len(shown)),
            "total": str(len(validators)),
        }

    def _consensus_params(self, found: dict[str, Any]) -> dict[str, Any]:
        header = found["header"]
        try:
            rule = self._gateway.read("/v1/governance/parameters/current")["value"]
        except NoAnswer:
            # They may never have been changed: the hash says whether genesis' are the right ones.
            rule = {}
        most = int(rule.get("block_max_bytes", self._genesis.parameters.block_max_bytes))
        gas = int(rule.get("block_max_gas", self._genesis.parameters.block_max_gas))
        if consensus_hash(most, gas).hex().upper() != header["consensus_hash"]:
            raise LookupError("the parameters of this height are not known")
        return {
            "block_height": header["height"],
            "consensus_params": consensus_params(most, gas, header["version"]["app"]),
        }


def consensus_params(max_bytes: int, max_gas: int, app_version: str) -> dict[str, Any]:
    """Write the engine's consensus parameters in the form of its JSON."""
    return {
        "block": {"max_bytes": str(max_bytes), "max_gas": str(max_gas)},
        "evidence": {
            "max_age_num_blocks": str(EVIDENCE_BLOCKS),
            "max_age_duration": str(EVIDENCE_HOURS * 3600 * 10**9),
            "max_bytes": str(EVIDENCE_BYTES),
        },
        "validator": {"pub_key_types": ["ed25519"]},
        "version": {"app": app_version},
        "abci": {"vote_extensions_enable_height": "0"},
    }


_UNREADABLE = (NoAnswer, LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What reading another's answer may raise, whatever is in it."""


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said: dict[str, Any] = {"jsonrpc": "2.0", "id": None}
            try:
                size = int(self.headers.get("Content-Length", "0"))
                asked = json.loads(self.rfile.read(min(size, 65_536)))
                said["id"] = asked.get("id")
                said["result"] = provider.answer(asked["method"], asked.get("params") or {})
            except _UNREADABLE as problem:
                text = f"{type(problem).__name__}: {problem}"
                said["error"] = {"code": -32603, "message": "Internal error", "data": text}
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            log.debug("provider: " + format, *arguments)

    return Handler
