"""Who is in a simulated consortium, and what they ask of it: members, validator keys, requests."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import nacl.bindings

from tests.chain import FIRST, Actor, Cast, Chain, digest_of, name_of
from yilian.ledger import codec
from yilian.ledger.block import Validator
from yilian.ledger.genesis import FirstMember, FirstValidator, Genesis
from yilian.ledger.keys import Profile
from yilian.ledger.modules.governance.messages import NameValidator, Propose, Vote
from yilian.ledger.modules.governance.state import Parameters
from yilian.ledger.modules.governance.validators import key_proof
from yilian.ledger.modules.records.messages import Anchor

LABELS = ("hospital", "insurer", "authority", "laboratory", "clinic", "pharmacy", "maker")
FUTURE = 4_102_444_800_000
"""2100-01-01T00:00:00Z in ms: ahead of any machine's clock, so that block time alone counts."""


class Town(Cast):
    """Members of a consortium, each with a validator; the clock is the simulation's own."""

    def __init__(
        self, powers: Sequence[int], profile: Profile = FIRST, rule: Parameters | None = None
    ) -> None:
        super().__init__(profile, rule, lambda: self.time)
        self.time = FUTURE
        self.members = [self._first(label) for label in LABELS[: len(powers)]]
        self.secrets: dict[bytes, bytes] = {}
        self.seat: dict[bytes, int] = {}
        self._names = 0
        self.genesis = Genesis(
            chain=self.genesis.chain,
            time=FUTURE,
            members=[
                FirstMember(
                    organisation=member.id,
                    kind=label,  # type: ignore[arg-type]
                    name=f"云溪市 {label}",
                    registration=label.upper(),
                    key=member.signer.key,
                )
                for label, member in zip(LABELS, self.members, strict=False)
            ],
            validators=[
                FirstValidator(
                    public=codec.to_text(self.validator(index)),
                    power=power,
                    organisation=self.members[index].id,
                )
                for index, power in enumerate(powers)
            ],
            profile=profile,
            parameters=rule or Parameters(),
        )

    def validator(self, seat: int, label: str = "first") -> bytes:
        """Make a validator's key for a member's seat; gives the public half."""
        seed = sha256(f"validator {seat} {label}".encode()).digest()
        public, secret = _pair(seed)
        self.secrets[public] = secret
        self.seat[public] = seat
        return public

    def seat_at(self, address: bytes) -> int:
        """Give whose key has an address."""
        return next(seat for key, seat in self.seat.items() if Validator(key, 1).address == address)

    def _next(self) -> int:
        self._names += 1
        return self._names

    # -- requests ------------------------------------------------------------------------------

    def enrol(self, seat: int = 0) -> bytes:
        """Ask to enrol a new person."""
        label = f"person {self._next()}"
        return self.sign(self.members[seat], Chain.enrol_person(label, self.signer(label).key))

    def anchor(self, seat: int = 0, **fields: Any) -> bytes:
        """Ask to anchor a new record."""
        label = f"record {self._next()}"
        message = Anchor(record=name_of(label), commitment=digest_of(label))
        return self.sign(self.members[seat], message, **fields)

    def carry(self, action: Any, voters: Sequence[int] = (0, 1, 2)) -> list[bytes]:
        """Ask for an action and for the votes that carry it, in that order."""
        proposal = name_of(f"proposal {self._next()}")
        first, *others = (self.members[seat] for seat in voters)
        return [
            self.sign(first, Propose(proposal=proposal, action=action)),
            *(self.sign(each, Vote(proposal=proposal, approve=True)) for each in others),
        ]

    def rename(self, seat: int) -> bytes:
        """Ask to vote with a new key from now on."""
        member: Actor = self.members[seat]
        public = self.validator(seat, str(self._next()))
        named = codec.to_text(public)
        text = key_proof(self.genesis.chain, member.id, named)
        proof = nacl.bindings.crypto_sign(text, self.secrets[public])[:64]
        return self.sign(member, NameValidator(public=named, proof=codec.to_text(proof)))


def _pair(seed: bytes) -> tuple[bytes, bytes]:
    public, secret = nacl.bindings.crypto_sign_seed_keypair(seed)
    return bytes(public), bytes(secret)
