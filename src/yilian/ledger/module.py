"""What a capability is made of: messages, events, rules and timers, and what a rule is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from yilian.ledger.keys import Suites
from yilian.ledger.state import State, Table

if TYPE_CHECKING:
    from yilian.ledger.modules.identity.state import Subject

_TIMER = "timer/"


class Message(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    kw_only=True,
    tag_field="type",
):
    """What may be asked: an imperative with its parameters, checked without looking at state."""

    urgent: ClassVar[bool] = False
    """True for what no flood may delay (revoke, rotate, break glass): it has a reserved share."""

    machine_only: ClassVar[bool] = False
    """True for what only programs send, so that no page of the portal offers it."""

    law: ClassVar[int] = 1
    """The version of the law from which it may be asked; before that no node can read it."""

    power: ClassVar[str | None] = None
    """What a custodian must be entitled to, to send this for a person; None: no custodian may."""

    def check(self) -> None:
        """Refuse contradictions that need no state to be seen."""


class Event(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    kw_only=True,
    tag_field="type",
):
    """What is announced: a past participle with ids, commitments and public facts only."""


class Misbehaviour(msgspec.Struct, frozen=True):
    """What consensus proved against a validator: ABCI 2.0, `tendermint.abci.Misbehavior`.

    `address` has 20 bytes; `height` and `time` (ms) are those of the misdeed; `power` is what the
    validator held then.
    """

    kind: Literal["duplicate_vote", "light_client_attack"]
    address: bytes
    height: int
    time: int
    power: int


class Context:
    """What a rule is given: state, block time, and who asks at whose expense."""

    __slots__ = (
        "actor",
        "chain",
        "events",
        "height",
        "payer",
        "sender",
        "sender_id",
        "signers",
        "state",
        "suites",
        "time",
        "transaction",
    )

    def __init__(
        self,
        state: State,
        suites: Suites,
        *,
        time: int,
        height: int,
        sender_id: str = "",
        sender: Subject | None = None,
        actor: str = "",
        payer: str = "",
        signers: tuple[str, ...] = (),
        transaction: str = "",
        chain: str = "",
    ) -> None:
        self.state = state
        self.suites = suites
        self.time = time
        self.height = height
        self.sender_id = sender_id
        self.sender = sender
        self.actor = actor
        self.payer = payer
        self.signers = signers
        self.transaction = transaction
        self.chain = chain
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Announce what happened."""
        self.events.append(event)

    def schedule(self, due: int, name: str, subject: str) -> None:
        """Have the timer `name` run for `subject` in the first block at or after `due` (ms)."""
        self.state.put(timer_key(due, name, subject), b"{}")

    def unschedule(self, due: int, name: str, subject: str) -> None:
        """Call off a timer that was set with the same three values."""
        self.state.remove(timer_key(due, name, subject))


def timer_key(due: int, name: str, subject: str) -> bytes:
    """Write the state key of a timer, so that key order is order of time."""
    return f"{_TIMER}{due:016d}/{name}/{subject}".encode("ascii")


def read_timer_key(key: bytes) -> tuple[int, str, str]:
    """Read a timer's due time, name and subject from its state key."""
    due, name, subject = key[len(_TIMER) :].decode("ascii").split("/", 2)
    return int(due), name, subject


def capability(name: str) -> Callable[[str], str]:
    """Give the tag of a class in a capability: `consent` and `Grant` make `consent.Grant`."""
    return lambda class_name: f"{name}.{class_name}"


def snake_case(name: str) -> str:
    """Write a class name as its rule is named: `AnchorBatch` becomes `anchor_batch`."""
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()  # ascii: a class name


Rule = Callable[[Context, Any], None]
Timer = Callable[[Context, str], None]


class Module:
    """One capability as the registry knows it."""

    def __init__(
        self,
        name: str,
        *,
        messages: tuple[type[Message], ...],
        events: tuple[type[Event], ...],
        rules: ModuleType,
        tables: tuple[Table[Any], ...],
        timers: Mapping[str, Timer] | None = None,
    ) -> None:
        self.name = name
        self.messages = messages
        self.events = events
        self.tables = tables
        self.timers = dict(timers or {})
        self.rules: dict[type[Message], Rule] = {
            each: getattr(rules, snake_case(each.__name__)) for each in messages
        }
