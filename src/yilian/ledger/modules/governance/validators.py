"""Validators as state: who votes in consensus, with which key and power, and who loses it.

CometBFT must never be given a key twice, a removal of a key that it does not hold, or an empty set:
each of the three stops a chain for good (v0.38, `types/validator_set.go`). So a key that was named
stays noted by its address, and no rule here takes the last validator away.
"""

from __future__ import annotations

import msgspec

from yilian.ledger import codec
from yilian.ledger.block import MAX_TOTAL_POWER, Validator
from yilian.ledger.errors import KEY_REFUSED
from yilian.ledger.keys import SIGNATURES
from yilian.ledger.module import Context, Misbehaviour
from yilian.ledger.modules.governance import errors, events
from yilian.ledger.modules.governance.state import (
    MISDEEDS,
    NAMED_VALIDATORS,
    VALIDATOR_KEYS,
    VALIDATORS,
    ActiveValidator,
    Misdeed,
    NamedValidator,
    Punishment,
    ValidatorKey,
    active_validators,
    parameters,
)
from yilian.ledger.modules.identity.errors import BAD_PROOF
from yilian.ledger.state import State

MOST_VALIDATORS = 200
MOST_POWER = 1_000_000
PROOF_DOMAIN = "yilian/validator-proof/1"


def key_proof(chain: str, organisation: str, public: str) -> bytes:
    """Give the text that a validator's key signs, to prove that its holder names it.

    `public` is base64url of the 32 bytes. The text is JSON, which no vote or proposal of CometBFT
    is (their second byte is 0x08), so the signature is good for nothing else.
    """
    text = {
        "chain": chain,
        "domain": PROOF_DOMAIN,
        "organisation": organisation,
        "public": public,
    }
    return codec.encode(text)


def name(context: Context, organisation: str, public: str, proof: str) -> None:
    """Write an organisation's key; refuses a key without proof, and one that was named before.

    The key obeys the rule of transactions (libsodium's), whatever suites the profile lists, since
    CometBFT votes with Ed25519 alone.
    """
    suite, key = SIGNATURES["ed25519"], codec.to_bytes(public)
    if not suite.admit(key):
        raise KEY_REFUSED()
    text = key_proof(context.chain, organisation, public)
    if not suite.verify(key, text, codec.to_bytes(proof)):
        raise BAD_PROOF()
    active = active_of(context.state, organisation)
    _take_key(context, organisation, public)
    _retire_key(context, organisation)
    NAMED_VALIDATORS.put(context.state, organisation, NamedValidator(public))
    context.emit(events.ValidatorNamed(organisation=organisation, public=public))
    if active is not None:
        _end(context, active)
        _set(context, organisation, public, active.power)


def first(context: Context, public: str, power: int, organisation: str | None) -> None:
    """Write a validator of genesis; refuses a weak key."""
    if not SIGNATURES["ed25519"].admit(codec.to_bytes(public)):
        raise KEY_REFUSED()
    _take_key(context, organisation, public)
    if organisation is not None:
        NAMED_VALIDATORS.put(context.state, organisation, NamedValidator(public))
    _set(context, organisation, public, power)


def end_nobodys(context: Context) -> None:
    """Take out the embedded engine's own validator, where members' validators go on without it."""
    for each in active_validators(context.state):
        if each.organisation is None:
            _end(context, each)
            _close_key(context, each.public)


def require_possible(state: State, organisation: str, power: int) -> None:
    """Refuse a power that cannot be given: no key, no change, no room, or nobody left."""
    if not NAMED_VALIDATORS.has(state, organisation):
        raise errors.NO_VALIDATOR_KEY(id=organisation)
    active = active_of(state, organisation)
    if power == (0 if active is None else active.power):
        raise errors.POWER_UNCHANGED(id=organisation)
    if power == 0:
        require_not_last(state, organisation)
        return
    others = [each for each in active_validators(state) if each.organisation != organisation]
    if len(others) >= MOST_VALIDATORS:
        raise errors.TOO_MANY_VALIDATORS(limit=MOST_VALIDATORS)
    if sum(each.power for each in others) + power > MAX_TOTAL_POWER:
        raise errors.TOO_MUCH_POWER()


def require_not_last(state: State, organisation: str) -> None:
    """Refuse to take away the only validator there is."""
    if active_of(state, organisation) is not None and len(active_validators(state)) == 1:
        raise errors.LAST_VALIDATOR(id=organisation)


