"""The front door of the law: `check` a transaction, `apply_block` a block.

A `Machine` holds the chain's suites, a reader of committed state and the state tree. It reads
nothing else: time comes with the block, and what a block writes is handed back, not written. The
node makes it durable and then calls `adopt`.

Refusals come in two kinds. Those found before the signatures are known to be the sender's (wrong
chain, expired, unknown key, bad signature, spent nonce) change nothing at all; a proposer never
includes them. All others spend the nonce, so that a refused transaction can never take effect
later, and count against the quota of the payer where it is one that answers for the sender.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from yilian.ledger import codec, errors
from yilian.ledger.errors import InvariantBroken, LawUnknown, Refusal
from yilian.ledger.genesis import Genesis, write_first_state, write_promoted_state
from yilian.ledger.keys import PublicKey, Suites, sha256
from yilian.ledger.module import Context, Event, Misbehaviour, read_timer_key
from yilian.ledger.modules import RULES, TIMERS
from yilian.ledger.modules.consent.errors import NO_SUCH_POWER
from yilian.ledger.modules.consent.state import custodian
from yilian.ledger.modules.governance import state as governance
from yilian.ledger.modules.governance.rules import enter_law
from yilian.ledger.modules.governance.updates import (
    ConsensusChange,
    consensus_change,
    validator_changes,
)
from yilian.ledger.modules.governance.validators import punish
from yilian.ledger.modules.identity import state as identity
from yilian.ledger.modules.identity.errors import NOT_CUSTODIAN
from yilian.ledger.spending import Spending
from yilian.ledger.state import Changes, Reader, State, changes_roles
from yilian.ledger.transaction import Body, Envelope, decode
from yilian.ledger.tree import Tree, View

TIMERS_PER_BLOCK = 1_000
_KNOWN = 50_000

Fault = Callable[[BaseException], None]


class Result(msgspec.Struct, frozen=True):
    """What became of one transaction: a code (0 is accepted), gas, and its events as JSON text."""

    code: int
    gas: int
    events: bytes = b"[]"
    parameters: dict[str, int | str] = {}

    def data(self) -> bytes:
        """Give the hash of the events, which the block's results commit to."""
        return sha256(self.events) if self.code == errors.OK else b""


class Applied:
    """What a block did: results, timer events, changes of state, and the staged tree.

    `timer_events` are the block's own: a new law, misbehaviour, timers. `before` is what the
    changed keys held until then. `validators` are the changed ones, (key, new power) by key;
    `consensus` is None where neither a block's limits nor the law changed.
    """

    __slots__ = (
        "before",
        "changes",
        "consensus",
        "height",
        "results",
        "time",
        "timer_events",
        "validators",
        "view",
    )

    def __init__(
        self,
        height: int,
        time: int,
        results: list[Result],
        timer_events: bytes,
        changes: Changes,
        view: View,
        before: Changes,
    ) -> None:
        self.height = height
        self.time = time
        self.results = results
        self.timer_events = timer_events
        self.changes = changes
        self.view = view
        self.before = before
        self.validators: tuple[tuple[bytes, int], ...] = ()
        self.consensus: ConsensusChange | None = None

    @property
    def app_hash(self) -> bytes:
        """Give the root of the state after the block."""
        return self.view.root


class _Roles(NamedTuple):
    """Who a transaction's sender is and what it may use, all of it found in order.

    It holds as long as no identity, membership or parameter changes (`Machine._epoch`).
    """

    epoch: int
    signing: list[PublicKey]
    sender: identity.Subject
    expiry_limit: int
    payer_quota: int
    person_quota: int | None


