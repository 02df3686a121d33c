"""What a regulator sees: each post of a member opened exactly, or the member named.

A member wraps a seed to a regulator's view key, on the chain. The opening of an interval (what was
spent, where every pack went, the noise) is sealed under a key from that seed and given when the
regulator asks. From it root and nullifiers are worked out again: nothing can be left out of it, and
nothing added.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec
import sqlalchemy as sql
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from yilian.gateway.members.errors import NOT_ABOUT_YOU
from yilian.gateway.supply import notes, title_rows
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.histories import (
    Histories,
    events_levels,
    note_row,
    notes_of,
    post_at,
    spends_of,
)
from yilian.gateway.supply.on_chain import TitleView
from yilian.gateway.supply.pedigree import Bytes32, Note, Spend
from yilian.gateway.supply.plans import edges_of
from yilian.gateway.supply.title_rows import NoteRow, PostRow
from yilian.gateway.supply.title_secrets import TitleSecrets
from yilian.ledger import codec
from yilian.ledger.codec import Id, Name, Whole
from yilian.ledger.errors import Refusal
from yilian.ledger.keys import sha256
from yilian.ledger.modules.supply import state as supply
from yilian.ledger.modules.supply.messages import GrantView, PublishViewKey
from yilian.ledger.state import State
from yilian.vault.envelope import (
    Format,
    PrivateKey,
    PublicKey,
    binding,
    derived_recipient,
    open_sealed,
    seal,
    unwrap,
    wrap,
)
from yilian.vault.keystore import Keystore

MAX_OPENING = 64 * 1024 * 1024
AT_ONCE = 100
"""Intervals that are asked for at once."""

_SUITE = b"\x01"


class EndNote(Format, frozen=True, kw_only=True, array_like=True, tag="end"):
    """The end of packs."""

    word: Name
    salt: Bytes32


class NextNote(Format, frozen=True, kw_only=True, array_like=True, tag="note"):
    """A note that packs went into."""

    note: Note


class Move(Format, frozen=True, kw_only=True, array_like=True):
    """Packs that went out of a spend, counted from 0, into a note or an end."""

    spend: Whole
    into: EndNote | NextNote
    units: tuple[str, ...]


class Opening(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-opening/1"):
    """A post opened; `events` are the hashes of its events' leaves, `seed` gives its noise."""

    organisation: Id
    interval: Whole
    seed: Bytes32
    events: bytes
    spends: tuple[Spend, ...]
    moves: tuple[Move, ...]


class Movement(NamedTuple):
    """What became of packs: `kept` under a new note, `given` to `holder`, `ended` by a word.

    `made` tells that they were commissioned by this very post.
    """

    kind: Literal["kept", "given", "ended"]
    units: tuple[str, ...]
    holder: str
    word: str
    made: bool


class Opened(NamedTuple):
    """An interval of a member, as a regulator sees it.

    `fault` is "" where it opens exactly, `silent` where nothing was posted, `missing` where the
    member gave no opening, `wrong` where what it gave does not open the post.
    """

    organisation: str
    interval: int
    movements: tuple[Movement, ...]
    fault: Literal["", "silent", "missing", "wrong"]


