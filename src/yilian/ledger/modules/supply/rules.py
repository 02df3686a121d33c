"""What then happens in `supply`: one function per message, the only writer of its state.

Here are companies, credentials, posts and views; products and recalls have files of their own.
"""

from __future__ import annotations

import msgspec

from yilian.ledger import codec
from yilian.ledger.errors import KEY_REFUSED
from yilian.ledger.keys import sha256
from yilian.ledger.module import Context
from yilian.ledger.modules.governance.state import is_member
from yilian.ledger.modules.identity.messages import KEM_BYTES
from yilian.ledger.modules.identity.state import standing, subject
from yilian.ledger.modules.supply import errors, events, messages
from yilian.ledger.modules.supply.acting import acting, regulating
from yilian.ledger.modules.supply.numbers import LEAST_PREFIX
from yilian.ledger.modules.supply.rules_products import (
    accept_product,
    amend_product,
    end_product,
    offer_product,
    register_product,
    withdraw_offer,
)
from yilian.ledger.modules.supply.rules_recalls import (
    close_alert,
    end_recall,
    extend_recall,
    issue_recall,
    raise_alert,
)
from yilian.ledger.modules.supply.state import (
    COMPANIES,
    CREDENTIALS,
    GLNS,
    HELD,
    LAST_POSTS,
    NULLIFIERS,
    PARTIES,
    POSTS,
    PREFIXES,
    VIEW_KEYS,
    VIEWS,
    Company,
    Credential,
    Held,
    LastPost,
    Mark,
    Pace,
    Party,
    Posted,
    PrefixNode,
    Spent,
    View,
    ViewKey,
    held_key,
    in_force,
    last_post,
    nullifier_key,
    pace,
    post_key,
    set_pace,
    slots,
    trades,
    view_key,
    view_name,
)

TRADING = frozenset(
    (
        "charity",
        "clinic",
        "distributor",
        "hospital",
        "laboratory",
        "maker",
        "pharmacy",
        "research",
    )
)
"""Kinds of organisation that may hold medicines or devices."""

MAX_COMPANIES = 16
MAX_CREDENTIALS = 8
WRAPPED_BYTES = (1_136, 2_000)
"""A key encapsulation of 1,120 bytes with a sealed seed behind it; how it is sealed is not read."""


# -- companies -------------------------------------------------------------------------------------


def register_company(context: Context, message: messages.RegisterCompany) -> None:
    """A member takes a GLN and company prefixes that nobody has."""
    organisation = acting(context)
    kind = subject(context.state, organisation).organisation_kind
    if kind not in TRADING or not is_member(context.state, organisation):
        raise errors.NOT_A_TRADER()
    if COMPANIES.has(context.state, message.company):
        raise errors.ID_TAKEN(id=message.company)
    if GLNS.has(context.state, message.gln):
        raise errors.GLN_TAKEN(gln=message.gln)
    for prefix in message.prefixes:
        _take_prefix(context, prefix, message.company)
    GLNS.put(context.state, message.gln, Mark(message.company))
    _join(context, organisation, message.company)
    company = Company(
        organisation=organisation,
        gln=message.gln,
        since=context.height,
        prefixes=tuple(message.prefixes),
    )
    COMPANIES.put(context.state, message.company, company)
    context.emit(
        events.CompanyRegistered(
            company=message.company,
            organisation=organisation,
            gln=message.gln,
            prefixes=len(message.prefixes),
        )
    )


def correct_company(context: Context, message: messages.CorrectCompany) -> None:
    """A regulator takes away what a company should not have; it is free at once."""
    regulator = regulating(context)
    company = _standing_company(context, message.company)
    for prefix in message.prefixes:
        if prefix not in company.prefixes:
            raise errors.UNKNOWN_PREFIX(prefix=prefix)
        _free_prefix(context, prefix)
    if message.prefixes:
        left = tuple(each for each in company.prefixes if each not in message.prefixes)
        company = msgspec.structs.replace(company, prefixes=left)
        COMPANIES.put(context.state, message.company, company)
        context.emit(
            events.CompanyCorrected(
                company=message.company, regulator=regulator, prefixes=len(left)
            )
        )
    if message.end:
        _end_company(context, message.company, company, regulator)


