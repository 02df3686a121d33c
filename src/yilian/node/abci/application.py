"""The calls of ABCI 2.0, brought to the law: one method per request, bytes in and bytes out.

What the law answers is the same everywhere; what it cannot answer (an unknown call, a height out of
turn, a damaged store) is an `exception`, at which the engine stops itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from itertools import groupby

from yilian import __version__
from yilian.ledger import proto
from yilian.node.abci import messages
from yilian.node.abci.messages import CheckTx, Named
from yilian.node.cometbft import Consortium

_RECHECK = 1
QUERY_REFUSED = 1

log = logging.getLogger("yilian.node")

Answer = Callable[[proto.Fields], bytes]


class Application:
    """One chain's answers to its engine. Calls of consensus come one at a time."""

    def __init__(self, engine: Consortium) -> None:
        self._engine = engine
        self._consensus = threading.Lock()
        self._answers: dict[str, Answer] = {
            "echo": lambda fields: proto.chunk(1, fields.chunk(1)),
            "flush": lambda fields: b"",
            "info": self._info,
            "query": self._query,
            "check_tx": self._check_one,
            "init_chain": self._init_chain,
            "prepare_proposal": self._prepare,
            "process_proposal": self._process,
            "extend_vote": lambda fields: b"",
            "verify_vote_extension": self._verify_extension,
            "finalize_block": self._finalize,
            "commit": self._commit,
            "list_snapshots": self._list_snapshots,
            "offer_snapshot": self._offer_snapshot,
            "load_snapshot_chunk": self._load_chunk,
            "apply_snapshot_chunk": self._apply_chunk,
        }

    def connected(self) -> None:
        """Be told that an engine has connected that was not connected before."""
        self._engine.connected()

    def answer_all(self, requests: Sequence[bytes]) -> list[bytes]:
        """Answer what arrived together, in order; CheckTx that follow each other go as one list.

        A flush between them changes nothing, since all is sent at once. The last answer is an
        exception where a call failed, and then nothing follows it.
        """
        answers: list[bytes] = []
        waiting: list[CheckTx] = []
        places: list[int] = []
        try:
            for data in requests:
                if data == messages.FLUSH:
                    answers.append(messages.FLUSHED)
                    continue
                check = messages.check_request(data)
                if check is not None:
                    waiting.append(check)
                    places.append(len(answers))
                    answers.append(b"")
                    continue
                self._check(waiting, places, answers)
                waiting, places = [], []
                answers.append(self._answer(messages.request(data)))
            self._check(waiting, places, answers)
        except Exception as fault:
            log.exception("a call of the consensus engine failed")
            self._engine.failed(fault)
            if b"" in answers:
                del answers[answers.index(b"") :]
            answers.append(messages.exception(f"{type(fault).__name__}: {fault}"))
        return answers

    def _answer(self, named: Named) -> bytes:
        found = self._answers.get(named.name)
        if found is None:
            raise ValueError(f"a call that ABCI 2.0 of CometBFT v0.38 does not have: {named.name}")
        return messages.response(named.name, found(named.fields))

    def _check(
        self, waiting: Sequence[CheckTx], places: Sequence[int], answers: list[bytes]
    ) -> None:
        """Put the answers to CheckTx into their places."""
        at = iter(places)
        for again, group in groupby(waiting, lambda each: each.again):
            checked = self._engine.check([each.tx for each in group], again=again)
            for code, name, gas in checked:
                answers[next(at)] = messages.check_response(code, gas, name)

    def _check_one(self, fields: proto.Fields) -> bytes:
        """Answer a CheckTx that was written as the engine does not write it."""
        again = fields.number(2, _RECHECK) == _RECHECK
        code, name, gas = self._engine.check([fields.chunk(1)], again=again)[0]
        return messages.check_tx(code, gas, name)

    # -- queries -------------------------------------------------------------------------------

    def _info(self, fields: proto.Fields) -> bytes:
        height, app_hash, version = self._engine.info()
        return messages.info("yilian", __version__, version, height, app_hash)

    def _query(self, fields: proto.Fields) -> bytes:
        """The gateway is the only door: what it may show is not asked for here."""
        return proto.number(1, QUERY_REFUSED) + proto.chunk(3, b"ask the gateway")

    # -- consensus -----------------------------------------------------------------------------

    def _init_chain(self, fields: proto.Fields) -> bytes:
        validators = messages.first_validators(fields)
        chain = fields.chunk(2).decode("utf-8", "replace")
        with self._consensus:
            limits, app_hash = self._engine.init_chain(
                chain, fields.number(6, proto.INT64), validators
            )
        return messages.init_chain(limits, validators, app_hash)

    def _prepare(self, fields: proto.Fields) -> bytes:
        most = fields.number(1, proto.INT64)
        with self._consensus:
            chosen = self._engine.prepare(most, messages.time_of(fields, 6))
        return b"".join(proto.message(1, raw) for raw in chosen)

    def _process(self, fields: proto.Fields) -> bytes:
        with self._consensus:
            holds = self._engine.process(fields.every(1))
        return proto.number(1, messages.ACCEPT if holds else messages.REJECT)

    def _verify_extension(self, fields: proto.Fields) -> bytes:
        empty = not fields.chunk(4)
        return proto.number(1, messages.ACCEPT if empty else messages.REJECT)

    def _finalize(self, fields: proto.Fields) -> bytes:
        with self._consensus:
            applied = self._engine.finalize(messages.decision(fields))
            validators, limits = self._engine.changes(applied)
            results = self._engine.results(applied)
        return messages.finalize_block(results, validators, limits, applied.app_hash)

    def _commit(self, fields: proto.Fields) -> bytes:
        with self._consensus:
            return proto.number(3, self._engine.commit())

    # -- snapshots -----------------------------------------------------------------------------

    def _list_snapshots(self, fields: proto.Fields) -> bytes:
        found = self._engine.snapshots()
        return b"".join(proto.message(1, each.encode()) for each in found)

    def _offer_snapshot(self, fields: proto.Fields) -> bytes:
        with self._consensus:
            said = self._engine.offer(messages.snapshot(fields), fields.chunk(2))
        return proto.number(1, said)

    def _load_chunk(self, fields: proto.Fields) -> bytes:
        height, form = fields.number(1, proto.INT64), fields.number(2, proto.UINT32)
        return proto.chunk(1, self._engine.chunk(height, form, fields.number(3, proto.UINT32)))

    def _apply_chunk(self, fields: proto.Fields) -> bytes:
        index = fields.number(1, proto.UINT32)
        with self._consensus:
            said = self._engine.take_chunk(index, fields.chunk(2))
        if said != messages.CHUNK_RETRY:
            return proto.number(1, said)
        # The chunk is fetched again, and from somebody else.
        refetch = proto.message(2, proto.varint(index))
        return proto.number(1, said) + refetch + proto.message(3, fields.chunk(3))