class Openings:
    """The openings of one organisation's own posts. Safe for threads."""

    def __init__(
        self,
        database: SupplyDatabase,
        keystore: Keystore,
        secrets: TitleSecrets,
        histories: Histories,
        state: Callable[[], State],
    ) -> None:
        self._database = database
        self._keystore = keystore
        self._secrets = secrets
        self._histories = histories
        self._organisation = secrets.organisation
        self._state = state

    def grants(self) -> list[GrantView]:
        """Give the messages by which regulators are to see, that are not on the chain yet."""
        state = self._state()
        found = []
        for regulator, key in supply.view_keys(state):
            name = _digest(key.public)
            given = supply.view(state, self._organisation, regulator)
            if regulator == self._organisation or (given is not None and given.key == name):
                continue
            public = PublicKey(_SUITE + codec.to_bytes(key.public))
            wrapped = wrap(public, self._seed(regulator, name), _bound(self._organisation, name))
            found.append(GrantView(regulator=regulator, key=name, wrapped=codec.to_text(wrapped)))
        return found

    def give(self, regulator: str, intervals: Sequence[int]) -> list[bytes]:
        """Seal the openings of intervals for a regulator; empty where nothing was posted.

        Refuses `members.not_about_caller` for who was granted no view.
        """
        state = self._state()
        given = supply.view(state, self._organisation, regulator)
        if given is None:
            raise NOT_ABOUT_YOU()
        view, seed = TitleView(state), self._seed(regulator, given.key)
        return [
            self._sealed(seed, each) if view.root(self._organisation, each) is not None else b""
            for each in intervals
        ]

    def _seed(self, regulator: str, key: str) -> bytes:
        return self._keystore.mac("supply-view", f"{regulator}.{key}".encode("ascii"))

    def _sealed(self, seed: bytes, interval: int) -> bytes:
        packed = zlib.compress(msgspec.msgpack.encode(self.opening(interval)), 1)
        return seal(_key(seed, interval), packed, _place(self._organisation, interval))

    def opening(self, interval: int) -> Opening:
        """Open one's own post."""
        with self._database.read() as connection:
            row = post_at(connection, interval)
            if row is None:
                return Opening(
                    organisation=self._organisation,
                    interval=interval,
                    seed=self._secrets.idle_seed(interval),
                    events=b"",
                    spends=(),
                    moves=(),
                )
            return self._opening(connection, row, interval)

    def _opening(self, connection: sql.Connection, row: PostRow, interval: int) -> Opening:
        spends: list[Spend] = []
        place: dict[int, int] = {}
        for each in spends_of(connection, row.post):
            place[each.spend] = len(spends)
            parent = None if each.note is None else note_row(connection, each.note)
            spends.append(
                Spend(
                    organisation=self._organisation,
                    interval=interval,
                    secret=self._histories.secret(connection, each),
                    salt=None if parent is None else parent.salt,
                )
            )
        made = {each.note: _into(each) for each in notes_of(connection, row.post)}
        moves = tuple(
            Move(
                spend=place[edge.spend or 0],
                into=made[edge.note],
                units=tuple(title_rows.unpack(edge.units)),
            )
            for edge in edges_of(connection, row.post)
        )
        return Opening(
            organisation=self._organisation,
            interval=interval,
            seed=row.seed,
            events=row.leaves,
            spends=tuple(spends),
            moves=moves,
        )


