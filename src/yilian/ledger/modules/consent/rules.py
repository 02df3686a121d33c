"""What then happens in `consent`: one function per message, the only writer of its state."""

from __future__ import annotations

import msgspec

from yilian.ledger.module import Context
from yilian.ledger.modules.consent import errors, events, messages
from yilian.ledger.modules.consent.state import (
    ASK_LIMIT_MS,
    ASKS,
    CUSTODIANS,
    CUSTODIANS_LIMIT,
    CUSTODIANS_OF,
    EMERGENCIES,
    EMERGENCY_LIMIT_MS,
    GRANTS,
    SESSIONS,
    Ask,
    Custodian,
    Custodians,
    Emergency,
    Grant,
    Session,
    custodian,
    custodians_of,
)
from yilian.ledger.modules.governance.state import parameters
from yilian.ledger.modules.identity.state import (
    KEYS,
    SUBJECTS,
    home,
    require_licence,
    require_own_act,
    standing,
    subject,
)


def grant(context: Context, message: messages.Grant) -> None:
    """A person, or the custodian that acts for them, lets someone read."""
    _require_person(context)
    if GRANTS.has(context.state, message.grant):
        raise errors.ID_TAKEN(id=message.grant)
    if message.ends <= context.time:
        raise errors.BAD_PERIOD()
    by, countersigned = _acting(context)
    record = Grant(
        person=context.actor,
        terms=message.terms,
        starts=message.starts,
        ends=message.ends,
        since=context.height,
        by=by,
        countersigned=countersigned,
    )
    GRANTS.put(context.state, message.grant, record)
    context.emit(
        events.Granted(
            grant=message.grant, person=context.actor, starts=message.starts, ends=message.ends
        )
    )


def change(context: Context, message: messages.Change) -> None:
    """The person gives a standing grant new terms; who acts for them answers for those alone."""
    found = _require_unrevoked(context, message.grant)
    if found.ends <= context.time:
        raise errors.GRANT_ENDED(id=message.grant)
    if message.ends <= context.time:
        raise errors.BAD_PERIOD()
    by, countersigned = _acting(context)
    changed = msgspec.structs.replace(
        found,
        terms=message.terms,
        starts=message.starts,
        ends=message.ends,
        by=by,
        version=found.version + 1,
        countersigned=countersigned,
    )
    GRANTS.put(context.state, message.grant, changed)
    context.emit(
        events.Changed(
            grant=message.grant,
            person=found.person,
            version=changed.version,
            starts=message.starts,
            ends=message.ends,
        )
    )


def revoke(context: Context, message: messages.Revoke) -> None:
    """The person takes a grant back; nobody else can."""
    found = _require_unrevoked(context, message.grant)
    ended = msgspec.structs.replace(found, revoked=context.height)
    GRANTS.put(context.state, message.grant, ended)
    context.emit(events.Revoked(grant=message.grant, person=found.person))


def open_session(context: Context, message: messages.OpenSession) -> None:
    """A reader with a right to practise opens a session."""
    if context.sender is None or context.sender.kind in ("person", "device"):
        raise errors.MAY_NOT_READ()
    require_own_act(context)
    require_licence(context)
    if SESSIONS.has(context.state, message.session):
        raise errors.ID_TAKEN(id=message.session)
    if message.ends <= context.time:
        raise errors.BAD_PERIOD()
    limit = parameters(context.state).session_limit_ms
    if message.ends > context.time + limit:
        raise errors.SESSION_TOO_LONG(limit=limit)
    record = Session(
        reader=context.sender_id, terms=message.terms, opened=context.time, ends=message.ends
    )
    SESSIONS.put(context.state, message.session, record)
    context.emit(events.SessionOpened(session=message.session, ends=message.ends))


def close_session(context: Context, message: messages.CloseSession) -> None:
    """The reader ends its own session."""
    require_own_act(context)
    found = SESSIONS.get(context.state, message.session)
    if found is None:
        raise errors.UNKNOWN_SESSION(id=message.session)
    if found.reader != context.sender_id:
        raise errors.NOT_YOUR_SESSION(id=message.session)
    if found.closed is not None:
        raise errors.SESSION_ENDED(id=message.session)
    ended = msgspec.structs.replace(found, closed=context.height)
    SESSIONS.put(context.state, message.session, ended)
    context.emit(events.SessionClosed(session=message.session))