def end_company(context: Context, message: messages.EndCompany) -> None:
    """An organisation ends a registration of its own."""
    organisation = acting(context)
    company = _standing_company(context, message.company)
    if company.organisation != organisation:
        raise errors.NOT_YOUR_COMPANY(id=message.company)
    _end_company(context, message.company, company, organisation)


def _standing_company(context: Context, name: str) -> Company:
    company = COMPANIES.get(context.state, name)
    if company is None:
        raise errors.UNKNOWN_COMPANY(id=name)
    if company.ended is not None:
        raise errors.COMPANY_ENDED(id=name)
    return company


def _end_company(context: Context, name: str, company: Company, by: str) -> None:
    for prefix in company.prefixes:
        _free_prefix(context, prefix)
    GLNS.remove(context.state, company.gln)
    party = PARTIES.require(context.state, company.organisation)
    left = tuple(each for each in party.companies if each != name)
    if left:
        PARTIES.put(context.state, company.organisation, Party(left))
    else:
        PARTIES.remove(context.state, company.organisation)
    ended = msgspec.structs.replace(company, prefixes=(), ended=context.height)
    COMPANIES.put(context.state, name, ended)
    context.emit(events.CompanyEnded(company=name, by=by))


def _join(context: Context, organisation: str, company: str) -> None:
    """Note a registration with its organisation, which posts from this interval on."""
    party = PARTIES.get(context.state, organisation)
    named = () if party is None else party.companies
    if len(named) >= MAX_COMPANIES:
        raise errors.TOO_MANY_COMPANIES(limit=MAX_COMPANIES)
    PARTIES.put(context.state, organisation, Party(tuple(sorted((*named, company)))))
    rhythm = _settle_pace(context)
    if last_post(context.state, organisation) is None:
        over = max(0, rhythm.at(context.time) - 1)
        LAST_POSTS.put(context.state, organisation, LastPost(over))


def _take_prefix(context: Context, prefix: str, company: str) -> None:
    if PREFIXES.has(context.state, prefix):
        raise errors.PREFIX_TAKEN(prefix=prefix)
    for length in range(LEAST_PREFIX, len(prefix)):
        node = PREFIXES.get(context.state, prefix[:length]) or PrefixNode()
        if node.company is not None:
            raise errors.PREFIX_TAKEN(prefix=prefix)
        PREFIXES.put(context.state, prefix[:length], PrefixNode(below=node.below + 1))
    PREFIXES.put(context.state, prefix, PrefixNode(company=company))


def _free_prefix(context: Context, prefix: str) -> None:
    PREFIXES.remove(context.state, prefix)
    for length in range(LEAST_PREFIX, len(prefix)):
        below = PREFIXES.require(context.state, prefix[:length]).below - 1
        if below:
            PREFIXES.put(context.state, prefix[:length], PrefixNode(below=below))
        else:
            PREFIXES.remove(context.state, prefix[:length])


# -- credentials -----------------------------------------------------------------------------------


def issue_credential(context: Context, message: messages.IssueCredential) -> None:
    """A regulator says what an organisation may act as."""
    issuer = regulating(context)
    found = standing(context.state, message.organisation)
    if found is None or found.kind != "organisation":
        raise errors.CANNOT_HOLD(id=message.organisation)
    if CREDENTIALS.has(context.state, message.credential):
        raise errors.ID_TAKEN(id=message.credential)
    if message.ends <= context.time:
        raise errors.BAD_PERIOD()
    place = held_key(message.organisation, message.role)
    held = HELD.get(context.state, place) or Held(())
    kept = tuple(each for each in held.credentials if in_force(context.state, each, context.time))
    if len(kept) >= MAX_CREDENTIALS:
        raise errors.TOO_MANY_CREDENTIALS(limit=MAX_CREDENTIALS)
    credential = Credential(
        organisation=message.organisation,
        issuer=issuer,
        role=message.role,
        ends=message.ends,
        since=context.height,
    )
    CREDENTIALS.put(context.state, message.credential, credential)
    HELD.put(context.state, place, Held(tuple(sorted((*kept, message.credential)))))
    context.emit(
        events.CredentialIssued(
            credential=message.credential,
            organisation=message.organisation,
            issuer=issuer,
            role=message.role,
            ends=message.ends,
        )
    )


