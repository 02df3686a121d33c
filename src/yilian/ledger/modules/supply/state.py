"""What `supply` remembers, and what other rooms may read of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from yilian.ledger import codec
from yilian.ledger.modules.governance.state import parameters
from yilian.ledger.modules.identity.messages import PublicText
from yilian.ledger.modules.identity.state import standing
from yilian.ledger.modules.supply.messages import (
    AlertKind,
    Celsius,
    Cycles,
    Finding,
    Grade,
    ProductKind,
    Reason,
    Role,
)
from yilian.ledger.modules.supply.numbers import (
    LEAST_PREFIX,
    MOST_PREFIX,
    DrugCode,
    Gln,
    Gtin,
    Lot,
    Prefix,
)
from yilian.ledger.state import State, Table

INTERVAL_MS = 10_000
"""How long an interval is where members set no `supply_interval_ms`."""

SLOTS = 8
"""How many nullifiers a post has where members set no `supply_slots`."""


class Company(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A registration of `organisation`, since a height and until another (`ended`)."""

    organisation: codec.Id
    gln: Gln
    since: codec.Whole
    prefixes: tuple[Prefix, ...] = ()
    ended: codec.Whole | None = None


class Party(msgspec.Struct, frozen=True):
    """The registrations of an organisation that stand, sorted by id."""

    companies: tuple[codec.Id, ...]