def ask(context: Context, message: messages.Ask) -> None:
    """Someone with a right to practise asks to read; of whom, the chain does not tell."""
    if context.sender is None or context.sender.kind in ("person", "device"):
        raise errors.MAY_NOT_ASK()
    require_own_act(context)
    require_licence(context)
    if ASKS.has(context.state, message.ask):
        raise errors.ID_TAKEN(id=message.ask)
    if message.ends <= context.time:
        raise errors.BAD_PERIOD()
    if message.ends > context.time + ASK_LIMIT_MS:
        raise errors.ASK_TOO_LONG(limit=ASK_LIMIT_MS)
    record = Ask(
        asker=context.sender_id, terms=message.terms, asked=context.time, ends=message.ends
    )
    ASKS.put(context.state, message.ask, record)
    context.emit(events.Asked(ask=message.ask, ends=message.ends))


def withdraw_ask(context: Context, message: messages.WithdrawAsk) -> None:
    """Who asked takes a waiting question back."""
    require_own_act(context)
    found = ASKS.get(context.state, message.ask)
    if found is None:
        raise errors.UNKNOWN_ASK(id=message.ask)
    if found.asker != context.sender_id:
        raise errors.NOT_YOUR_ASK(id=message.ask)
    if not found.open_at(context.time):
        raise errors.ASK_ENDED(id=message.ask)
    withdrawn = msgspec.structs.replace(found, withdrawn=context.height)
    ASKS.put(context.state, message.ask, withdrawn)
    context.emit(events.AskWithdrawn(ask=message.ask))


def name_custodian(context: Context, message: messages.NameCustodian) -> None:
    """A person names another who may act for them, and what for."""
    _require_person(context)
    person = context.actor
    _require_able(context, person, message.custodian)
    if message.ends <= context.time:
        raise errors.BAD_PERIOD()
    found = custodian(context.state, person, message.custodian)
    place = f"{person}/{message.custodian}"
    if found is not None and found.ends > context.time:
        context.unschedule(found.ends, "consent.end_custody", place)
    _list(context, person, message.custodian, on=True)
    entry = Custodian(
        on=True,
        powers=tuple(message.powers),
        ends=message.ends,
        since=context.height if found is None else found.since,
        changed=context.height,
    )
    CUSTODIANS.put(context.state, place, entry)
    context.schedule(message.ends, "consent.end_custody", place)
    context.emit(
        events.CustodianNamed(person=person, custodian=message.custodian, ends=message.ends)
    )


def switch_custodian(context: Context, message: messages.SwitchCustodian) -> None:
    """A person switches a custodian on or off; custodians switch themselves off alone."""
    person = context.actor if message.person is None else message.person
    if person == context.actor:
        _require_person(context)
    elif message.on or not context.actor == context.sender_id == message.custodian:
        raise errors.NOT_THE_PERSON()
    found = custodian(context.state, person, message.custodian)
    if found is None:
        raise errors.UNKNOWN_CUSTODIAN(id=message.custodian)
    if found.on == message.on:
        raise errors.ALREADY_SWITCHED(id=message.custodian)
    if message.on:
        _require_able(context, person, message.custodian)
        if found.ends <= context.time:
            raise errors.BAD_PERIOD()
    _switch(context, person, message.custodian, found, on=message.on)


def end_custody(context: Context, place: str) -> None:
    """Timer: a custodian's time is over; one named again since then goes on."""
    person, _, name = place.partition("/")
    found = CUSTODIANS.require(context.state, place)
    if found.on and found.ends <= context.time:
        _switch(context, person, name, found, on=False)


def break_glass(context: Context, message: messages.BreakGlass) -> None:
    """A licensed practitioner opens an emergency access; nobody else may."""
    if context.sender is None or context.sender.kind != "practitioner":
        raise errors.MAY_NOT_BREAK_GLASS()
    require_licence(context)
    if EMERGENCIES.has(context.state, message.access):
        raise errors.ID_TAKEN(id=message.access)
    if message.ends <= context.time:
        raise errors.BAD_PERIOD()
    if message.ends > context.time + EMERGENCY_LIMIT_MS:
        raise errors.EMERGENCY_TOO_LONG(limit=EMERGENCY_LIMIT_MS)
    record = Emergency(
        reader=context.sender_id,
        organisation=context.sender.organisation,
        terms=message.terms,
        opened=context.time,
        ends=message.ends,
    )
    EMERGENCIES.put(context.state, message.access, record)
    context.emit(
        events.GlassBroken(
            access=message.access,
            reader=record.reader,
            organisation=record.organisation,
            ends=message.ends,
        )
    )