class Machine:
    """The law of one chain over one copy of its state."""

    def __init__(
        self, genesis: Genesis, reader: Reader, tree: Tree, on_fault: Fault | None = None
    ) -> None:
        self.genesis = genesis
        self.suites = Suites(genesis.profile)
        self.reader = reader
        self.tree = tree
        self._on_fault = on_fault
        self._known: dict[bytes, Envelope] = {}
        self._actors: dict[tuple[str | None, ...], _Roles] = {}
        self._epoch = 0

    # -- the front door ------------------------------------------------------------------------

    def first_state(self) -> Applied:
        """Give what genesis writes, as of height 0: nothing yet where an older chain's state comes.

        That state is restored from a snapshot, and then `promoted_state` makes it this chain's.
        """
        state = State(self.reader)
        if self.genesis.promoted_from() is None:
            write_first_state(state, self.genesis, self.suites)
        return self._applied(state, 0, self.genesis.time, [], b"[]")

    def promoted_state(self) -> Applied:
        """Give what genesis changes in the state that an older chain left, as of its last height.

        Refuses what `write_promoted_state` does.
        """
        state = State(self.reader)
        write_promoted_state(state, self.genesis)
        height = self.genesis.first_height() - 1
        return self._applied(state, height, self.genesis.time, [], b"[]")

    def check(self, raw: bytes, now: int) -> Envelope:
        """Tell whether a transaction may wait for a block; raises the `Refusal` otherwise.

        `now` (ms) is the later of the last block's time and the node's clock. The order is: size
        and form, then what state says, then the signatures, which cost most.
        """
        envelope, signing = self.precheck(raw, now)
        envelope.require_signatures(signing)
        self.remember(envelope)
        return envelope

    def precheck(self, raw: bytes, now: int) -> tuple[Envelope, list[PublicKey]]:
        """Do all of `check` but the signatures; gives the keys that they must verify under."""
        envelope = self._known.get(sha256(raw))
        if envelope is None:
            envelope = decode(raw)
        body, state, epoch = envelope.body, State(self.reader), self._epoch
        _require_law(state, body)
        spending = Spending(state, now)
        actors = (body.sender, body.payer, body.on_behalf_of, *body.signers)
        roles = self._actors.get(actors)
        if roles is None or roles.epoch != epoch:
            signing = self._signing_keys(state, body, now)
            spending.require_unspent(body)
            roles = self._roles(state, body, now, signing, epoch)
            if len(self._actors) >= _KNOWN:
                self._actors.clear()
            self._actors[actors] = roles
        else:
            self._require_timely(body, now)
            spending.require_unspent(body, roles.person_quota is not None)
            if body.expires > now + roles.expiry_limit:
                raise errors.EXPIRES_TOO_LATE(limit=roles.expiry_limit)
        _charge(spending, roles, body)
        _require_powers(state, body, roles.sender, now)
        for message in body.messages:
            message.check()
        if envelope.gas > governance.parameters(state).block_max_gas:
            raise errors.OUT_OF_GAS(limit=governance.parameters(state).block_max_gas)
        envelope.roles = roles
        return envelope, roles.signing

    def remember(self, envelope: Envelope) -> None:
        """Keep a decoded transaction and its verdicts for the block that will hold it."""
        if len(self._known) >= _KNOWN:
            for old in list(self._known)[: _KNOWN // 4]:
                del self._known[old]
        self._known[envelope.hash] = envelope

    def apply_block(
        self,
        height: int,
        time: int,
        transactions: Sequence[bytes],
        misbehaviour: Sequence[Misbehaviour] = (),
    ) -> Applied:
        """Run what a block holds: a new law, misbehaviour, due timers, and then its transactions.

        The result is the same everywhere. `time` is the block's time in ms. A block with nothing of
        all this changes nothing. Raises only what must stop the node, among it `LawUnknown` before
        anything is done.
        """
        state = State(self.reader)
        version = governance.law(state).at(height)
        if version not in governance.LAWS_KNOWN:
            raise LawUnknown(version, height)
        own = self._own_work(state, height, time, misbehaviour)
        timer_events = codec.encode(own + self._run_timers(state, height, time))
        spending = Spending(state, time)
        if transactions:
            spending.sweep(self.reader, len(transactions))
        results = [self._apply(state, spending, height, time, raw) for raw in transactions]
        spending.write()
        return self._applied(state, height, time, results, timer_events)

    def adopt(self, applied: Applied) -> None:
        """Make an applied block the committed state; the node has written it durably."""
        self.tree.adopt(applied.view)
        if changes_roles(applied.changes):
            self._epoch += 1

    def forget(self, hashes: Iterable[bytes]) -> None:
        """Drop remembered transactions that a block has taken."""
        for each in hashes:
            self._known.pop(each, None)

    def next_due(self) -> int | None:
        """Give the time (ms) at which the earliest timer asks for a block, or None."""
        for key, _ in self.reader.scan(b"timer/"):
            return read_timer_key(key)[0]
        return None

    # -- one transaction -----------------------------------------------------------------------

    def _apply(
        self, state: State, spending: Spending, height: int, time: int, raw: bytes
    ) -> Result:
        gas = len(raw)
        try:
            # What `check` remembers was judged under this law or an earlier one.
            envelope = self._known.get(sha256(raw)) or decode(raw, governance.law_version(state))
            gas = envelope.gas
            body = envelope.body
            roles = self._known_roles(state, envelope, time)
            signing = self._signing_keys(state, body, time) if roles is None else roles.signing
            envelope.require_signatures(signing)
            person = None if roles is None else roles.person_quota is not None
            spending.require_unspent(body, person)
        except Refusal as refusal:
            return Result(refusal.code.number, gas, b"[]", refusal.parameters)
        spending.spend(body)
        try:
            if roles is None:
                roles = self._roles(state, body, time, signing, self._epoch)
            _charge(spending, roles, body)
            events = self._run(state, body, roles, height, time)
        except Refusal as refusal:
            state.drop()
            return Result(refusal.code.number, gas, b"[]", refusal.parameters)
        except (MemoryError, RecursionError, OSError, InvariantBroken):
            raise
        except Exception as fault:
            state.drop()
            if self._on_fault is not None:
                self._on_fault(fault)
            return Result(errors.INTERNAL.number, gas)
        state.keep()
        return Result(errors.OK, gas, events)

    def _run(self, state: State, body: Body, roles: _Roles, height: int, time: int) -> bytes:
        context = Context(
            state,
            self.suites,
            time=time,
            height=height,
            sender_id=body.sender,
            sender=roles.sender,
            actor=body.sender if body.on_behalf_of is None else body.on_behalf_of,
            payer=body.payer,
            signers=tuple(body.signers),
            chain=self.genesis.chain,
        )
        for message in body.messages:
            message.check()
        _require_powers(state, body, roles.sender, time)
        for message in body.messages:
            RULES[type(message)](context, message)
        return codec.encode(context.events)

    def _known_roles(self, state: State, envelope: Envelope, time: int) -> _Roles | None:
        """Give what `check` found out about who acts, where nothing of it can have changed."""
        roles: _Roles | None = envelope.roles
        if (
            roles is None
            or roles.epoch != self._epoch
            or state.roles_changed
            or not time < envelope.body.expires <= time + roles.expiry_limit
        ):
            return None
        return roles

    def _require_timely(self, body: Body, now: int) -> None:
        if body.chain != self.genesis.chain:
            raise errors.WRONG_CHAIN(chain=self.genesis.chain)
        if body.expires <= now:
            raise errors.EXPIRED(expires=body.expires)

    def _signing_keys(self, state: State, body: Body, now: int) -> list[PublicKey]:
        self._require_timely(body, now)
        signing = []
        for index, name in enumerate(body.signers):
            key = identity.KEYS.get(state, name)
            if key is None:
                raise errors.UNKNOWN_KEY(key=name)
            if index == 0 and key.owner != body.sender:
                raise errors.SENDER_NOT_SIGNER()
            signing.append(key.public_key())
        return signing

    def _roles(
        self, state: State, body: Body, time: int, signing: list[PublicKey], epoch: int
    ) -> _Roles:
        """Refuse revoked keys, ended senders and payers, and acting for whom one may not."""
        rule = governance.parameters(state)
        if body.expires > time + rule.expiry_limit_ms:
            raise errors.EXPIRES_TOO_LATE(limit=rule.expiry_limit_ms)
        owners = []
        for name in body.signers:
            key = identity.KEYS.require(state, name)
            if key.until is not None:
                raise errors.KEY_REVOKED(key=name)
            owners.append(key.owner)
        sender = identity.standing(state, body.sender)
        if sender is None:
            raise errors.SENDER_INACTIVE()
        if body.payer != identity.home(body.sender, sender) and body.payer not in owners:
            raise errors.PAYER_NOT_RESPONSIBLE()
        payer = identity.standing(state, body.payer)
        if payer is None or payer.kind != "organisation":
            raise errors.PAYER_INACTIVE()
        _require_custody(state, body, sender)
        return _Roles(
            epoch,
            signing,
            sender,
            rule.expiry_limit_ms,
            governance.quota(state, body.payer),
            rule.person_quota if sender.kind == "person" else None,
        )

    # -- the block's own work ------------------------------------------------------------------

    def _own_work(
        self, state: State, height: int, time: int, misbehaviour: Sequence[Misbehaviour]
    ) -> list[Event]:
        context = Context(state, self.suites, time=time, height=height)
        enter_law(context)
        state.keep()
        events = context.events
        for each in misbehaviour:
            events += self._attempt(state, height, time, partial(punish, proved=each))
        return events

    def _attempt(
        self, state: State, height: int, time: int, work: Callable[[Context], None]
    ) -> list[Event]:
        """Do a piece of the block's own work; one that fails leaves nothing and is told."""
        context = Context(state, self.suites, time=time, height=height)
        try:
            work(context)
        except (MemoryError, RecursionError, OSError, InvariantBroken):
            raise
        except Exception as fault:
            state.drop()
            if self._on_fault is not None:
                self._on_fault(fault)
            return []
        state.keep()
        return context.events

    def _applied(
        self, state: State, height: int, time: int, results: list[Result], timer_events: bytes
    ) -> Applied:
        changes, before = state.changes(), state.before()
        applied = Applied(
            height, time, results, timer_events, changes, self.tree.stage(changes), before
        )
        if state.roles_changed:
            applied.validators = validator_changes(changes, before)
            applied.consensus = consensus_change(changes, State(self.reader), state)
        return applied

    def _run_timers(self, state: State, height: int, time: int) -> list[Event]:
        due_now: list[bytes] = []
        for key, _ in self.reader.scan(b"timer/"):
            if len(due_now) == TIMERS_PER_BLOCK or read_timer_key(key)[0] > time:
                break
            due_now.append(key)
        events: list[Event] = []
        for key in due_now:
            if state.get(key) is None:
                continue
            _, name, subject = read_timer_key(key)
            state.remove(key)
            state.keep()
            events += self._attempt(state, height, time, partial(_run_timer, name, subject))
        return events


def _run_timer(name: str, subject: str, context: Context) -> None:
    TIMERS[name](context, subject)


def _require_law(state: State, body: Body) -> None:
    """Refuse what a later law brings, before nodes are given what not all of them can read."""
    needed = max(message.law for message in body.messages)
    if needed == 1:
        return
    law = governance.law(state)
    if needed <= law.version:
        return
    if law.next is not None and law.height is not None and needed <= law.next:
        raise errors.NOT_YET_ACTIVE(height=law.height)
    raise errors.LAW_TOO_OLD(version=needed)


def _charge(spending: Spending, roles: _Roles, body: Body) -> None:
    spending.charge(body.payer, roles.payer_quota)
    if roles.person_quota is not None:
        spending.charge_person(body.sender, roles.person_quota)


def _require_custody(state: State, body: Body, sender: identity.Subject) -> None:
    """Refuse acting for a person whom the sender's organisation does not keep in custody.

    A person acts for another while switched on as custodian; the end of that time is a timer's
    work, since what is found here is remembered until an identity or a custodian changes.
    """
    if body.on_behalf_of is None:
        return
    if sender.kind == "person":
        entry = custodian(state, body.on_behalf_of, body.sender)
        if entry is None or not entry.on:
            raise NOT_CUSTODIAN(id=body.on_behalf_of)
        return
    person = identity.SUBJECTS.get(state, body.on_behalf_of)
    if (
        person is None
        or person.kind != "person"
        or not person.custody
        or person.organisation != identity.home(body.sender, sender)
        or sender.kind not in ("organisation", "agent")
    ):
        raise NOT_CUSTODIAN(id=body.on_behalf_of)


def _require_powers(state: State, body: Body, sender: identity.Subject, time: int) -> None:
    """Refuse what a person sends for another beyond the powers that this other gave."""
    if body.on_behalf_of is None or sender.kind != "person":
        return
    entry = custodian(state, body.on_behalf_of, body.sender)
    if entry is None or not entry.stands(time):
        raise NOT_CUSTODIAN(id=body.on_behalf_of)
    for message in body.messages:
        if message.power not in entry.powers:
            raise NO_SUCH_POWER(id=body.on_behalf_of)
