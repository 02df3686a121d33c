"""What then happens in `governance`: one function per message, the only writer of its state."""

from __future__ import annotations

import msgspec

from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.module import Context
from yilian.ledger.modules.governance import errors, events, messages, validators
from yilian.ledger.modules.governance.state import (
    BOUNDS,
    LAW_OF_PARAMETER,
    MEMBERS,
    PROPOSALS,
    QUOTAS,
    TICKS,
    LastTick,
    Law,
    Member,
    Outcome,
    Parameters,
    Proposal,
    Quota,
    is_member,
    law,
    law_version,
    members,
    parameters,
    set_law,
    set_members,
    set_parameters,
)
from yilian.ledger.modules.identity.rules import end_subject
from yilian.ledger.modules.identity.state import (
    SUBJECTS,
    require_own_act,
    speaking_for,
    standing,
)

NOTICE_HEIGHTS = 10
"""An upgrade lies more than this many blocks ahead, so that every node hears of it first."""

TICK_MS = 1_000
"""Under law 2, the least block time between two ticks."""


def propose(context: Context, message: messages.Propose) -> None:
    """A member opens a proposal and approves it; it may carry at once."""
    member = _require_member(context)
    if PROPOSALS.has(context.state, message.proposal):
        raise errors.ID_TAKEN(id=message.proposal)
    _require_possible(context, message.action)
    proposal = Proposal(
        action=message.action,
        proposer=member,
        closes=context.time + parameters(context.state).proposal_open_ms,
        approved=(member,),
    )
    context.emit(
        events.Proposed(
            proposal=message.proposal,
            proposer=member,
            action=str(message.action.__struct_config__.tag),
        )
    )
    context.schedule(proposal.closes, "governance.close", message.proposal)
    _settle(context, message.proposal, proposal)


def vote(context: Context, message: messages.Vote) -> None:
    """A member votes once; the proposal closes as soon as its outcome is certain."""
    member = _require_member(context)
    proposal = _require_open(context, message.proposal)
    if member in proposal.approved or member in proposal.opposed:
        raise errors.ALREADY_VOTED(id=message.proposal)
    if message.approve:
        proposal = msgspec.structs.replace(proposal, approved=(*proposal.approved, member))
    else:
        proposal = msgspec.structs.replace(proposal, opposed=(*proposal.opposed, member))
    context.emit(events.Voted(proposal=message.proposal, member=member, approve=message.approve))
    _settle(context, message.proposal, proposal)


def withdraw(context: Context, message: messages.Withdraw) -> None:
    """The proposer takes an open proposal back."""
    member = _require_member(context)
    proposal = _require_open(context, message.proposal)
    if proposal.proposer != member:
        raise errors.NOT_PROPOSER(id=message.proposal)
    _close(context, message.proposal, proposal, "withdrawn")


def name_validator(context: Context, message: messages.NameValidator) -> None:
    """An organisation names the key it validates with; power it has passes to that key at once."""
    require_own_act(context)
    organisation = speaking_for(context)
    if context.sender is None or context.sender.kind != "organisation":
        raise errors.NOT_THE_ORGANISATION()
    validators.name(context, organisation, message.public, message.proof)


def tick(context: Context, _: messages.Tick) -> None:
    """An organisation or its agent asks for a block; from law 2 on at most one a second."""
    require_own_act(context)
    organisation = speaking_for(context)
    if law_version(context.state) >= 2:
        last = TICKS.get(context.state, "last")
        if last is not None and context.time - last.time < TICK_MS:
            raise errors.TICK_TOO_SOON(limit=TICK_MS)
        TICKS.put(context.state, "last", LastTick(context.time))
    context.emit(events.Ticked(organisation=organisation))


def enter_law(context: Context) -> None:
    """The block's own work: the version that holds from this height on takes over."""
    held = law(context.state)
    version = held.at(context.height)
    if version != held.version:
        set_law(context.state, Law(version=version))
        context.emit(events.LawChanged(version=version))


def close(context: Context, name: str) -> None:
    """Timer: an open proposal lapses at its end."""
    proposal = PROPOSALS.require(context.state, name)
    if proposal.status == "open":
        _finish(context, name, proposal, "lapsed")


def admit(context: Context, organisation: str) -> None:
    """Write a new member; also how genesis writes the first ones."""
    subject = SUBJECTS.require(context.state, organisation)
    own = msgspec.structs.replace(subject, organisation=organisation)
    SUBJECTS.put(context.state, organisation, own)
    MEMBERS.put(context.state, organisation, Member(since=context.height))
    set_members(context.state, (*members(context.state), organisation))
    context.emit(events.MemberAdmitted(organisation=organisation))


def require_bounds(rule: Parameters, version: int) -> None:
    """Refuse parameters that no vote under a law could set; also how genesis is judged.

    The share of votes that carries is fixed by genesis: at least a half, and less than all.
    """
    for name, bounds in BOUNDS.items():
        value = getattr(rule, name)
        if value is msgspec.UNSET:
            continue
        if version < LAW_OF_PARAMETER.get(name, 1):
            raise errors.UNKNOWN_PARAMETER(name=name)
        _require_within(name, value, bounds)
    least, most = (rule.vote_denominator + 1) // 2, rule.vote_denominator - 1
    _require_within("vote_numerator", rule.vote_numerator, (least, most))


def _require_within(name: str, value: int, bounds: tuple[int, int]) -> None:
    least, most = bounds
    if not least <= value <= most:
        raise errors.OUT_OF_BOUNDS(name=name, least=least, most=most)


