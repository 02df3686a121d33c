"""Who comes next: pending transactions, fair between payers, with a share kept for the urgent.

Pure bookkeeping, used by both engines: both keep here what waits, the embedded one for its next
block, a CometBFT proposer for its next proposal. What enters has passed `Machine.check`.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence

from yilian.ledger.errors import ALREADY_PENDING, NONCE_SPENT, TOO_MANY_PENDING
from yilian.ledger.modules.governance.state import Parameters
from yilian.ledger.transaction import Envelope

_Lane = OrderedDict[str, deque[Envelope]]


class Queue:
    """Pending transactions by payer, in two lanes: urgent and ordinary."""

    def __init__(self) -> None:
        self._lanes: tuple[_Lane, _Lane] = (OrderedDict(), OrderedDict())
        self._pending: dict[bytes, Envelope] = {}
        self._nonces: set[tuple[str, str]] = set()
        self._by_payer: dict[tuple[str, bool], int] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def __contains__(self, transaction_hash: bytes) -> bool:
        return transaction_hash in self._pending

    def find(self, transaction_hash: bytes) -> Envelope | None:
        """Give a pending transaction."""
        return self._pending.get(transaction_hash)

    def pending_of(self, payer: str) -> int:
        """Count what a payer has waiting."""
        return self._by_payer.get((payer, False), 0) + self._by_payer.get((payer, True), 0)

    def add(self, envelope: Envelope, limit: int) -> None:
        """Let a checked transaction wait; refuses repeats and a payer above `limit`.

        Urgent ones are counted apart: a hospital whose machines hand in too much must not keep its
        patients from revoking.
        """
        body = envelope.body
        if envelope.hash in self._pending:
            raise ALREADY_PENDING()
        if (body.sender, body.nonce) in self._nonces:
            raise NONCE_SPENT()
        line = (body.payer, urgent(envelope))
        waiting = self._by_payer.get(line, 0)
        if waiting >= limit:
            raise TOO_MANY_PENDING(limit=limit)
        self._by_payer[line] = waiting + 1
        self._pending[envelope.hash] = envelope
        self._nonces.add((body.sender, body.nonce))
        lane = self._lanes[0 if line[1] else 1]
        lane.setdefault(body.payer, deque()).append(envelope)

    def take(self, rule: Parameters, most: int) -> list[Envelope]:
        """Take the next block's transactions: at most `most`, within byte, gas and payer limits.

        Urgent ones come first within their reserved share; then payers take turns, none above its
        share of the block while another waits; what room is left is filled in the same order.
        """
        room = _Room(rule.block_max_bytes, rule.block_max_gas, most)
        urgent_room = room.share(rule.urgent_share_percent)
        taken = self._turns(self._lanes[0], urgent_room, None)
        room.used(taken)
        cap = room.share(rule.block_payer_share_percent)
        for lane, each in ((1, cap), (0, None), (1, None)):
            taken.extend(self._turns(self._lanes[lane], room, each))
        return taken

    def give_back(self, taken: Sequence[Envelope]) -> None:
        """Put what `take` gave in front again, in its order, where its proposal was not decided."""
        for envelope in reversed(taken):
            if self._waits(envelope):
                lane = self._lanes[0 if urgent(envelope) else 1]
                lane.setdefault(envelope.body.payer, deque()).appendleft(envelope)
                lane.move_to_end(envelope.body.payer, last=False)

    def waiting(self) -> list[Envelope]:
        """List all that is pending, in the order in which it came."""
        return list(self._pending.values())

    def settle(self, taken: Iterable[Envelope]) -> None:
        """Forget what a block took, by whomever proposed, and what was thrown out.

        Until then it counts as pending, so that the same text cannot enter a second time.
        """
        for envelope in taken:
            if self._pending.pop(envelope.hash, None) is None:
                continue
            self._nonces.discard((envelope.body.sender, envelope.body.nonce))
            line = (envelope.body.payer, urgent(envelope))
            left = self._by_payer[line] - 1
            if left:
                self._by_payer[line] = left
            else:
                del self._by_payer[line]

    def has_waiting(self) -> bool:
        """Tell whether anything waits that `take` has not given yet."""
        return any(self._lanes)

    def _waits(self, envelope: Envelope) -> bool:
        # The same text may have been settled and have come again: then it waits at its new place.
        return self._pending.get(envelope.hash) is envelope

    def _turns(self, lane: _Lane, room: _Room, cap: _Room | None) -> list[Envelope]:
        taken: list[Envelope] = []
        caps: dict[str, _Room] = {}
        turn = deque(lane)
        while turn:
            payer = turn.popleft()
            line = lane[payer]
            # What another member's proposal took is dropped when its turn comes.
            while line and not self._waits(line[0]):
                line.popleft()
            if line:
                own = caps.setdefault(payer, cap.copy()) if cap is not None else None
                if room.fits(line[0]) and (own is None or own.fits(line[0])):
                    envelope = line.popleft()
                    room.use(envelope)
                    if own is not None:
                        own.use(envelope)
                    taken.append(envelope)
                    turn.append(payer)
            if not line:
                del lane[payer]
                if turn and turn[-1] == payer:
                    turn.pop()
        return taken


class _Room:
    """What still fits: bytes, gas and a count."""

    __slots__ = ("count", "gas", "size")

    def __init__(self, size: int, gas: int, count: int) -> None:
        self.size = size
        self.gas = gas
        self.count = count

    def share(self, percent: int) -> _Room:
        return _Room(
            self.size * percent // 100,
            self.gas * percent // 100,
            max(1, self.count * percent // 100),
        )

    def copy(self) -> _Room:
        return _Room(self.size, self.gas, self.count)

    def fits(self, envelope: Envelope) -> bool:
        return len(envelope.raw) <= self.size and envelope.gas <= self.gas and self.count > 0

    def use(self, envelope: Envelope) -> None:
        self.size -= len(envelope.raw)
        self.gas -= envelope.gas
        self.count -= 1

    def used(self, envelopes: Iterable[Envelope]) -> None:
        for envelope in envelopes:
            self.use(envelope)


def urgent(envelope: Envelope) -> bool:
    """Tell whether all a transaction asks is urgent; mixing does not jump the queue."""
    return all(message.urgent for message in envelope.body.messages)
