"""A counter whose connection is down: what it scans is kept in a file, and handed in later.

The counter writes one line per action, each signed with the counter's own key and bound to the
line before it, so that none can be changed, left out or moved. Lines are carried out in their
order, with their own times; a line that was handed in before is answered as then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert

from yilian.gateway.supply.action_errors import (
    QUEUE_FORKED,
    QUEUE_GAP,
    QUEUE_UNSIGNED,
    UnitsRefused,
)
from yilian.gateway.supply.actions import Actions
from yilian.gateway.supply.alerts import Alerts, Detail
from yilian.gateway.supply.database import SupplyDatabase, table
from yilian.gateway.supply.orders import INTERNAL, ActionName, Done, Order
from yilian.ledger import codec, keys
from yilian.ledger.errors import MALFORMED, Refusal
from yilian.vault import durable

DOMAIN = b"yilian/supply-queue/1\n"
"""Before the bytes of a line that its key signs."""

FIRST = codec.to_text(bytes(32))
"""What the first line names as the one before it."""

MAX_LINES = 1000
"""Lines handed in at once."""


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One action of a counter: the `number`th since it began (from 1), after line `previous`.

    `counter` is the id of its key on the chain; `previous` is the SHA-256 of the line before.
    """

    counter: codec.Id
    number: codec.Positive
    previous: codec.Digest
    action: ActionName
    order: Order


class SignedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line, and the signature of the counter's key over its canonical bytes."""

    line: Line
    signature: codec.Binary


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a line: `done`, or the name of the refusal and its parameters.

    `units` has the refusals by unit, as (unit, name).
    """

    number: int
    done: Done | None = None
    refused: str | None = None
    parameters: dict[str, int | str] = {}
    units: tuple[tuple[str, str], ...] = ()
    replayed: bool = False


@dataclass(frozen=True)
class _LineRow:
    counter: str
    number: int
    digest: bytes
    answer: bytes


_lines = table("supply_queue_lines", _LineRow, ("counter", "number"))

KeyOf = Callable[[str], keys.PublicKey | None]


def line_digest(line: SignedLine) -> str:
    """Give the SHA-256 of a signed line, which the next one names."""
    return codec.to_text(keys.sha256(codec.encode(line)))


def signed_bytes(line: Line) -> bytes:
    """Give what a counter's key signs."""
    return DOMAIN + codec.encode(line)