def give_power(context: Context, organisation: str, power: int) -> None:
    """Give the organisation's key a power that `require_possible` allowed."""
    if power == 0:
        retire(context, organisation)
        return
    named = NAMED_VALIDATORS.require(context.state, organisation)
    _set(context, organisation, named.public, power)


def retire(context: Context, organisation: str) -> None:
    """End an organisation's validator and its key, where it has one."""
    active = active_of(context.state, organisation)
    if NAMED_VALIDATORS.has(context.state, organisation):
        _retire_key(context, organisation)
        NAMED_VALIDATORS.remove(context.state, organisation)
    if active is not None:
        _end(context, active)


def punish(context: Context, proved: Misbehaviour) -> None:
    """The block's own work: record a misdeed once, and take power from its validator.

    A key that votes no more is recorded and nobody pays for it: an organisation that replaced a
    stolen key must not lose its new one by what a thief signs with the old.
    """
    address = proved.address.hex()
    place = f"{address}/{proved.height:016d}/{proved.kind}"
    if MISDEEDS.has(context.state, place):
        return
    key = VALIDATOR_KEYS.get(context.state, address)
    active = None if key is None else VALIDATORS.get(context.state, _hex(key.public))
    keeps = parameters(context.state).misbehaviour_keeps_percent
    left = 0 if active is None else active.power * keeps // 100
    outcome: Punishment
    if active is None:
        outcome = "past"
    elif left == 0 and len(active_validators(context.state)) == 1:
        outcome, left = "spared", active.power
    elif left == active.power:
        outcome = "kept"
    else:
        outcome = "reduced" if left else "removed"
        _take_power(context, active, left)
    organisation = None if key is None else key.organisation
    misdeed = Misdeed(
        organisation=organisation,
        time=proved.time,
        power=proved.power,
        recorded=context.height,
        outcome=outcome,
    )
    MISDEEDS.put(context.state, place, misdeed)
    context.emit(
        events.Misbehaved(
            organisation=organisation,
            address=codec.to_text(proved.address),
            height=proved.height,
            kind=proved.kind,
            outcome=outcome,
            power=left,
        )
    )


def active_of(state: State, organisation: str) -> ActiveValidator | None:
    """Find an organisation's validator with power."""
    named = NAMED_VALIDATORS.get(state, organisation)
    return None if named is None else VALIDATORS.get(state, _hex(named.public))


def _take_power(context: Context, active: ActiveValidator, left: int) -> None:
    if active.organisation is None:
        if left:
            _put(context, msgspec.structs.replace(active, power=left))
        else:
            VALIDATORS.remove(context.state, _hex(active.public))
            _close_key(context, active.public)
    else:
        give_power(context, active.organisation, left)


def _take_key(context: Context, organisation: str | None, public: str) -> None:
    place = _address(public)
    if VALIDATOR_KEYS.has(context.state, place):
        raise errors.VALIDATOR_KEY_USED(public=public)
    noted = ValidatorKey(organisation=organisation, public=public, since=context.height)
    VALIDATOR_KEYS.put(context.state, place, noted)


def _retire_key(context: Context, organisation: str) -> None:
    named = NAMED_VALIDATORS.get(context.state, organisation)
    if named is not None:
        _close_key(context, named.public)


def _close_key(context: Context, public: str) -> None:
    place = _address(public)
    noted = VALIDATOR_KEYS.require(context.state, place)
    VALIDATOR_KEYS.put(context.state, place, msgspec.structs.replace(noted, until=context.height))


def _set(context: Context, organisation: str | None, public: str, power: int) -> None:
    held = VALIDATORS.get(context.state, _hex(public))
    since = context.height if held is None else held.since
    _put(
        context,
        ActiveValidator(organisation=organisation, public=public, power=power, since=since),
    )
    if organisation is not None:
        changed = events.ValidatorChanged(organisation=organisation, public=public, power=power)
        context.emit(changed)


def _put(context: Context, validator: ActiveValidator) -> None:
    VALIDATORS.put(context.state, _hex(validator.public), validator)


def _end(context: Context, active: ActiveValidator) -> None:
    VALIDATORS.remove(context.state, _hex(active.public))
    if active.organisation is not None:
        ended = events.ValidatorChanged(
            organisation=active.organisation, public=active.public, power=0
        )
        context.emit(ended)


def _hex(public: str) -> str:
    return codec.to_bytes(public).hex()


def _address(public: str) -> str:
    return Validator(codec.to_bytes(public), 0).address.hex()
