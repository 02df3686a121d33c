"""The registry: every capability, in one order, and the one union of all their messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from yilian.ledger.module import Event, Message, Module, Rule, Timer
from yilian.ledger.modules.care import events as care_events
from yilian.ledger.modules.care import messages as care_messages
from yilian.ledger.modules.care import rules as care_rules
from yilian.ledger.modules.care import state as care_state
from yilian.ledger.modules.consent import events as consent_events
from yilian.ledger.modules.consent import messages as consent_messages
from yilian.ledger.modules.consent import rules as consent_rules
from yilian.ledger.modules.consent import state as consent_state
from yilian.ledger.modules.governance import events as governance_events
from yilian.ledger.modules.governance import messages as governance_messages
from yilian.ledger.modules.governance import rules as governance_rules
from yilian.ledger.modules.governance import state as governance_state
from yilian.ledger.modules.identity import events as identity_events
from yilian.ledger.modules.identity import messages as identity_messages
from yilian.ledger.modules.identity import rules as identity_rules
from yilian.ledger.modules.identity import state as identity_state
from yilian.ledger.modules.records import events as records_events
from yilian.ledger.modules.records import messages as records_messages
from yilian.ledger.modules.records import rules as records_rules
from yilian.ledger.modules.records import state as records_state
from yilian.ledger.modules.supply import events as supply_events
from yilian.ledger.modules.supply import messages as supply_messages
from yilian.ledger.modules.supply import rules as supply_rules
from yilian.ledger.modules.supply import state as supply_state

MODULES: tuple[Module, ...] = (
    Module(
        "identity",
        messages=identity_messages.ALL,
        events=identity_events.ALL,
        rules=identity_rules,
        tables=identity_state.TABLES,
        timers={"recover": identity_rules.recover},
    ),
    Module(
        "governance",
        messages=governance_messages.ALL,
        events=governance_events.ALL,
        rules=governance_rules,
        tables=governance_state.TABLES,
        timers={"close": governance_rules.close},
    ),
    Module(
        "consent",
        messages=consent_messages.ALL,
        events=consent_events.ALL,
        rules=consent_rules,
        tables=consent_state.TABLES,
        timers={"end_custody": consent_rules.end_custody},
    ),
    Module(
        "records",
        messages=records_messages.ALL,
        events=records_events.ALL,
        rules=records_rules,
        tables=records_state.TABLES,
    ),
    Module(
        "care",
        messages=care_messages.ALL,
        events=care_events.ALL,
        rules=care_rules,
        tables=care_state.TABLES,
    ),
    Module(
        "supply",
        messages=supply_messages.ALL,
        events=supply_events.ALL,
        rules=supply_rules,
        tables=supply_state.TABLES,
    ),
)

RULES: dict[type[Message], Rule] = {
    message: rule for module in MODULES for message, rule in module.rules.items()
}
TIMERS: dict[str, Timer] = {
    f"{module.name}.{name}": timer for module in MODULES for name, timer in module.timers.items()
}

if TYPE_CHECKING:
    AnyMessage = Message
    AnyEvent = Event
else:
    AnyMessage = Union[tuple(RULES)]  # noqa: UP007
    AnyEvent = Union[tuple(event for module in MODULES for event in module.events)]  # noqa: UP007

__all__ = ["MODULES", "RULES", "TIMERS", "AnyEvent", "AnyMessage", "Event", "Message"]