class CounterFile:
    """The queue at the counter: a file of lines that is only ever added to. One process at a time.

    A line is on the disk when `add` returns. A line that was cut off by a crash was not
    acknowledged, and is dropped at the next start.
    """

    def __init__(self, path: Path, counter: str, sign: Callable[[bytes], bytes]) -> None:
        """`counter` is the id of the key that `sign` signs with."""
        self._path = path
        self._counter = counter
        self._sign = sign
        durable.touch(path)
        whole, _, cut = path.read_bytes().rpartition(b"\n")
        if cut:
            with path.open("r+b") as file:
                file.truncate(len(whole) + 1 if whole else 0)
                os.fsync(file.fileno())
        self._last = self.lines()[-1:]

    def lines(self) -> list[SignedLine]:
        """Read all lines, the oldest first; refuses `malformed` for a damaged file."""
        return [codec.decode(each, SignedLine) for each in self._path.read_bytes().splitlines()]

    def add(self, action: ActionName, order: Order) -> SignedLine:
        """Put an action at the end of the queue; `order.at` says when it was done."""
        if order.at is None:
            raise ValueError("an action in a queue has its own time")
        last = self._last[-1] if self._last else None
        line = Line(
            counter=self._counter,
            number=1 if last is None else last.line.number + 1,
            previous=FIRST if last is None else line_digest(last),
            action=action,
            order=order,
        )
        made = SignedLine(line=line, signature=codec.to_text(self._sign(signed_bytes(line))))
        with self._path.open("ab") as file:
            file.write(codec.encode(made) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._last = [made]
        return made


class Queue:
    """Takes in what counters did while they were alone."""

    def __init__(
        self, database: SupplyDatabase, actions: Actions, alerts: Alerts, key_of: KeyOf
    ) -> None:
        """`key_of` gives a key that may sign for this organisation now, by its id."""
        self._database = database
        self._actions = actions
        self._alerts = alerts
        self._key_of = key_of

    def hand_in(self, lines: Sequence[SignedLine], who: str) -> list[Answer]:
        """Carry out the lines of one counter in their order; every line has its answer.

        Lines that are here already are answered as they were. Refuses `supply.queue_unsigned`,
        `supply.queue_gap` and `supply.queue_forked`, and then none of these lines was carried out;
        `malformed` for lines of several counters.
        """
        if not lines or len({each.line.counter for each in lines}) > 1:
            raise MALFORMED()
        self._require(lines)
        return [self._answer(each, who) for each in lines]

    def expected(self, counter: str) -> int:
        """Give the number of the line that a counter hands in next."""
        with self._database.read() as connection:
            return self._last(counter, connection)[0] + 1

    def _require(self, lines: Sequence[SignedLine]) -> None:
        counter = lines[0].line.counter
        key = self._key_of(counter)
        with self._database.read() as connection:
            number, tip = self._last(counter, connection)
            known = self._known(counter, [each.line.number for each in lines], connection)
        for each in lines:
            line = each.line
            if key is None or not _is_signed(each, key):
                raise QUEUE_UNSIGNED(number=line.number)
            digest = line_digest(each)
            if line.order.at is None or line.action in INTERNAL:
                raise MALFORMED()
            if line.number <= number:
                before = known.get(line.number)
                if before is None or before.digest != codec.to_bytes(digest):
                    raise QUEUE_FORKED(number=line.number)
                continue
            if line.number != number + 1:
                raise QUEUE_GAP(expected=number + 1)
            if line.previous != tip:
                raise QUEUE_FORKED(number=line.number)
            number, tip = line.number, digest

    def _answer(self, signed: SignedLine, who: str) -> Answer:
        line = signed.line
        with self._database.read() as connection:
            known = self._known(line.counter, [line.number], connection).get(line.number)
        if known is not None:
            before = msgspec.json.decode(known.answer, type=Answer)
            return msgspec.structs.replace(before, replayed=True)
        try:
            answer = Answer(
                number=line.number, done=self._actions.carry_out(line.action, line.order, who)
            )
        except Refusal as refusal:
            answer = _refused(line.number, refusal)
        row = _LineRow(
            line.counter,
            line.number,
            codec.to_bytes(line_digest(signed)),
            codec.encode(answer),
        )
        with self._database.write() as connection:
            connection.execute(insert(_lines).values(**vars(row)).on_conflict_do_nothing())
            if answer.refused is not None:
                self._conflict(line, answer, connection)
        return answer

    def _conflict(self, line: Line, answer: Answer, connection: sql.Connection) -> None:
        """Tell people of what was done at a counter and cannot be true here."""
        for unit, name in answer.units:
            detail = Detail(f"action/{line.order.key}", line.action, name)
            self._alerts.raise_("queue_conflict", "error", unit, detail, connection)

    def _last(self, counter: str, connection: sql.Connection) -> tuple[int, str]:
        query = (
            sql.select(_lines.c.number, _lines.c.digest)
            .where(_lines.c.counter == counter)
            .order_by(_lines.c.number.desc())
            .limit(1)
        )
        row = connection.execute(query).first()
        return (0, FIRST) if row is None else (int(row.number), codec.to_text(row.digest))

    def _known(
        self, counter: str, numbers: Sequence[int], connection: sql.Connection
    ) -> dict[int, _LineRow]:
        query = sql.select(_lines).where(
            _lines.c.counter == counter, _lines.c.number.between(min(numbers), max(numbers))
        )
        return {int(row.number): _LineRow(*row) for row in connection.execute(query)}


def _is_signed(signed: SignedLine, key: keys.PublicKey) -> bool:
    try:
        return keys.verify(key, signed_bytes(signed.line), codec.to_bytes(signed.signature))
    except (Refusal, KeyError):
        return False


def _refused(number: int, refusal: Refusal) -> Answer:
    refused = refusal.refused if isinstance(refusal, UnitsRefused) else (refusal,)
    units = tuple(
        (str(each.parameters["unit"]), each.code.name)
        for each in refused
        if "unit" in each.parameters
    )
    return Answer(
        number=number, refused=refusal.code.name, parameters=refusal.parameters, units=units
    )
