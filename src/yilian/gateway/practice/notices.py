"""Telling people: notices put, shown in the inbox, marked as read, and proved.

`tell` is the one way in for everybody who has something to say. The history of notices goes to the
chain in batches of lines, as the journal of disclosures does (`anchor`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from yilian.gateway.members.there import TELL, notice
from yilian.ledger.modules.identity.state import SUBJECTS
from yilian.ledger.state import State
from yilian.node.history import Outcome
from yilian.vault import notice as notices
from yilian.vault.desk_formats import Language
from yilian.vault.notice import Parameters
from yilian.vault.notice_history import NoticeProof
from yilian.vault.outbox import NOTICE_UNKNOWN, Delivery, Notice
from yilian.vault.records import Batch

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

LANGUAGE: Language = "zh-CN"
"""For whoever the desk does not know."""


class Shown(NamedTuple):
    """A notice in its reader's own words, and where it stands in each channel."""

    notice: Notice
    title: str
    body: str
    deliveries: tuple[Delivery, ...]


def tell(
    organisation: Organisation,
    person: str,
    kind: str,
    parameters: Parameters,
    cause: str | None = None,
) -> str:
    """Tell a person or practitioner of an organisation something, durably; gives the notice's id.

    `cause` is the id or digest of what brought it about: the same person, kind and cause again is
    the notice that there is. Refuses `notice_kind_unknown`, `notice_parameters_differ`,
    `malformed`. Sending it by its channels is the worker's.
    """
    outbox = organisation.vault.outbox
    return outbox.put(person, kind, parameters, outbox.now(), cause)


def tell_at(
    organisation: Organisation,
    other: str,
    reader: str,
    kind: str,
    parameters: Parameters,
    cause: str,
) -> bool:
    """Tell somebody of another organisation, here or, durably, at its own node.

    Tells whether there is a way: without one to other members (an embedded chain) nobody elsewhere
    is told.
    """
    found = organisation.hosted(other)
    if found is not None:
        tell(found, reader, kind, parameters, cause=cause)
        return True
    if organisation.peers is None:
        return False
    sent = notice(reader, kind, parameters, cause)
    organisation.courier.send(other, TELL, f"{kind} {reader} {cause}", sent)
    return True


def public_name(state: State, organisation: str) -> str:
    """Give an organisation's public name; its id where it has none."""
    found = SUBJECTS.get(state, organisation)
    return (found.name if found else None) or organisation


def inbox(organisation: Organisation, person: str) -> list[Shown]:
    """List the newest 100 notices of a person or practitioner, the newest first."""
    vault, state = organisation.vault, organisation.engine.state()
    known = vault.desk.find(person)
    language = known.language if known else LANGUAGE
    found = []
    for each in vault.outbox.inbox(person):
        words = notices.words(
            each.kind,
            each.parameters,
            language,
            lambda name: public_name(state, name),
            organisation.id,
        )
        deliveries = tuple(vault.outbox.deliveries(each.notice))
        found.append(Shown(each, words.title, words.body, deliveries))
    return found


def proofs(organisation: Organisation, person: str, notice: str) -> list[NoticeProof]:
    """Prove the steps of a notice that the chain has; check each with `check_line`.

    Refuses `notice_unknown`, also for another person's notice.
    """
    outbox = organisation.vault.outbox
    if outbox.notice(notice).person != person:
        raise NOTICE_UNKNOWN(notice=notice)
    return outbox.history.proofs(notice)


def anchor(organisation: Organisation) -> list[Outcome]:
    """Put the lines of the history that the chain has not on it, batch by batch."""
    history = organisation.vault.outbox.history
    return [
        organisation.anchor(
            Batch(each.batch, "journal", each.root, each.size, (), ()), history.anchored
        )
        for each in history.lines_for_anchor()
    ]
