"""What may be asked of `care`. The patient, the team and the reason stay under commitments."""

from __future__ import annotations

from yilian.ledger import codec
from yilian.ledger.module import Message as _Message
from yilian.ledger.module import capability


class Message(_Message, frozen=True, tag=capability("care")):
    """A message of this capability."""


class OpenEncounter(Message, frozen=True):
    """Record that an encounter began; `terms` commits to the patient and who treats them."""

    encounter: codec.Id
    terms: codec.Digest


class CloseEncounter(Message, frozen=True):
    """Record that an encounter ended; the treatment relation that rests on it ends too."""

    encounter: codec.Id


class CancelEncounter(Message, frozen=True):
    """Take back an encounter that was opened by mistake, as if it had never been."""

    encounter: codec.Id


class Refer(Message, frozen=True):
    """Ask another organisation to go on with a patient's care, until before `ends` (ms).

    `terms` commits to the patient, the reason and who is to treat them.
    """

    referral: codec.Id
    to: codec.Id
    terms: codec.Digest
    ends: codec.Millis


class AcceptReferral(Message, frozen=True):
    """Take a referral on; from then until its end it is a treatment relation."""

    referral: codec.Id


class DeclineReferral(Message, frozen=True):
    """Say that a referral is not taken on."""

    referral: codec.Id


class EndReferral(Message, frozen=True):
    """End a referral early, from either side."""

    referral: codec.Id


ALL = (
    OpenEncounter,
    CloseEncounter,
    CancelEncounter,
    Refer,
    AcceptReferral,
    DeclineReferral,
    EndReferral,
)