def revoke_credential(context: Context, message: messages.RevokeCredential) -> None:
    """A regulator withdraws a credential, whichever regulator issued it."""
    regulating(context)
    found = CREDENTIALS.get(context.state, message.credential)
    if found is None:
        raise errors.UNKNOWN_CREDENTIAL(id=message.credential)
    if found.revoked is not None:
        raise errors.CREDENTIAL_REVOKED(id=message.credential)
    revoked = msgspec.structs.replace(found, revoked=context.height)
    CREDENTIALS.put(context.state, message.credential, revoked)
    context.emit(
        events.CredentialRevoked(credential=message.credential, organisation=found.organisation)
    )


# -- posts and views -------------------------------------------------------------------------------


def post(context: Context, message: messages.Post) -> None:
    """A company posts once for an interval; one nullifier never stands twice with it.

    Nullifiers are per organisation: else who copies a post that waits, and is in a block first,
    would keep its owner from posting it.
    """
    organisation = acting(context)
    if not trades(context.state, organisation):
        raise errors.NO_COMPANY(id=organisation)
    rhythm = _settle_pace(context)
    last = last_post(context.state, organisation)
    if last is not None and message.interval <= last:
        raise errors.INTERVAL_PAST(last=last)
    most = rhythm.at(context.time) + 1
    if message.interval > most:
        raise errors.INTERVAL_AHEAD(most=most)
    if len(message.nullifiers) != slots(context.state):
        raise errors.WRONG_SLOTS(slots=slots(context.state))
    for slot, nullifier in enumerate(message.nullifiers):
        name = nullifier_key(organisation, nullifier)
        if NULLIFIERS.has(context.state, name):
            raise errors.SPENT(nullifier=nullifier)
        NULLIFIERS.put(context.state, name, Spent(interval=message.interval, slot=slot))
    made = Posted(root=message.root, time=context.time)
    POSTS.put(context.state, post_key(organisation, message.interval), made)
    LAST_POSTS.put(context.state, organisation, LastPost(message.interval))
    context.emit(events.Posted(organisation=organisation, interval=message.interval))


def _settle_pace(context: Context) -> Pace:
    """Write down how time is cut, so that a vote on it never moves an interval that was."""
    rhythm = pace(context.state, context.time)
    set_pace(context.state, rhythm)
    return rhythm


def publish_view_key(context: Context, message: messages.PublishViewKey) -> None:
    """A regulator names the key that members wrap their seeds to, from now on."""
    regulator = regulating(context)
    if len(codec.to_bytes(message.public)) != KEM_BYTES[message.kem]:
        raise KEY_REFUSED()
    made = ViewKey(kem=message.kem, public=message.public, since=context.height)
    VIEW_KEYS.put(context.state, regulator, made)
    context.emit(events.ViewKeyPublished(organisation=regulator))


def grant_view(context: Context, message: messages.GrantView) -> None:
    """A company wraps a seed to a regulator's view key; an older seed stays what it was."""
    organisation = acting(context)
    if not trades(context.state, organisation):
        raise errors.NO_COMPANY(id=organisation)
    key = view_key(context.state, message.regulator)
    if key is None:
        raise errors.NO_VIEW_KEY(id=message.regulator)
    if codec.to_text(sha256(codec.to_bytes(key.public))) != message.key:
        raise errors.STALE_VIEW_KEY(id=message.regulator)
    least, most = WRAPPED_BYTES
    if not least <= len(codec.to_bytes(message.wrapped)) <= most:
        raise errors.BAD_WRAP()
    made = View(key=message.key, wrapped=message.wrapped, since=context.height)
    VIEWS.put(context.state, view_name(organisation, message.regulator), made)
    context.emit(events.ViewGranted(organisation=organisation, regulator=message.regulator))


__all__ = [
    "accept_product",
    "amend_product",
    "close_alert",
    "correct_company",
    "end_company",
    "end_product",
    "end_recall",
    "extend_recall",
    "grant_view",
    "issue_credential",
    "issue_recall",
    "offer_product",
    "post",
    "publish_view_key",
    "raise_alert",
    "register_company",
    "register_product",
    "revoke_credential",
    "withdraw_offer",
]