def end_break_glass(context: Context, message: messages.EndBreakGlass) -> None:
    """The reader ends an emergency access that is still open."""
    found = _require_emergency(context, message.access)
    if found.reader != context.sender_id:
        raise errors.NOT_YOUR_EMERGENCY(id=message.access)
    if not found.open_at(context.time):
        raise errors.EMERGENCY_ENDED(id=message.access)
    ended = msgspec.structs.replace(found, closed=context.height)
    EMERGENCIES.put(context.state, message.access, ended)
    context.emit(events.GlassEnded(access=message.access))


def review_break_glass(context: Context, message: messages.ReviewBreakGlass) -> None:
    """The reader's organisation, a regulator or an authority judges an emergency access once."""
    require_own_act(context)
    found = _require_emergency(context, message.access)
    if not _may_review(context, found):
        raise errors.MAY_NOT_REVIEW(id=message.access)
    require_licence(context)
    if found.finding is not None:
        raise errors.ALREADY_REVIEWED(id=message.access)
    reviewed = msgspec.structs.replace(
        found, finding=message.finding, reviewer=context.sender_id, reasons=message.reasons
    )
    EMERGENCIES.put(context.state, message.access, reviewed)
    context.emit(
        events.GlassReviewed(
            access=message.access, reviewer=context.sender_id, finding=message.finding
        )
    )


def _require_person(context: Context) -> None:
    own = context.sender is not None and context.actor == context.sender_id
    person = context.sender if own else subject(context.state, context.actor)
    if person is None or person.kind != "person":
        raise errors.NOT_THE_PERSON()


def _require_unrevoked(context: Context, name: str) -> Grant:
    """Find the actor's own grant, unless it was taken back."""
    found = GRANTS.get(context.state, name)
    if found is None:
        raise errors.UNKNOWN_GRANT(id=name)
    if found.person != context.actor:
        raise errors.NOT_THE_PERSON()
    if found.revoked is not None:
        raise errors.ALREADY_REVOKED(id=name)
    return found


def _acting(context: Context) -> tuple[str | None, str | None]:
    """Give who acts for the person, and which other organisation signed that too, if any.

    Only organisations and their agents countersign: a custodian's staff may be a patient
    elsewhere. An organisation that vouches for the other, or is vouched for by it, is no other.
    """
    if context.sender is None or context.actor == context.sender_id:
        return None, None
    own = home(context.sender_id, context.sender)
    for name in context.signers[1:]:
        owner = KEYS.require(context.state, name).owner
        signer = standing(context.state, owner)
        if signer is None or signer.kind not in ("organisation", "agent"):
            continue
        other = home(owner, signer)
        vouching = {other, SUBJECTS.require(context.state, other).organisation}
        if own not in vouching and SUBJECTS.require(context.state, own).organisation != other:
            return context.sender_id, other
    return context.sender_id, None


def _require_able(context: Context, person: str, name: str) -> None:
    """Refuse as custodian all but another standing person of the same home with an own key."""
    found = standing(context.state, name)
    if (
        name == person
        or found is None
        or found.kind != "person"
        or found.custody
        or found.organisation != subject(context.state, person).organisation
    ):
        raise errors.NOT_A_CUSTODIAN(id=name)


def _list(context: Context, person: str, name: str, *, on: bool) -> None:
    """Note who is switched on; refuses too many."""
    names = [each for each in custodians_of(context.state, person) if each != name]
    if on:
        if len(names) >= CUSTODIANS_LIMIT:
            raise errors.TOO_MANY_CUSTODIANS(limit=CUSTODIANS_LIMIT)
        names.append(name)
    CUSTODIANS_OF.put(context.state, person, Custodians(tuple(sorted(names))))


def _switch(context: Context, person: str, name: str, found: Custodian, *, on: bool) -> None:
    _list(context, person, name, on=on)
    switched = msgspec.structs.replace(found, on=on, changed=context.height)
    CUSTODIANS.put(context.state, f"{person}/{name}", switched)
    context.emit(events.CustodianSwitched(person=person, custodian=name, on=on))


def _require_emergency(context: Context, name: str) -> Emergency:
    found = EMERGENCIES.get(context.state, name)
    if found is None:
        raise errors.UNKNOWN_EMERGENCY(id=name)
    return found


def _may_review(context: Context, found: Emergency) -> bool:
    sender = context.sender
    if sender is None or context.sender_id == found.reader or sender.kind in ("person", "device"):
        return False
    organisation = home(context.sender_id, sender)
    if organisation == found.organisation:
        return True
    kind = subject(context.state, organisation).organisation_kind
    return sender.kind in ("organisation", "agent") and kind in ("authority", "regulator")