class Viewer:
    """A regulator, which opens what members post. Holds a view key of its own."""

    def __init__(
        self,
        organisation: str,
        keystore: Keystore,
        state: Callable[[], State],
        ask: Callable[[str, Sequence[int]], Sequence[bytes]],
    ) -> None:
        """`ask` gives a member's sealed openings; it may refuse."""
        self._organisation = organisation
        self._keystore = keystore
        self._state = state
        self._ask = ask

    def publish(self) -> PublishViewKey:
        """Make the message that publishes the view key."""
        public = codec.to_text(self._pair().public.data[1:])
        return PublishViewKey(kem="mlkem768-x25519", public=public)

    def _pair(self) -> PrivateKey:
        secret = self._keystore.mac("supply-view-key", self._organisation.encode("ascii"))
        return derived_recipient(secret, binding("supply-view-key", regulator=self._organisation))

    def open(self, organisation: str, interval: int) -> Opened:
        """Open one interval of a member."""
        return next(self.open_many(organisation, [interval]))

    def open_many(self, organisation: str, intervals: Sequence[int]) -> Iterator[Opened]:
        """Open intervals of a member, each exactly or with its fault."""
        for at in range(0, len(intervals), AT_ONCE):
            part = intervals[at : at + AT_ONCE]
            try:
                sealed = list(self._ask(organisation, part))
            except Refusal:
                sealed = []
            sealed += [b""] * (len(part) - len(sealed))
            for interval, each in zip(part, sealed, strict=False):
                yield self._opened(organisation, interval, each)

    def _opened(self, organisation: str, interval: int, sealed: bytes) -> Opened:
        state = self._state()
        if TitleView(state).root(organisation, interval) is None:
            return Opened(organisation, interval, (), "silent")
        if not sealed:
            return Opened(organisation, interval, (), "missing")
        opening = self._unsealed(state, organisation, interval, sealed)
        if opening is None or not opens(opening, state):
            return Opened(organisation, interval, (), "wrong")
        return Opened(organisation, interval, tuple(_movements(opening)), "")

    def _unsealed(
        self, state: State, organisation: str, interval: int, sealed: bytes
    ) -> Opening | None:
        given = supply.view(state, organisation, self._organisation)
        if given is None:
            return None
        try:
            wrapped = codec.to_bytes(given.wrapped)
            seed = unwrap(self._pair(), wrapped, _bound(organisation, given.key))
            packed = open_sealed(_key(seed, interval), sealed, _place(organisation, interval))
            reader = zlib.decompressobj()
            data = reader.decompress(packed, MAX_OPENING)
            opening = msgspec.msgpack.decode(data, type=Opening)
        except (
            Refusal,
            ValueError,
            zlib.error,
            msgspec.MsgspecError,
            RecursionError,
        ):
            return None
        if (opening.organisation, opening.interval) != (organisation, interval):
            return None
        return opening


def opens(opening: Opening, state: State) -> bool:
    """Tell whether an opening is that of the post that the chain has; pure."""
    organisation, interval = opening.organisation, opening.interval
    place = (organisation, interval)
    if any(each.place != place for each in opening.spends) or len(opening.events) % notes.BYTES:
        return False
    nullifiers = [each.nullifier for each in opening.spends]
    for slot, nullifier in enumerate(nullifiers):
        found = supply.spent(state, organisation, codec.to_text(nullifier))
        if found is None or (found.interval, found.slot) != (interval, slot):
            return False
    blind, (key, value) = notes.noise(opening.seed)
    leaves = {key: value}
    for move in opening.moves:
        if move.spend >= len(nullifiers):
            return False
        spend = opening.spends[move.spend]
        for unit in move.units:
            name = spend.key(nullifiers[move.spend], unit)
            if leaves.setdefault(name, _value(move.into)) != _value(move.into):
                return False
    events_root = events_levels(blind, opening.events)[-1][0]
    root = notes.post_root(events_root, notes.TitleTree(leaves).root)
    return root == TitleView(state).root(organisation, interval)


def _movements(opening: Opening) -> Iterator[Movement]:
    for move in opening.moves:
        made = opening.spends[move.spend].salt is None
        if isinstance(move.into, EndNote):
            yield Movement("ended", move.units, "", move.into.word, made)
        else:
            holder = move.into.note.holder
            kind: Literal["kept", "given"] = "kept" if holder == opening.organisation else "given"
            yield Movement(kind, move.units, holder, "", made)


def _into(row: NoteRow) -> EndNote | NextNote:
    if row.word:
        return EndNote(word=row.word, salt=row.salt)
    return NextNote(note=Note(holder=row.holder, key=row.key, salt=row.salt))


def _value(into: EndNote | NextNote) -> bytes:
    if isinstance(into, EndNote):
        return notes.end(into.word, into.salt)
    return into.note.commitment


def _digest(public: str) -> str:
    return codec.to_text(sha256(codec.to_bytes(public)))


def _bound(organisation: str, key: str) -> bytes:
    return binding("supply-view", organisation=organisation, key=key)


def _place(organisation: str, interval: int) -> bytes:
    return binding("supply-opening", organisation=organisation, interval=interval)


def _key(seed: bytes, interval: int) -> bytes:
    return HKDF(SHA256(), 32, None, binding("supply-opening-key", interval=interval)).derive(seed)
