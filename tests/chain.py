"""A chain for tests: seeded names and keys, signed transactions, and the law in memory.

`Cast` is the people and what they sign; `Chain` is a cast with a state of its own, held in two
dictionaries and moved by `Machine.apply_block` alone; `engine` is the same cast before the real
embedded engine. Everything is derived from labels, so the same calls give the same bytes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import nacl.bindings
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from yilian.ledger import codec, errors, keys, transaction
from yilian.ledger.genesis import FirstMember, FirstValidator, Genesis
from yilian.ledger.keys import Profile, PublicKey
from yilian.ledger.machine import Applied, Machine, Result
from yilian.ledger.module import Message, Misbehaviour
from yilian.ledger.modules.governance.messages import Propose, Vote
from yilian.ledger.modules.governance.state import Parameters
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.identity.rules import key_proof
from yilian.ledger.state import Changes, State
from yilian.ledger.transaction import Body
from yilian.ledger.tree import Tree
from yilian.node.embedded import Embedded

FIRST = Profile()
SECOND = Profile(hash="sha3-256", signatures=("ecdsa-p256",))
PROFILES = {"first": FIRST, "second": SECOND}

START = 1_767_225_600_000
"""2026-01-01T00:00:00Z in ms: the genesis time of every test chain."""

STEP = 1_000
MINUTE = 60_000
HOUR = 3_600_000
DAY = 86_400_000
CHAIN_ID = "test"
VALIDATOR_SEED = sha256(b"validator").digest()

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def name_of(label: str) -> str:
    """Give the 16-byte id that belongs to a label."""
    return codec.to_text(sha256(b"id " + label.encode()).digest()[:16])


def digest_of(label: str) -> str:
    """Give the 32-byte commitment, tag or root that belongs to a label."""
    return codec.to_text(sha256(b"digest " + label.encode()).digest())


class Signer:
    """A key pair made from a label, of either suite; signatures are deterministic."""

    def __init__(self, label: str, suite: str = "ed25519") -> None:
        seed = sha256(b"key " + label.encode()).digest()
        self._secret = b""
        self._scalar: ec.EllipticCurvePrivateKey | None = None
        if suite == "ed25519":
            public, self._secret = nacl.bindings.crypto_sign_seed_keypair(seed)
        else:
            self._scalar = ec.derive_private_key(int.from_bytes(seed, "big") >> 1, ec.SECP256R1())
            public = self._scalar.public_key().public_bytes(
                serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
            )
        self.key = PublicKey(suite, codec.to_text(public))
        self.id = keys.key_id(self.key)

    def sign(self, data: bytes) -> str:
        """Sign, as base64url of 64 bytes."""
        if self._scalar is None:
            return codec.to_text(nacl.bindings.crypto_sign(data, self._secret)[:64])
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        r, s = utils.decode_dss_signature(self._scalar.sign(data, algorithm))
        low = min(s, _ORDER - s)
        return codec.to_text(r.to_bytes(32, "big") + low.to_bytes(32, "big"))


class Actor(NamedTuple):
    """Someone who signs: an id, the key at hand, and the organisation that answers."""

    id: str
    signer: Signer
    payer: str


class Cast:
    """A genesis with three members, everyone's keys, and signed transactions."""

    def __init__(
        self,
        profile: Profile = FIRST,
        parameters: Parameters | None = None,
        clock: Callable[[], int] | None = None,
        law: int | None = None,
    ) -> None:
        self.suite = profile.signatures[0]
        self.profile = profile
        self.hospital = self._first("hospital")
        self.insurer = self._first("insurer")
        self.authority = self._first("authority")
        self.genesis = genesis(profile, parameters or Parameters(), law)
        self.clock = clock or (lambda: START)
        self._nonces = 0

    def _first(self, label: str) -> Actor:
        return Actor(name_of(label), self.signer(label), name_of(label))

    def signer(self, label: str) -> Signer:
        """Give the key pair of a label, of the chain's suite."""
        return Signer(label, self.suite)

    def actor(self, label: str, payer: Actor) -> Actor:
        """Give someone whose organisation is `payer`; this enrols nobody."""
        return Actor(name_of(label), self.signer(label), payer.id)

    def proof(self, owner: str, signer: Signer) -> str:
        """Give the new key's proof that `owner` holds it."""
        return signer.sign(key_proof(owner, signer.key))

    def nonce(self) -> str:
        """Give a nonce that was not given before."""
        self._nonces += 1
        return name_of(f"nonce {self._nonces}")

    def body(self, actor: Actor, *messages: Message, **fields: Any) -> Body:
        """Make a body; `fields` override what follows from the actor."""
        own: dict[str, Any] = {
            "chain": self.genesis.chain,
            "sender": actor.id,
            "payer": actor.payer,
            "signers": [actor.signer.id],
            "expires": self.clock() + 10 * MINUTE,
            "messages": list(messages),
        }
        own.update(fields)
        own.setdefault("nonce", self.nonce())
        return Body(**own)

    def sign(
        self, actor: Actor, *messages: Message, beside: tuple[Signer, ...] = (), **fields: Any
    ) -> bytes:
        """Make a signed transaction of the actor, with the signers `beside` it."""
        signers = (actor.signer, *beside)
        fields.setdefault("signers", [each.id for each in signers])
        return seal(self.body(actor, *messages, **fields), *signers)


