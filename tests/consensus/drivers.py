"""Two ways to call a member's law as an engine does: by Python calls, and by the bytes of ABCI.

Both answer in the same plain terms, so that a consortium whose members are driven in different
ways must agree all the same. `Refused` is what an engine would take as a reason to stop itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from tests.consensus import encoding
from tests.consensus.encoding import Fault, chunk, chunks, integer, proto3, timestamp, write
from yilian.node.abci.application import Application
from yilian.node.abci.messages import Decision, Limits, ValidatorUpdate
from yilian.node.abci.messages import Fault as Told
from yilian.node.cometbft import Consortium

NEW, RECHECK = 0, 1
ACCEPT, REJECT = 1, 2
MILLI = 10**6
_KINDS: dict[int, Literal["duplicate_vote", "light_client_attack"]] = {
    1: "duplicate_vote",
    2: "light_client_attack",
}


class Refused(Exception):
    """A call was answered by an exception."""


class Start(NamedTuple):
    """What InitChain answers."""

    limits: tuple[int, int, int]
    validators: tuple[tuple[bytes, int], ...]
    app_hash: bytes


class Call(NamedTuple):
    """What FinalizeBlock asks; time in nanoseconds."""

    height: int
    time: int
    hash: bytes
    txs: tuple[bytes, ...]
    faults: tuple[Fault, ...] = ()
    next_validators_hash: bytes = b""
    proposer: bytes = b""


class Finalized(NamedTuple):
    """What FinalizeBlock answers: results are (code, data, gas wanted, gas used)."""

    app_hash: bytes
    results: tuple[tuple[int, bytes, int, int], ...]
    validators: tuple[tuple[bytes, int], ...]
    limits: tuple[int, int, int] | None


class Driver(Protocol):
    """The calls of one engine to its application."""

    def info(self) -> tuple[int, bytes]:
        """Give height and app hash of the last commit."""

    def init_chain(
        self, chain: str, time: int, height: int, validators: Sequence[tuple[bytes, int]]
    ) -> Start:
        """Begin the chain."""

    def check(self, raws: Sequence[bytes], kind: int = NEW) -> list[int]:
        """Give a code for each transaction."""

    def prepare(self, raws: Sequence[bytes], most: int, height: int, time: int) -> list[bytes]:
        """Give the transactions of a proposal."""

    def process(self, raws: Sequence[bytes], height: int, time: int) -> bool:
        """Tell whether a proposal is accepted."""

    def finalize(self, call: Call) -> Finalized:
        """Have a decided block worked out."""

    def commit(self) -> int:
        """Have it written; gives the height from which blocks must be kept."""


class Direct:
    """Calls the methods of `Consortium`."""

    def __init__(self, engine: Consortium) -> None:
        self._engine = engine

    def info(self) -> tuple[int, bytes]:
        height, app_hash, _ = self._engine.info()
        return height, app_hash

    def init_chain(
        self, chain: str, time: int, height: int, validators: Sequence[tuple[bytes, int]]
    ) -> Start:
        updates = [ValidatorUpdate(*each) for each in validators]
        try:
            limits, app_hash = self._engine.init_chain(chain, height, updates)
        except Exception as error:
            raise Refused(str(error)) from error
        return Start(_limits(limits), tuple(validators), app_hash)

    def check(self, raws: Sequence[bytes], kind: int = NEW) -> list[int]:
        return [each.code for each in self._engine.check(raws, again=kind == RECHECK)]

    def prepare(self, raws: Sequence[bytes], most: int, height: int, time: int) -> list[bytes]:
        return self._engine.prepare(most, time)

    def process(self, raws: Sequence[bytes], height: int, time: int) -> bool:
        return self._engine.process(raws)

    def finalize(self, call: Call) -> Finalized:
        faults = tuple(
            Told(_KINDS[each.kind], each.address, each.height, each.time, each.power)
            for each in call.faults
        )
        decision = Decision(call.height, call.time, call.hash, call.txs, faults)
        try:
            applied = self._engine.finalize(decision)
        except Exception as error:
            raise Refused(str(error)) from error
        validators, limits = self._engine.changes(applied)
        return Finalized(
            applied.app_hash,
            tuple(
                (each.code, each.data, each.gas, each.gas) for each in self._engine.results(applied)
            ),
            tuple((each.public_key, each.power) for each in validators),
            None if limits is None else _limits(limits),
        )

    def commit(self) -> int:
        try:
            return self._engine.commit()
        except Exception as error:
            raise Refused(str(error)) from error


class Bytes:
    """Sends requests as an engine writes them, and reads the answers with a reader of its own."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def info(self) -> tuple[int, bytes]:
        body = proto3((1, "0.38.25"), (2, 11), (3, 8), (4, "2.0.0"))
        answer = self._ask("info", body)
        return integer(answer, 4), chunk(answer, 5)

    def init_chain(
        self, chain: str, time: int, height: int, validators: Sequence[tuple[bytes, int]]
    ) -> Start:
        body = write(
            (1, timestamp(time)),
            (2, chain),
            (3, encoding.parameters(22_020_096, -1, 0)),
            *((4, encoding.validator_update(*each)) for each in validators),
            (5, b'{"genesis":"00"}'),
            (6, height),
        )
        answer = self._ask("init_chain", body)
        limits = _read_limits(chunk(answer, 1))
        assert limits is not None
        return Start(limits, _read_validators(chunks(answer, 2)), chunk(answer, 3))

    def check(self, raws: Sequence[bytes], kind: int = NEW) -> list[int]:
        asked = [encoding.request("check_tx", proto3((1, raw), (2, kind))) for raw in raws] + [
            encoding.request("flush")
        ]
        answers = [encoding.response(each) for each in self._application.answer_all(asked)]
        names = [name for name, _ in answers]
        assert names == ["check_tx"] * len(raws) + ["flush"], names
        return [integer(answer, 1) for _, answer in answers[:-1]]

    def prepare(self, raws: Sequence[bytes], most: int, height: int, time: int) -> list[bytes]:
        body = proto3((1, most)) + encoding.transactions(raws, 2)
        body += write((3, b""), (5, height), (6, timestamp(time)), (7, bytes(32)), (8, bytes(20)))
        return chunks(self._ask("prepare_proposal", body), 1)

    def process(self, raws: Sequence[bytes], height: int, time: int) -> bool:
        body = encoding.transactions(raws) + write((2, b""), (4, bytes(32)), (5, height))
        body += write((6, timestamp(time)), (7, bytes(32)), (8, bytes(20)))
        status = integer(self._ask("process_proposal", body), 1)
        assert status in (ACCEPT, REJECT)
        return status == ACCEPT

    def finalize(self, call: Call) -> Finalized:
        body = encoding.transactions(call.txs) + write(
            (2, b""),
            *((3, encoding.misbehavior(each)) for each in call.faults),
            (4, call.hash),
            (5, call.height),
            (6, timestamp(call.time)),
            (7, call.next_validators_hash),
            (8, call.proposer),
        )
        answer = self._ask("finalize_block", body)
        results = [encoding.parse(each) for each in chunks(answer, 2)]
        return Finalized(
            chunk(answer, 5),
            tuple(
                (integer(each, 1), chunk(each, 2), integer(each, 5), integer(each, 6))
                for each in results
            ),
            _read_validators(chunks(answer, 3)),
            _read_limits(chunk(answer, 4)),
        )

    def commit(self) -> int:
        return integer(self._ask("commit", b""), 3)

    def snapshots(self) -> list[encoding.Snapshot]:
        """List the snapshots that the node offers."""
        answer = self._ask("list_snapshots", b"")
        return [encoding.read_snapshot(each) for each in chunks(answer, 1)]

    def offer(self, snapshot: encoding.Snapshot, app_hash: bytes) -> int:
        """Offer a snapshot; gives the result's number."""
        body = write((1, encoding.snapshot(snapshot)), (2, app_hash))
        return integer(self._ask("offer_snapshot", body), 1)

    def load(self, height: int, form: int, index: int) -> bytes:
        """Fetch a chunk; empty where there is none."""
        body = proto3((1, height), (2, form), (3, index))
        return chunk(self._ask("load_snapshot_chunk", body), 1)

    def apply(self, index: int, data: bytes, sender: str) -> tuple[int, list[int], list[bytes]]:
        """Hand a chunk in; gives the result, what to fetch again, and whom to leave."""
        body = proto3((1, index), (2, data), (3, sender))
        answer = self._ask("apply_snapshot_chunk", body)
        return integer(answer, 1), list(chunk(answer, 2)), chunks(answer, 3)

    def _ask(self, name: str, body: bytes) -> encoding.Message:
        asked = [encoding.request(name, body), encoding.request("flush")]
        answers = [encoding.response(each) for each in self._application.answer_all(asked)]
        said, answer = answers[0]
        if said == "exception":
            assert len(answers) == 1
            raise Refused(chunk(answer, 1).decode())
        assert [each for each, _ in answers] == [name, "flush"]
        return answer


def _limits(limits: Limits) -> tuple[int, int, int]:
    return limits.max_bytes, limits.max_gas, limits.app_version


def _read_limits(data: bytes) -> tuple[int, int, int] | None:
    if not data:
        return None
    found = encoding.parse(data)
    assert set(found) == {1, 4}, "sections that the law does not set must be left out"
    block, version = encoding.parse(chunk(found, 1)), encoding.parse(chunk(found, 4))
    return integer(block, 1), integer(block, 2), integer(version, 1)


def _read_validators(found: Sequence[bytes]) -> tuple[tuple[bytes, int], ...]:
    validators = []
    for each in found:
        update = encoding.parse(each)
        validators.append((chunk(encoding.parse(chunk(update, 1)), 1), integer(update, 2)))
    return tuple(validators)