def _require_member(context: Context) -> str:
    organisation = speaking_for(context)
    if context.sender is None or context.sender.kind != "organisation":
        raise errors.NOT_A_MEMBER()
    if not is_member(context.state, organisation):
        raise errors.NOT_A_MEMBER()
    return organisation


def _require_open(context: Context, name: str) -> Proposal:
    proposal = PROPOSALS.get(context.state, name)
    if proposal is None:
        raise errors.UNKNOWN_PROPOSAL(id=name)
    if proposal.status != "open" or context.time >= proposal.closes:
        raise errors.PROPOSAL_CLOSED(id=name)
    return proposal


def _require_possible(context: Context, action: messages.Action) -> None:
    if isinstance(action, messages.AdmitMember):
        found = standing(context.state, action.organisation)
        if found is None or found.kind != "organisation":
            raise errors.UNKNOWN_ORGANISATION(id=action.organisation)
        if is_member(context.state, action.organisation):
            raise errors.ALREADY_MEMBER(id=action.organisation)
    elif isinstance(action, messages.RemoveMember):
        if not is_member(context.state, action.organisation):
            raise errors.UNKNOWN_ORGANISATION(id=action.organisation)
        validators.require_not_last(context.state, action.organisation)
    elif isinstance(action, messages.SetValidator):
        if not is_member(context.state, action.organisation):
            raise errors.UNKNOWN_ORGANISATION(id=action.organisation)
        _require_within("power", action.power, (0, validators.MOST_POWER))
        validators.require_possible(context.state, action.organisation, action.power)
    elif isinstance(action, messages.Upgrade):
        following = law_version(context.state) + 1
        _require_within("version", action.version, (following, following))
        least = context.height + NOTICE_HEIGHTS + 1
        _require_within("height", action.height, (least, codec.MAX_INTEGER))
    elif isinstance(action, messages.SetQuota):
        found = SUBJECTS.get(context.state, action.organisation)
        if found is None or found.kind != "organisation":
            raise errors.UNKNOWN_ORGANISATION(id=action.organisation)
    elif isinstance(action, messages.SetParameter):
        bounds = BOUNDS.get(action.name)
        if bounds is None or law_version(context.state) < LAW_OF_PARAMETER.get(action.name, 1):
            raise errors.UNKNOWN_PARAMETER(name=action.name)
        _require_within(action.name, action.value, bounds)


def _possible(context: Context, action: messages.Action) -> bool:
    """Tell whether an action still makes sense when its vote ends (a member may have gone)."""
    try:
        _require_possible(context, action)
    except Refusal:
        return False
    return True


def _settle(context: Context, name: str, proposal: Proposal) -> None:
    """Carry or fail a proposal whose outcome is certain, else keep it open.

    A removal is decided by the others, and never by one of them alone.
    """
    electorate = set(members(context.state))
    least = 1
    if isinstance(proposal.action, messages.RemoveMember):
        electorate.discard(proposal.action.organisation)
        least = 2
    rule = parameters(context.state)
    approved = sum(1 for each in proposal.approved if each in electorate)
    opposed = sum(1 for each in proposal.opposed if each in electorate)
    needed = max(least, len(electorate) * rule.vote_numerator // rule.vote_denominator + 1)
    if approved >= needed:
        if not _possible(context, proposal.action):
            _close(context, name, proposal, "failed")
            return
        _close(context, name, proposal, "carried")
        _execute(context, proposal.action)
    elif len(electorate) - opposed < needed:
        _close(context, name, proposal, "failed")
    else:
        PROPOSALS.put(context.state, name, proposal)


def _close(context: Context, name: str, proposal: Proposal, outcome: Outcome) -> None:
    context.unschedule(proposal.closes, "governance.close", name)
    _finish(context, name, proposal, outcome)


def _finish(context: Context, name: str, proposal: Proposal, outcome: Outcome) -> None:
    ended = msgspec.structs.replace(proposal, status=outcome)
    PROPOSALS.put(context.state, name, ended)
    context.emit(events.Closed(proposal=name, outcome=outcome))


def _execute(context: Context, action: messages.Action) -> None:
    if isinstance(action, messages.AdmitMember):
        admit(context, action.organisation)
    elif isinstance(action, messages.RemoveMember):
        MEMBERS.remove(context.state, action.organisation)
        rest = tuple(each for each in members(context.state) if each != action.organisation)
        set_members(context.state, rest)
        validators.retire(context, action.organisation)
        end_subject(context, action.organisation)
        context.emit(events.MemberRemoved(organisation=action.organisation))
    elif isinstance(action, messages.SetValidator):
        validators.give_power(context, action.organisation, action.power)
    elif isinstance(action, messages.Upgrade):
        held = law(context.state)
        changed_law = msgspec.structs.replace(held, next=action.version, height=action.height)
        set_law(context.state, changed_law)
        context.emit(events.UpgradeScheduled(version=action.version, height=action.height))
    elif isinstance(action, messages.SetQuota):
        QUOTAS.put(context.state, action.organisation, Quota(action.limit))
        context.emit(events.QuotaSet(organisation=action.organisation, limit=action.limit))
    elif isinstance(action, messages.SetParameter):
        changed = msgspec.structs.replace(parameters(context.state), **{action.name: action.value})
        set_parameters(context.state, changed)
        context.emit(events.ParameterSet(name=action.name, value=action.value))