def seal(body: Body, *signers: Signer) -> bytes:
    """Sign a body and give the exact transaction text."""
    text = transaction.encode_body(body)
    return transaction.assemble(text, [each.sign(transaction.DOMAIN + text) for each in signers])


def genesis(
    profile: Profile = FIRST, parameters: Parameters | None = None, law: int | None = None
) -> Genesis:
    """Give the genesis of every test chain: a hospital, an insurer and an authority."""
    public = nacl.bindings.crypto_sign_seed_keypair(VALIDATOR_SEED)[0]
    kinds: tuple[identity.OrganisationKind, ...] = ("hospital", "insurer", "authority")
    return Genesis(
        chain=CHAIN_ID,
        time=START,
        members=[
            FirstMember(
                organisation=name_of(kind),
                kind=kind,
                name=f"云溪市 {kind}",
                registration=kind.upper(),
                key=Signer(kind, profile.signatures[0]).key,
            )
            for kind in kinds
        ],
        validators=[FirstValidator(public=codec.to_text(public), power=10)],
        profile=profile,
        parameters=parameters or Parameters(),
        law=msgspec.UNSET if law is None else law,
    )


class Memory:
    """Committed state in a dictionary, with its keys in order."""

    def __init__(self, content: dict[bytes, bytes] | None = None) -> None:
        self.content = dict(content or {})
        self._order = sorted(self.content)

    def get(self, key: bytes) -> bytes | None:
        """Give a value."""
        return self.content.get(key)

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """List keys below a prefix, in order, from behind `after`."""
        at = max(bisect_left(self._order, prefix), bisect_right(self._order, after))
        while at < len(self._order) and self._order[at].startswith(prefix):
            key = self._order[at]
            yield key, self.content[key]
            at += 1

    def write(self, changes: Changes) -> None:
        """Commit what a block changed."""
        for key, value in changes.items():
            held = key in self.content
            if value is not None:
                self.content[key] = value
                if not held:
                    insort(self._order, key)
            elif held:
                del self.content[key]
                self._order.pop(bisect_left(self._order, key))


