"""What then happens in `consent`: one function per message, the only writer of its state."""

from __future__ import annotations

import msgspec

from yilian.ledger.module import Context
from yilian.ledger.modules.consent import errors, events, messages
from yilian.ledger.modules.consent.state import GRANTS, SESSIONS, Grant, Session
from yilian.ledger.modules.governance.state import parameters
from yilian.ledger.modules.identity.state import require_licence, subject


def grant(context: Context, message: messages.Grant) -> None:
    """A person, or the custodian that acts for them, lets someone read."""
    own = context.sender is not None and context.actor == context.sender_id
    person = context.sender if own else subject(context.state, context.actor)
    if person is None or person.kind != "person":
        raise errors.NOT_THE_PERSON()
    if GRANTS.has(context.state, message.grant):
        raise errors.ID_TAKEN(id=message.grant)
    if message.ends <= context.time:
        raise errors.BAD_PERIOD()
    record = Grant(
        person=context.actor,
        terms=message.terms,
        starts=message.starts,
        ends=message.ends,
        since=context.height,
    )
    GRANTS.put(context.state, message.grant, record)
    context.emit(
        events.Granted(
            grant=message.grant, person=context.actor, starts=message.starts, ends=message.ends
        )
    )


def revoke(context: Context, message: messages.Revoke) -> None:
    """The person takes a grant back; nobody else can."""
    found = GRANTS.get(context.state, message.grant)
    if found is None:
        raise errors.UNKNOWN_GRANT(id=message.grant)
    if found.person != context.actor:
        raise errors.NOT_THE_PERSON()
    if found.revoked is not None:
        raise errors.ALREADY_REVOKED(id=message.grant)
    ended = msgspec.structs.replace(found, revoked=context.height)
    GRANTS.put(context.state, message.grant, ended)
    context.emit(events.Revoked(grant=message.grant, person=found.person))


def open_session(context: Context, message: messages.OpenSession) -> None:
    """A reader with a right to practise opens a session."""
    if context.sender is None or context.sender.kind in ("person", "device"):
        raise errors.MAY_NOT_READ()
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
