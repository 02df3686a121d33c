"""What then happens in `care`: one function per message, the only writer of its state."""

from __future__ import annotations

import msgspec

from yilian.ledger.module import Context
from yilian.ledger.modules.care import errors, events, messages
from yilian.ledger.modules.care.state import ENCOUNTERS, REFERRALS, Encounter, Referral
from yilian.ledger.modules.identity.state import practising_for, standing


def open_encounter(context: Context, message: messages.OpenEncounter) -> None:
    """An organisation begins to treat someone."""
    organisation = practising_for(context)
    if ENCOUNTERS.has(context.state, message.encounter):
        raise errors.ID_TAKEN(id=message.encounter)
    record = Encounter(
        organisation=organisation,
        terms=message.terms,
        opened=context.time,
        since=context.height,
    )
    ENCOUNTERS.put(context.state, message.encounter, record)
    context.emit(events.EncounterOpened(encounter=message.encounter, organisation=organisation))


def close_encounter(context: Context, message: messages.CloseEncounter) -> None:
    """The organisation ends an encounter."""
    found = _require_encounter(context, message.encounter)
    closed = msgspec.structs.replace(found, status="closed", ended=context.time)
    ENCOUNTERS.put(context.state, message.encounter, closed)
    context.emit(
        events.EncounterClosed(encounter=message.encounter, organisation=found.organisation)
    )


def cancel_encounter(context: Context, message: messages.CancelEncounter) -> None:
    """The organisation takes back an encounter that never was."""
    found = _require_encounter(context, message.encounter)
    cancelled = msgspec.structs.replace(found, status="cancelled", ended=context.time)
    ENCOUNTERS.put(context.state, message.encounter, cancelled)
    context.emit(
        events.EncounterCancelled(encounter=message.encounter, organisation=found.organisation)
    )


def refer(context: Context, message: messages.Refer) -> None:
    """An organisation asks another one to go on with care."""
    organisation = practising_for(context)
    if REFERRALS.has(context.state, message.referral):
        raise errors.ID_TAKEN(id=message.referral)
    other = standing(context.state, message.to)
    if other is None or other.kind != "organisation" or message.to == organisation:
        raise errors.CANNOT_RECEIVE(id=message.to)
    if message.ends <= context.time:
        raise errors.BAD_PERIOD()
    record = Referral(
        organisation=organisation,
        to=message.to,
        terms=message.terms,
        made=context.time,
        ends=message.ends,
        since=context.height,
    )
    REFERRALS.put(context.state, message.referral, record)
    context.emit(
        events.Referred(
            referral=message.referral,
            organisation=organisation,
            to=message.to,
            ends=message.ends,
        )
    )


def accept_referral(context: Context, message: messages.AcceptReferral) -> None:
    """The other organisation takes a referral on."""
    found = _require_asked(context, message.referral)
    accepted = msgspec.structs.replace(found, status="accepted", answered=context.time)
    REFERRALS.put(context.state, message.referral, accepted)
    context.emit(events.ReferralAccepted(referral=message.referral))


def decline_referral(context: Context, message: messages.DeclineReferral) -> None:
    """The other organisation does not take a referral on."""
    found = _require_asked(context, message.referral)
    declined = msgspec.structs.replace(found, status="declined", answered=context.time)
    REFERRALS.put(context.state, message.referral, declined)
    context.emit(events.ReferralDeclined(referral=message.referral))


def end_referral(context: Context, message: messages.EndReferral) -> None:
    """Either organisation ends a referral that still stands."""
    organisation = practising_for(context)
    found = _require_standing(context, message.referral)
    if organisation not in (found.organisation, found.to):
        raise errors.NOT_YOUR_REFERRAL(id=message.referral)
    ended = msgspec.structs.replace(found, status="ended", ended=context.time)
    REFERRALS.put(context.state, message.referral, ended)
    context.emit(events.ReferralEnded(referral=message.referral))


def _require_encounter(context: Context, name: str) -> Encounter:
    """Find an open encounter of the sender's organisation."""
    organisation = practising_for(context)
    found = ENCOUNTERS.get(context.state, name)
    if found is None:
        raise errors.UNKNOWN_ENCOUNTER(id=name)
    if found.organisation != organisation:
        raise errors.NOT_YOUR_ENCOUNTER(id=name)
    if found.status != "open":
        raise errors.ENCOUNTER_ENDED(id=name)
    return found


def _require_standing(context: Context, name: str) -> Referral:
    """Find a referral that is neither over nor declined."""
    found = REFERRALS.get(context.state, name)
    if found is None:
        raise errors.UNKNOWN_REFERRAL(id=name)
    if found.status in ("declined", "ended") or found.ends <= context.time:
        raise errors.REFERRAL_ENDED(id=name)
    return found


def _require_asked(context: Context, name: str) -> Referral:
    """Find a referral to the sender's organisation that waits for an answer."""
    organisation = practising_for(context)
    found = _require_standing(context, name)
    if found.to != organisation:
        raise errors.NOT_YOUR_REFERRAL(id=name)
    if found.status != "waiting":
        raise errors.REFERRAL_ANSWERED(id=name)
    return found
