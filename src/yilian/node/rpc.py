"""The consensus engine's RPC, over its Unix socket: what the node itself may ask of it.

The RPC has no authentication, so it listens on a socket in the node's own folder and nowhere else.
Shapes: CometBFT v0.38, `rpc/core/types/responses.go`; numbers of 64 bits are text in its JSON.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from yilian.ledger import block_json, evidence
from yilian.ledger.block import BlockId, Commit, ValidatorSet, evidence_hash
from yilian.ledger.errors import Refusal
from yilian.node.link import EngineAway, Signed

TIMEOUT = 10.0
BROADCAST_AT_ONCE = 100
_PER_PAGE = 100
_Answer = dict[str, Any]
_NO_EVIDENCE = evidence_hash(())


class RpcError(Exception):
    """The engine answered with an error; `data` is its text."""

    def __init__(self, data: str) -> None:
        super().__init__(data)
        self.data = data


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = connect(self._path, TIMEOUT)


def connect(path: Path, timeout: float | None) -> socket.socket:
    """Connect to a Unix socket whose path may be longer than the 107 bytes of an address."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(timeout)
    try:
        with _folder(path) as short:
            made.connect(short)
    except BaseException:
        made.close()
        raise
    return made


def listen(path: Path) -> socket.socket:
    """Listen on a Unix socket, replacing what a dead process left there."""
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _folder(path) as short:
            made.bind(short)
        path.chmod(0o600)
        made.listen(16)
    except BaseException:
        made.close()
        raise
    return made


class _folder:  # noqa: N801 (used as a statement)
    """Names a socket by its folder's handle, where the system has /proc."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1

    def __enter__(self) -> str:
        if len(os.fsencode(self._path)) < 100:
            return str(self._path)
        self._handle = os.open(self._path.parent, os.O_RDONLY)
        return f"/proc/self/fd/{self._handle}/{self._path.name}"

    def __exit__(self, *_: object) -> None:
        if self._handle >= 0:
            os.close(self._handle)


class Rpc:
    """A client of one engine; safe for threads, each has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._numbers = itertools.count(1)

    def call(self, method: str, **parameters: Any) -> _Answer:
        """Call a method; raises EngineAway, and RpcError where the engine refuses."""
        answer = self._post(self._request(method, parameters))
        return _result(answer)

    def broadcast(self, raws: Sequence[bytes]) -> list[str | None]:
        """Hand transactions in; gives for each None or why it was not taken."""
        said: list[str | None] = []
        for at in range(0, len(raws), BROADCAST_AT_ONCE):
            part = raws[at : at + BROADCAST_AT_ONCE]
            requests = [
                self._request("broadcast_tx_async", {"tx": base64.b64encode(raw).decode()})
                for raw in part
            ]
            answers = _by_number(self._post(requests))
            said.extend(_problem(answers.get(each["id"])) for each in requests)
        return said

    def signed(self, height: int) -> Signed | None:
        """Give a decided block's header, evidence and commits; None where there is none yet.

        The answer to `block` has all transactions in it, so it is asked only for a block with
        evidence, and for the first one that the engine holds, whose last commit stands nowhere
        else.
        """
        try:
            with _shaped():
                return self._signed(height)
        except RpcError:
            return None

    def _signed(self, height: int) -> Signed:
        seen = self.call("commit", height=str(height))["signed_header"]
        header = block_json.header_from_json(seen["header"])
        last = self._last_commit(height)
        found: tuple[bytes, ...] = ()
        if last is None or header.evidence_hash != _NO_EVIDENCE:
            block = self.call("block", height=str(height))["block"]
            last = _commit(block["last_commit"])
            found = tuple(_evidence(each) for each in block["evidence"]["evidence"])
        return Signed(header, last, found, _commit(seen["commit"]))

    def _last_commit(self, height: int) -> Commit | None:
        """Give the commit that a block holds of the one before; None where only the block tells."""
        try:
            before = self.call("commit", height=str(height - 1))
        except RpcError:
            return None
        # Canonical: the one that the next block holds, not what this engine happened to see.
        return _commit(before["signed_header"]["commit"]) if before["canonical"] else None

    def validators(self, height: int) -> ValidatorSet:
        """Give the validators of a height, all pages of them."""
        try:
            with _shaped():
                return block_json.validators_from_json(self._validators(height))
        except RpcError as error:
            raise EngineAway(error.data) from error

    def _validators(self, height: int) -> list[_Answer]:
        found: list[_Answer] = []
        for page in itertools.count(1):
            answer = self.call(
                "validators", height=str(height), page=str(page), per_page=str(_PER_PAGE)
            )
            found.extend(answer["validators"])
            if len(found) >= int(answer["total"]) or not answer["validators"]:
                break
        return found

    def status(self) -> _Answer:
        """Tell how far the engine is."""
        return self.call("status")

    def close(self) -> None:
        """Close this thread's connection."""
        made = getattr(self._local, "connection", None)
        if made is not None:
            made.close()

    def _request(self, method: str, parameters: dict[str, Any]) -> _Answer:
        number = next(self._numbers)
        return {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}

    def _post(self, body: Any) -> Any:
        text = json.dumps(body).encode()
        for again in (False, True):
            made = getattr(self._local, "connection", None)
            if made is None:
                made = self._local.connection = _Connection(self._path)
            try:
                made.request("POST", "/", text, {"Content-Type": "application/json"})
                return json.loads(made.getresponse().read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                made.close()
                self._local.connection = None
                # A connection that the engine closed while idle is made anew, once.
                if again:
                    raise EngineAway(str(error)) from error
        raise EngineAway("unreachable")


@contextlib.contextmanager
def _shaped() -> Iterator[None]:
    """Take an answer of another shape for none: who waits for it asks again."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise EngineAway(f"an answer of another shape ({type(error).__name__})") from error


def _by_number(found: Any) -> dict[int, _Answer]:
    # A list of one request is answered without a list.
    answers = found if isinstance(found, list) else [found]
    return {
        each["id"]: each
        for each in answers
        if isinstance(each, dict) and isinstance(each.get("id"), int)
    }


def _problem(answer: _Answer | None) -> str | None:
    """Give why a request was not taken; None where it was."""
    if answer is None or not {"error", "result"} & answer.keys():
        return "the engine gave no answer"
    problem = answer.get("error")
    if isinstance(problem, dict):
        return str(problem.get("data") or problem.get("message"))
    return None if problem is None else str(problem)


def _result(answer: Any) -> _Answer:
    if not isinstance(answer, dict):
        raise EngineAway("an answer of another shape")
    problem = _problem(answer)
    if problem is not None:
        raise RpcError(problem)
    result = answer.get("result")
    if not isinstance(result, dict):
        raise EngineAway("an answer of another shape")
    return result


def _commit(value: Any) -> Commit:
    # The first block's last commit has no height, no block and no signatures.
    if int(value["height"]) == 0:
        return Commit(0, 0, BlockId(), ())
    return block_json.commit_from_json(evidence.with_absent(value))


def _evidence(value: Any) -> bytes:
    try:
        return evidence.from_json(value)
    except Refusal as refusal:
        raise EngineAway("evidence of an unknown kind") from refusal