class PrefixNode(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Some digits: whose company prefix they are, or how many company prefixes go on from them."""

    company: codec.Id | None = None
    below: codec.Whole = 0


class Mark(msgspec.Struct, frozen=True):
    """That a GLN is taken, and by which registration."""

    company: codec.Id


class Product(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A product, its owner, and who answers for its packs; temperatures in 1/100 degree C.

    `offered` names the organisation that may take it over; `ended` is a height.
    """

    kind: ProductKind
    name: PublicText
    owner: codec.Id
    responder: codec.Id
    since: codec.Whole
    single_use: bool = False
    cycles: Cycles | None = None
    lowest: Celsius | None = None
    highest: Celsius | None = None
    drug_code: DrugCode | None = None
    offered: codec.Id | None = None
    ended: codec.Whole | None = None


class Owned(msgspec.Struct, frozen=True):
    """Whose a product was from a block time (ms) on, until the next entry."""

    organisation: codec.Id
    since: codec.Millis


class Owners(msgspec.Struct, frozen=True):
    """Everybody whose product it ever was, the earliest first."""

    entries: tuple[Owned, ...]

    def at(self, time: int) -> tuple[str, ...]:
        """Name who owned it at a block time (ms); several where it changed hands in that block.

        Before the first entry it was its who registered it, as the company with the prefix.
        """
        before = [each for each in self.entries if each.since < time][-1:] or self.entries[:1]
        then = [each for each in self.entries if each.since == time]
        return tuple(dict.fromkeys(each.organisation for each in (*before, *then)))


class DrugMark(msgspec.Struct, frozen=True):
    """To which product a drug code belongs."""

    gtin: Gtin


class Credential(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """That an organisation may act in a role, until before `ends` (ms) or its revocation."""

    organisation: codec.Id
    issuer: codec.Id
    role: Role
    ends: codec.Millis
    since: codec.Whole
    revoked: codec.Whole | None = None


class Held(msgspec.Struct, frozen=True):
    """The credentials of an organisation that were in force when the newest was issued, by id."""

    credentials: tuple[codec.Id, ...]


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How time is cut into intervals: `first` began at `since` (ms), each lasts `ms`."""

    ms: codec.Positive
    first: codec.Whole = 0
    since: codec.Millis = 0

    def at(self, time: int) -> int:
        """Give the number of the interval in which a moment (ms) lies."""
        return self.first + (time - self.since) // self.ms

    def begins(self, interval: int) -> int:
        """Give the moment (ms) at which an interval begins."""
        return self.since + (interval - self.first) * self.ms


class Posted(msgspec.Struct, frozen=True):
    """What an organisation committed to for an interval, and at which block time (ms)."""

    root: codec.Digest
    time: codec.Millis


class LastPost(msgspec.Struct, frozen=True):
    """The newest interval that is over for an organisation: posted for, or before it registered."""

    interval: codec.Whole


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """Where an organisation posted a nullifier: for which interval, at which place from 0."""

    interval: codec.Whole
    slot: codec.Whole


class ViewKey(msgspec.Struct, frozen=True, kw_only=True):
    """The HPKE public key under which members let a regulator see, since a height."""

    kem: codec.Name
    public: codec.Binary
    since: codec.Whole


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The seed that a member wrapped to a view key (`key` is its SHA-256), since a height."""

    key: codec.Digest
    wrapped: codec.Binary
    since: codec.Whole


class Recall(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A recall of lots, of serials (`serial_digest`), or of all where it names neither.

    `issued`, `ends` and `ended` are ms; `since` is a height.
    """

    gtin: Gtin
    issuer: codec.Id
    grade: Grade
    reason: Reason
    issued: codec.Millis
    since: codec.Whole
    lots: tuple[Lot, ...] = ()
    serials: tuple[codec.Digest, ...] = ()
    ends: codec.Millis | None = None
    ended: codec.Millis | None = None

    def stands(self, now: int) -> bool:
        """Tell whether it holds at `now` (ms): the later of block time and own clock."""
        return self.ended is None and (self.ends is None or now < self.ends)

    def covers(self, lot: str, serial: str) -> bool:
        """Tell whether it is about a pack; `serial` is a `serial_digest`, "" for none."""
        if not self.lots and not self.serials:
            return True
        return lot in self.lots or serial in self.serials


class Recalls(msgspec.Struct, frozen=True):
    """The recalls of a product that stood when the newest was issued, by id."""

    recalls: tuple[codec.Id, ...]


class Alert(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A suspicion about packs of a product; `raised` and `closed` are ms, `since` is a height."""

    gtin: Gtin
    kind: AlertKind
    organisation: codec.Id
    commitment: codec.Digest
    raised: codec.Millis
    since: codec.Whole
    finding: Finding | None = None
    closed: codec.Millis | None = None

    @property
    def status(self) -> Literal["open", "closed"]:
        """Tell whether it still waits for a finding."""
        return "open" if self.finding is None else "closed"


COMPANIES = Table("supply/company/", Company)
PARTIES = Table("supply/party/", Party)
"""By organisation."""

GLNS = Table("supply/gln/", Mark)
PREFIXES = Table("supply/prefix/", PrefixNode)
"""By 6 to 12 digits."""

PRODUCTS = Table("supply/product/", Product)
"""By GTIN."""

OWNERS = Table("supply/owners/", Owners)
"""By GTIN."""

DRUG_CODES = Table("supply/drug-code/", DrugMark)
CREDENTIALS = Table("supply/credential/", Credential)
HELD = Table("supply/held/", Held)
"""By organisation and role, with `.` between."""

PACE = Table("supply/pace/", Pace)
POSTS = Table("supply/post/", Posted)
"""By organisation and interval (16 digits), with `.` between."""

LAST_POSTS = Table("supply/last/", LastPost)
"""By organisation."""

NULLIFIERS = Table("supply/nullifier/", Spent)
"""By organisation and nullifier, with `.` between."""

VIEW_KEYS = Table("supply/view-key/", ViewKey)
"""By the regulator's organisation."""

VIEWS = Table("supply/view/", View)
"""By organisation and regulator, with `.` between."""

RECALLS = Table("supply/recall/", Recall)
RECALLS_OF = Table("supply/recalls-of/", Recalls)
"""By GTIN."""

ALERTS = Table("supply/alert/", Alert)
TABLES = (
    COMPANIES,
    PARTIES,
    GLNS,
    PREFIXES,
    PRODUCTS,
    OWNERS,
    DRUG_CODES,
    CREDENTIALS,
    HELD,
    PACE,
    POSTS,
    LAST_POSTS,
    NULLIFIERS,
    VIEW_KEYS,
    VIEWS,
    RECALLS,
    RECALLS_OF,
    ALERTS,
)

_CURRENT = "current"


# -- companies and products ------------------------------------------------------------------------


def company_of(state: State, gln: str) -> Company | None:
    """Find the registration that stands under a GLN."""
    mark = GLNS.get(state, gln)
    return None if mark is None else COMPANIES.require(state, mark.company)


def companies(state: State, organisation: str) -> tuple[Company, ...]:
    """List the registrations of an organisation that stand, by id."""
    party = PARTIES.get(state, organisation)
    named = () if party is None else party.companies
    return tuple(COMPANIES.require(state, each) for each in named)


def trades(state: State, organisation: str) -> bool:
    """Tell whether an organisation has a registration that stands, and so posts."""
    return PARTIES.has(state, organisation)


def covering(state: State, gtin: str) -> Company | None:
    """Find the registration whose prefix a GTIN begins with, behind its first digit."""
    digits = gtin[1:-1]
    for length in range(LEAST_PREFIX, MOST_PREFIX + 1):
        node = PREFIXES.get(state, digits[:length])
        if node is None:
            return None
        if node.company is not None:
            return COMPANIES.require(state, node.company)
    return None


def product(state: State, gtin: str) -> Product | None:
    """Read a product, an ended one too."""
    return PRODUCTS.get(state, gtin)


def product_of_drug_code(state: State, drug_code: str) -> str | None:
    """Give the GTIN to which the first 7 digits of a Chinese trace code belong."""
    mark = DRUG_CODES.get(state, drug_code)
    return None if mark is None else mark.gtin


def owner(state: State, gtin: str) -> str | None:
    """Name the organisation whose product it is."""
    found = PRODUCTS.get(state, gtin)
    return None if found is None else found.owner


def owners(state: State, gtin: str) -> tuple[Owned, ...]:
    """List everybody whose product it ever was, the earliest first; () for an unknown product."""
    found = OWNERS.get(state, gtin)
    return () if found is None else found.entries


def owned_at(state: State, gtin: str, time: int) -> tuple[str, ...]:
    """Name who owned a product at a block time (ms): see `Owners.at`; () for an unknown one."""
    found = OWNERS.get(state, gtin)
    return () if found is None else found.at(time)


def responder(state: State, gtin: str) -> str | None:
    """Name the organisation that answers whether a pack of a product is real."""
    found = PRODUCTS.get(state, gtin)
    return None if found is None else found.responder


# -- credentials -----------------------------------------------------------------------------------


def held_key(organisation: str, role: str) -> str:
    """Write the name under which an organisation's credentials for a role stand."""
    return f"{organisation}.{role}"


def credentialed(state: State, organisation: str, role: Role, now: int) -> bool:
    """Tell whether an organisation may act in a role at `now` (ms): the later of both clocks.

    Both it and the regulator that says so must stand.
    """
    held = HELD.get(state, held_key(organisation, role))
    if held is None or standing(state, organisation) is None:
        return False
    return any(in_force(state, each, now) for each in held.credentials)


def in_force(state: State, credential: str, now: int) -> bool:
    """Tell whether a credential counts at `now` (ms)."""
    found = CREDENTIALS.require(state, credential)
    return found.revoked is None and now < found.ends and standing(state, found.issuer) is not None


# -- posts -----------------------------------------------------------------------------------------


def interval_ms(state: State) -> int:
    """Give how long an interval is, as members set it (ms)."""
    value = parameters(state).supply_interval_ms
    return INTERVAL_MS if value is msgspec.UNSET else value


def slots(state: State) -> int:
    """Give how many nullifiers a post has, as members set it."""
    value = parameters(state).supply_slots
    return SLOTS if value is msgspec.UNSET else value


def pace(state: State, now: int) -> Pace:
    """Give how time is cut into intervals from `now` (ms) on.

    Numbers never go back: where members changed the length, a new interval begins at once.
    """
    ms = interval_ms(state)
    held = PACE.get(state, _CURRENT)
    if held is None:
        return Pace(ms=ms)
    return held if held.ms == ms else Pace(ms=ms, first=held.at(now) + 1, since=now)


def set_pace(state: State, changed: Pace) -> None:
    """Write how time is cut."""
    PACE.put(state, _CURRENT, changed)


def post_key(organisation: str, interval: int) -> str:
    """Write the name under which a post stands."""
    return f"{organisation}.{interval:016d}"


def posted(state: State, organisation: str, interval: int) -> str | None:
    """Give the root that an organisation posted for an interval (base64url)."""
    found = POSTS.get(state, post_key(organisation, interval))
    return None if found is None else found.root


def last_post(state: State, organisation: str) -> int | None:
    """Give the newest interval that is over for an organisation: it posts for a later one.

    It is the last one posted for, or the one before its first registration.
    """
    found = LAST_POSTS.get(state, organisation)
    return None if found is None else found.interval


def posted_at(state: State, organisation: str, interval: int) -> int | None:
    """Give the block time (ms) at which an organisation posted for an interval.

    An interval may be posted for late, so its number does not say when that was.
    """
    found = POSTS.get(state, post_key(organisation, interval))
    return None if found is None else found.time


def nullifier_key(organisation: str, nullifier: str) -> str:
    """Write the name under which an organisation's nullifier stands."""
    return f"{organisation}.{nullifier}"


def spent(state: State, organisation: str, nullifier: str) -> Spent | None:
    """Tell where an organisation posted a nullifier, None where it never did.

    What another one posted says nothing about this one's titles.
    """
    return NULLIFIERS.get(state, nullifier_key(organisation, nullifier))


# -- views -----------------------------------------------------------------------------------------


def view_key(state: State, regulator: str) -> ViewKey | None:
    """Read a regulator's view key."""
    return VIEW_KEYS.get(state, regulator)


def view_keys(state: State) -> tuple[tuple[str, ViewKey], ...]:
    """List the view keys with the organisations of their regulators, by id."""
    size = len(VIEW_KEYS.prefix)
    return tuple(
        (key[size:].decode("ascii"), VIEW_KEYS.decode(value))
        for key, value in state.scan(VIEW_KEYS.prefix)
    )


def view(state: State, organisation: str, regulator: str) -> View | None:
    """Read the seed that a member wrapped to a regulator's view key."""
    return VIEWS.get(state, view_name(organisation, regulator))


def view_name(organisation: str, regulator: str) -> str:
    """Write the name under which a view stands."""
    return f"{organisation}.{regulator}"


# -- recalls ---------------------------------------------------------------------------------------


def recalls_of(state: State, gtin: str, now: int | None = None) -> tuple[tuple[str, Recall], ...]:
    """List the recalls of a product that were not ended, by id; with `now` (ms) those that hold."""
    found = RECALLS_OF.get(state, gtin)
    named = () if found is None else found.recalls
    read = [(each, RECALLS.require(state, each)) for each in named]
    return tuple((name, each) for name, each in read if now is None or each.stands(now))


def recalled(state: State, gtin: str, lot: str, serial: str, now: int) -> tuple[str, ...]:
    """Name the recalls that cover a pack at `now` (ms), the gravest first; () for none.

    `serial` is a `serial_digest`, "" where it is not known.
    """
    found = recalls_of(state, gtin, now)
    held = [(each.grade, name) for name, each in found if each.covers(lot, serial)]
    return tuple(name for _, name in sorted(held))
