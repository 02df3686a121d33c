"""Pedigrees: how packs came from their maker's hands to their holder's, checked without asking.

    spend   an organisation gave a note away: its secret, and where its nullifier was posted
    post    what a post shows of its tree: enough for the packs that are meant
    line    packs with one history: their spends from the maker on, and the note they are in now

A pedigree names all earlier holders of these packs, to whoever is shown it, and nothing of other
packs but how many there may have been. It proves what was given; whether the last holder has given
it on since, only the next one can show.

The pedigree of ended packs is a document of its own: in place of the note stands their end, and the
last spend is that of who ended them. Such packs can go nowhere any more, so it proves all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Literal, NamedTuple, Protocol

import msgspec

from yilian.gateway.supply import notes
from yilian.gateway.supply.notes import ProofDiffers, TitleTree, TreeProof
from yilian.gateway.supply.title_errors import (
    PROOF_MALFORMED,
    TITLE_ORIGIN,
    TITLE_PATH,
    TITLE_SPENT,
    TITLE_UNPOSTED,
)
from yilian.ledger.codec import Id, Whole
from yilian.vault.envelope import Format

MAX_UNITS = 50_000
MAX_SPENDS = 20_000
MAX_CHAIN = 1_000
MAX_UNIT = 300

Bytes32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
UnitId = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_UNIT)]
Place = tuple[str, int]
"""A post: its organisation and interval."""

EndWord = Literal[
    "dispensed", "destroyed", "exported", "sampled", "stolen", "lost", "decommissioned"
]
"""How packs leave the trade for good."""


class Spend(Format, frozen=True, kw_only=True, array_like=True):
    """A nullifier opened; `salt` is that of the note given away, None where packs were made."""

    organisation: Id
    interval: Whole
    secret: Bytes32
    salt: Bytes32 | None

    @property
    def place(self) -> Place:
        """The post that it stands in."""
        return self.organisation, self.interval

    @property
    def nullifier(self) -> bytes:
        """What was posted."""
        return notes.nullifier(self.organisation, self.secret)

    @property
    def given(self) -> bytes:
        """The note that was given away. Raises ValueError where packs were made."""
        claimed = notes.claim(self.organisation, notes.holder_key(self.secret))
        return notes.note(claimed, self.salt or b"")

    def key(self, nullifier: bytes, unit: str) -> bytes:
        """Name the place of a pack in the post's tree; `nullifier` is this one's, worked out."""
        if self.salt is None:
            return notes.origin_key(nullifier, unit)
        return notes.title_key(nullifier, unit)


class Note(Format, frozen=True, kw_only=True, array_like=True):
    """The note that packs are in now: whose it is, and how its commitment opens."""

    holder: Id
    key: Bytes32
    salt: Bytes32

    @property
    def commitment(self) -> bytes:
        """What stands in the tree."""
        return notes.note(notes.claim(self.holder, self.key), self.salt)


class End(Format, frozen=True, kw_only=True, array_like=True):
    """The end of packs, and how its commitment opens: another word gives another one."""

    word: EndWord
    salt: Bytes32

    @property
    def commitment(self) -> bytes:
        """What stands in the tree."""
        return notes.end(self.word, self.salt)


class ShownPost(Format, frozen=True, kw_only=True, array_like=True):
    """What is shown of a post; `depths` and `siblings` as in `notes.TreeProof`."""

    organisation: Id
    interval: Whole
    events_root: Bytes32
    depths: bytes
    siblings: bytes


class Line(Format, frozen=True, kw_only=True, array_like=True):
    """Packs with one history; `chain` counts into the document's spends, from the maker on."""

    chain: Annotated[tuple[Whole, ...], msgspec.Meta(min_length=1, max_length=MAX_CHAIN)]
    note: Note
    units: Annotated[tuple[UnitId, ...], msgspec.Meta(min_length=1, max_length=MAX_UNITS)]

    @property
    def into(self) -> bytes:
        """What the last spend gave."""
        return self.note.commitment


class EndedLine(Format, frozen=True, kw_only=True, array_like=True):
    """Packs with one history that ended together; the last spend of `chain` ended them."""

    chain: Annotated[tuple[Whole, ...], msgspec.Meta(min_length=1, max_length=MAX_CHAIN)]
    end: End
    units: Annotated[tuple[UnitId, ...], msgspec.Meta(min_length=1, max_length=MAX_UNITS)]

    @property
    def into(self) -> bytes:
        """What the last spend gave."""
        return self.end.commitment