class Chain(Cast):
    """A chain whose state is in memory, and whose clock stands still between blocks."""

    def __init__(
        self,
        profile: Profile = FIRST,
        parameters: Parameters | None = None,
        on_fault: Callable[[BaseException], None] | None = None,
        law: int | None = None,
    ) -> None:
        super().__init__(profile, parameters, lambda: self.time, law)
        self.height = 0
        self.time = START
        self.memory = Memory()
        self.tiles: dict[bytes, bytes] = {}
        hashing = keys.HASHES[profile.hash]
        self.tree = Tree(self.tiles.get, hashing=hashing)
        self.machine = Machine(self.genesis, self.memory, self.tree, on_fault or _raise)
        self._adopt(self.machine.first_state())

    @property
    def state(self) -> State:
        """Committed state for typed reads."""
        return State(self.memory)

    @property
    def app_hash(self) -> bytes:
        """The root of the state."""
        return self.tree.root

    def wait(self, ms: int) -> None:
        """Let time pass without a block."""
        self.time += ms

    def apply(self, *raws: bytes, misbehaviour: Sequence[Misbehaviour] = ()) -> Applied:
        """Run the next block, and leave the chain as it was."""
        return self.machine.apply_block(self.height + 1, self.time + STEP, raws, misbehaviour)

    def block(self, *raws: bytes, misbehaviour: Sequence[Misbehaviour] = ()) -> Applied:
        """Run the next block and commit it."""
        applied = self.apply(*raws, misbehaviour=misbehaviour)
        self._adopt(applied)
        return applied

    def must(self, actor: Actor, *messages: Message, **fields: Any) -> Result:
        """Have messages accepted in a block of their own."""
        result = self.block(self.sign(actor, *messages, **fields)).results[0]
        if result.code != errors.OK:
            raise AssertionError(f"refused: {errors.by_number(result.code)} {result.parameters}")
        return result

    def _adopt(self, applied: Applied) -> None:
        for tile, data in applied.view.tiles.items():
            if data is None:
                self.tiles.pop(tile, None)
            else:
                self.tiles[tile] = data
        self.memory.write(applied.changes)
        self.machine.adopt(applied)
        self.height = applied.height
        self.time = applied.time

    # -- a cast on stage -----------------------------------------------------------------------

    def person(self, label: str = "alice", at: Actor | None = None) -> Actor:
        """Enrol a person who holds a key."""
        made = self.actor(label, at or self.hospital)
        self.must(at or self.hospital, self.enrol_person(label, made.signer.key))
        return made

    def ward(self, label: str = "ward", at: Actor | None = None) -> Actor:
        """Enrol a person whose key the organisation keeps; gives the custodian's view of them."""
        home = at or self.hospital
        self.must(home, self.enrol_person(label, None))
        return Actor(name_of(label), home.signer, home.id)

    @staticmethod
    def enrol_person(label: str, key: PublicKey | None) -> identity.EnrolPerson:
        """Make the message that enrols a person."""
        return identity.EnrolPerson(person=name_of(label), tag=digest_of(label), key=key)

    def practitioner(self, label: str = "doctor", at: Actor | None = None) -> Actor:
        """Enrol a practitioner without a licence."""
        home = at or self.hospital
        made = self.actor(label, home)
        self.must(
            home,
            identity.EnrolPractitioner(
                practitioner=made.id, tag=digest_of(label), key=made.signer.key
            ),
        )
        return made

    def device(self, label: str = "device", at: Actor | None = None) -> Actor:
        """Enrol a device."""
        home = at or self.hospital
        made = self.actor(label, home)
        self.must(
            home,
            identity.EnrolDevice(device=made.id, tag=digest_of(label), key=made.signer.key),
        )
        return made

    def agent(self, label: str = "gateway", at: Actor | None = None) -> Actor:
        """Enrol a program of an organisation."""
        home = at or self.hospital
        made = self.actor(label, home)
        self.must(home, identity.EnrolAgent(agent=made.id, key=made.signer.key))
        return made

    def organisation(
        self,
        label: str = "pharmacy",
        kind: identity.OrganisationKind = "pharmacy",
        sponsor: Actor | None = None,
    ) -> Actor:
        """Enrol an organisation that is no member."""
        made = Actor(name_of(label), self.signer(label), name_of(label))
        self.must(
            sponsor or self.hospital,
            identity.EnrolOrganisation(
                organisation=made.id,
                kind=kind,
                name=label,
                registration=label.upper(),
                key=made.signer.key,
            ),
        )
        return made

    def licence(self, practitioner: Actor, label: str = "licence", days: int = 365) -> str:
        """Have the authority license a practitioner; gives the licence's id."""
        self.must(
            self.authority,
            identity.IssueLicence(
                licence=name_of(label),
                practitioner=practitioner.id,
                profession="physician",
                ends=self.time + days * DAY,
            ),
        )
        return name_of(label)

    def carried(self, action: Any, label: str = "carried") -> None:
        """Have all three first members carry an action."""
        self.must(self.hospital, Propose(proposal=name_of(label), action=action))
        for member in (self.insurer, self.authority):
            raw = self.sign(member, Vote(proposal=name_of(label), approve=True))
            self.block(raw)


def _raise(fault: BaseException) -> None:
    """A rule that fails in a test is a bug: stop there instead of answering `internal`."""
    raise AssertionError("a rule raised something that is no refusal") from fault


def engine(folder: Path, cast: Cast | None = None) -> tuple[Embedded, Cast]:
    """Start the embedded engine on a new chain in `folder`; the cast's clock follows it."""
    cast = cast or Cast()
    running = Embedded.create(folder, cast.genesis, VALIDATOR_SEED)
    cast.clock = running.now
    return running, cast