class Document(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-pedigree/1"):
    """A pedigree of packs that are held, as it is written."""

    spends: Annotated[tuple[Spend, ...], msgspec.Meta(min_length=1, max_length=MAX_SPENDS)]
    posts: Annotated[tuple[ShownPost, ...], msgspec.Meta(min_length=1, max_length=MAX_SPENDS)]
    lines: Annotated[tuple[Line, ...], msgspec.Meta(min_length=1, max_length=MAX_UNITS)]


class Ended(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-ended/1"):
    """A pedigree of packs that have ended, as it is written; neither can be read as the other."""

    spends: Annotated[tuple[Spend, ...], msgspec.Meta(min_length=1, max_length=MAX_SPENDS)]
    posts: Annotated[tuple[ShownPost, ...], msgspec.Meta(min_length=1, max_length=MAX_SPENDS)]
    lines: Annotated[tuple[EndedLine, ...], msgspec.Meta(min_length=1, max_length=MAX_UNITS)]


class View(Protocol):
    """What is asked of the chain; see `on_chain.TitleView`."""

    def root(self, organisation: str, interval: int) -> bytes | None:
        """Give the root of a post."""

    def spent(self, organisation: str, nullifier: bytes) -> int | None:
        """Give the interval for which an organisation posted a nullifier."""

    def made_by(self, unit: str, organisation: str, interval: int) -> bool:
        """Tell whether a unit may come from this maker, by its post for an interval."""


class Course(NamedTuple):
    """The checked way of a pack: who had it, since which interval of theirs, and who has it."""

    holders: tuple[Place, ...]
    note: Note


Pedigree = Mapping[str, Course]
"""By unit."""


class Ending(NamedTuple):
    """The checked way of a pack that has ended: the last place is that of who ended it."""

    holders: tuple[Place, ...]
    end: End

    @property
    def place(self) -> Place:
        """The post by which it ended."""
        return self.holders[-1]


def encode(document: Document | Ended) -> bytes:
    """Write a pedigree as JSON, bytes in base64."""
    return msgspec.json.encode(document, order="sorted")


def decode(data: bytes) -> Document:
    """Read a pedigree; refuses `supply.proof_malformed`."""
    try:
        return msgspec.json.decode(data, type=Document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise PROOF_MALFORMED() from None


def check(document: Document, view: View) -> Pedigree:
    """Check every pack's way from its maker to its note against the chain; pure.

    Refuses `supply.proof_malformed`, `supply.title_unposted` (a post that the chain has not),
    `supply.title_spent` (a nullifier that was posted for another interval), `supply.title_path`
    (a pack that did not come out of that note into this one) and `supply.title_origin` (a pack
    that somebody else made); each names a unit that it is so for.
    """
    holders = _checked(document, view)
    lines = zip(document.lines, holders, strict=True)
    return {unit: Course(places, line.note) for line, places in lines for unit in line.units}


def check_ended(document: Ended, view: View) -> Mapping[str, Ending]:
    """Check every pack's way from its maker to its end, by unit; as `check`, and refuses as it."""
    holders = _checked(document, view)
    lines = zip(document.lines, holders, strict=True)
    return {unit: Ending(places, line.end) for line, places in lines for unit in line.units}


def _checked(document: Document | Ended, view: View) -> list[tuple[Place, ...]]:
    """Check a pedigree; gives the posts on the way of each line."""
    lines: Sequence[Line | EndedLine] = document.lines
    first = {index: line.units[0] for line in reversed(lines) for index in line.chain}
    _require_form(document, first)
    for index, spend in enumerate(document.spends):
        interval = view.spent(spend.organisation, spend.nullifier)
        if interval is None:
            raise TITLE_UNPOSTED(unit=first[index])
        if interval != spend.interval:
            raise TITLE_SPENT(unit=first[index])
    found: list[tuple[Place, ...]] = []
    for line in document.lines:
        found.append(tuple(document.spends[each].place for each in line.chain))
        for unit in line.units:
            if not view.made_by(unit, *found[-1][0]):
                raise TITLE_ORIGIN(unit=unit)
    _require_roots(document, view, first)
    return found


def _require_form(document: Document | Ended, first: Mapping[int, str]) -> None:
    """Refuse chains that are none, what is named twice, and what nothing needs."""
    units = [unit for line in document.lines for unit in line.units]
    places = [(each.organisation, each.interval) for each in document.posts]
    fits = (
        len(units) <= MAX_UNITS
        and len(set(units)) == len(units)
        and len(set(places)) == len(places)
        and sorted(first) == list(range(len(document.spends)))
        and {each.place for each in document.spends} == set(places)
    )
    if not fits:
        raise PROOF_MALFORMED()
    for line in document.lines:
        made = [document.spends[each].salt is None for each in line.chain]
        if not made[0] or any(made[1:]) or len(set(line.chain)) != len(made):
            raise PROOF_MALFORMED()


def _require_roots(document: Document | Ended, view: View, first: Mapping[int, str]) -> None:
    example = {document.spends[index].place: unit for index, unit in first.items()}
    leaves = leaves_of(document)
    for post in document.posts:
        place = (post.organisation, post.interval)
        root = view.root(*place)
        if root is None:
            raise TITLE_UNPOSTED(unit=example[place])
        try:
            tree = TitleTree.shown(leaves[place], TreeProof(post.depths, post.siblings))
        except ProofDiffers:
            raise TITLE_PATH(unit=example[place]) from None
        if notes.post_root(post.events_root, tree.root) != root:
            raise TITLE_PATH(unit=example[place])


def leaves_of(document: Document | Ended) -> dict[Place, dict[bytes, bytes]]:
    """Work out all leaves that a pedigree states, by post.

    Refuses `supply.title_path` where one pack came out of one note into two.
    """
    nullifiers = [each.nullifier for each in document.spends]
    found: dict[Place, dict[bytes, bytes]] = {each.place: {} for each in document.spends}
    for line in document.lines:
        chain = [document.spends[each] for each in line.chain]
        values = [*(each.given for each in chain[1:]), line.into]
        for index, spend, value in zip(line.chain, chain, values, strict=True):
            leaves, posted = found[spend.place], nullifiers[index]
            for unit in line.units:
                if leaves.setdefault(spend.key(posted, unit), value) != value:
                    raise TITLE_PATH(unit=unit)
    return found


class Shown:
    """A pedigree that was checked before: from it new ones are made."""

    def __init__(self, document: Document) -> None:
        leaves = leaves_of(document)
        self.trees: dict[Place, tuple[bytes, TitleTree]] = {}
        for post in document.posts:
            place = (post.organisation, post.interval)
            proof = TreeProof(post.depths, post.siblings)
            self.trees[place] = (post.events_root, TitleTree.shown(leaves[place], proof))
        self._chains = {
            unit: tuple(document.spends[each] for each in line.chain)
            for line in document.lines
            for unit in line.units
        }

    def chains(self, units: Iterable[str]) -> Iterator[tuple[tuple[Spend, ...], list[str]]]:
        """Group units by the spends that they came by. Raises KeyError for others."""
        grouped: dict[tuple[Spend, ...], list[str]] = {}
        for unit in units:
            grouped.setdefault(self._chains[unit], []).append(unit)
        yield from grouped.items()


class Composer:
    """Puts a pedigree together, of lines and of the trees that their posts have.

    It is for packs that are held, or for packs that have ended: never for both.
    """

    def __init__(self) -> None:
        self._lines: dict[tuple[tuple[Spend, ...], Note | End], list[str]] = {}
        self._trees: dict[Place, tuple[bytes, TitleTree]] = {}

    def line(self, chain: tuple[Spend, ...], into: Note | End, units: Iterable[str]) -> None:
        """Add packs with one history, and what they went into."""
        self._lines.setdefault((chain, into), []).extend(units)

    def tree(self, place: Place, events_root: bytes, tree: TitleTree) -> None:
        """Add what is known of a post's tree."""
        known = self._trees.get(place)
        if known is not None:
            tree = known[1].joined(tree)
        self._trees[place] = (events_root, tree)

    def document(self) -> Document:
        """Write a pedigree of held packs. Raises KeyError where a tree does not show a line."""
        spends, place = self._spends()
        lines = tuple(
            Line(chain=tuple(place[each] for each in chain), note=into, units=tuple(units))
            for (chain, into), units in self._lines.items()
            if isinstance(into, Note)
        )
        bare = Document(spends=spends, posts=(), lines=lines)
        return Document(spends=spends, posts=self._posts(bare), lines=lines)

    def ended(self) -> Ended:
        """Write a pedigree of ended packs. Raises KeyError as `document`."""
        spends, place = self._spends()
        lines = tuple(
            EndedLine(chain=tuple(place[each] for each in chain), end=into, units=tuple(units))
            for (chain, into), units in self._lines.items()
            if isinstance(into, End)
        )
        bare = Ended(spends=spends, posts=(), lines=lines)
        return Ended(spends=spends, posts=self._posts(bare), lines=lines)

    def _spends(self) -> tuple[tuple[Spend, ...], dict[Spend, int]]:
        spends = tuple(dict.fromkeys(each for chain, _ in self._lines for each in chain))
        return spends, {each: index for index, each in enumerate(spends)}

    def _posts(self, bare: Document | Ended) -> tuple[ShownPost, ...]:
        posts = []
        for (organisation, interval), leaves in leaves_of(bare).items():
            events_root, tree = self._trees[organisation, interval]
            proof = tree.prove(leaves)
            posts.append(
                ShownPost(
                    organisation=organisation,
                    interval=interval,
                    events_root=events_root,
                    depths=proof.depths,
                    siblings=proof.siblings,
                )
            )
        return tuple(posts)
