"""When and where the code of a pack was in somebody's hand, and what does not fit together."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from yilian.gateway.supply.database import table
from yilian.gateway.supply.places import Point, distance
from yilian.vault.database import position, values

SPEED = 1_000
"""Kilometres an hour: an aircraft with freight."""
SLACK_MS = 15 * 60_000
"""By so much the clocks of two sites may differ."""
NEAR_KM = 50
"""Within one town nothing is far."""
DAY_MS = 86_400_000
UNKNOWN_SERIALS = 3
"""So many unknown serial numbers of a product within a day are more than slips ..."""
UNKNOWN_SHARE = 100
"""... where they are more than one in so many that were asked for."""

Act = Literal["verify", "unknown", "dispense", "return", "move"]
"""What was done: the pack was verified, or is none that was made; `move` is any other event."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """A pack in somebody's hand at `at` (ms): where, who (as far as told), what was done.

    `site` is a location number or a `geo:` URI; `cause` is `event/<sequence>` or
    `verification/<id>`; `digest` is the event's, to find it again when it is declared not to have
    happened. Coordinates are in millionths of a degree.
    """

    pack: str
    gtin: str
    at: int
    site: str
    who: str
    act: str
    cause: str
    digest: bytes
    latitude: int | None
    longitude: int | None

    def point(self) -> Point | None:
        """Give where it was, if that is known."""
        if self.latitude is None or self.longitude is None:
            return None
        return Point(self.latitude, self.longitude)


PRESENTATIONS = table(
    "supply_presentations", Presentation, [], position(), sql.UniqueConstraint("pack", "cause")
)
sql.Index("supply_presentations_way", PRESENTATIONS.c.pack, PRESENTATIONS.c.at)
sql.Index("supply_presentations_day", PRESENTATIONS.c.gtin, PRESENTATIONS.c.at)
sql.Index("supply_presentations_digest", PRESENTATIONS.c.digest)


def insert(connection: sql.Connection, shown: Presentation) -> bool:
    """Keep a presentation; False where it was kept before."""
    made = sqlite_insert(PRESENTATIONS).values(**values(shown)).on_conflict_do_nothing()
    return bool(connection.execute(made).rowcount)


def forget(connection: sql.Connection, digest: bytes) -> None:
    """Forget the presentations of an event that did not happen."""
    connection.execute(sql.delete(PRESENTATIONS).where(PRESENTATIONS.c.digest == digest))


def is_too_fast(one: Presentation, two: Presentation) -> bool:
    """Tell whether nothing that carries packs comes from one place to the other in the time."""
    here, there = one.point(), two.point()
    if here is None or there is None or here == there:
        return False
    hours = (abs(two.at - one.at) + SLACK_MS) / 3_600_000
    return distance(here, there) > NEAR_KM + SPEED * hours


def leap(connection: sql.Connection, shown: Presentation) -> Presentation | None:
    """Find the presentation just before or after from whose place nothing comes here in time."""
    if shown.point() is None:
        return None
    at = PRESENTATIONS.c.at
    known = sql.select(PRESENTATIONS).where(
        PRESENTATIONS.c.pack == shown.pack,
        PRESENTATIONS.c.latitude.is_not(None),
        PRESENTATIONS.c.cause != shown.cause,
    )
    near = [
        *connection.execute(known.where(at <= shown.at).order_by(at.desc()).limit(1)),
        *connection.execute(known.where(at > shown.at).order_by(at).limit(1)),
    ]
    return next((other for other in map(_read, near) if is_too_fast(other, shown)), None)


def dispensings(connection: sql.Connection, pack: str) -> list[Presentation]:
    """List when a pack was handed out, the earliest first."""
    given = sql.select(PRESENTATIONS).where(
        PRESENTATIONS.c.pack == pack, PRESENTATIONS.c.act == "dispense"
    )
    return [_read(row) for row in connection.execute(given.order_by(PRESENTATIONS.c.at))]


def dispensed_elsewhere(
    connection: sql.Connection,
    shown: Presentation,
    parties: Callable[[Presentation], AbstractSet[str]],
) -> Presentation | None:
    """Find that a pack was handed out somewhere else, and did not come back between.

    One counter that scans twice is no second pack, nor are two counters of one site. Where a site
    is not told, it is who did it (`parties`: who is behind a presentation, and its site).
    """
    columns = PRESENTATIONS.c
    back = list(
        connection.scalars(
            sql.select(columns.at).where(
                columns.pack == shown.pack, columns.cause != shown.cause, columns.act == "return"
            )
        )
    )
    for other in dispensings(connection, shown.pack):
        if other.cause == shown.cause:
            continue
        if other.site and shown.site:
            alike = other.site == shown.site
        else:
            alike = bool(parties(other) & parties(shown))
        first, last = sorted((other.at, shown.at))
        if not alike and not any(first <= at <= last for at in back):
            return other
    return None


def unknown_serials(
    connection: sql.Connection, shown: Presentation
) -> Literal["pack", "product"] | None:
    """Tell made-up serial numbers from mistyped ones, within the day before a presentation.

    `pack`: several parties have the same number; `product`: there are many numbers, and more than
    one in a hundred that were asked for.
    """
    columns = PRESENTATIONS.c
    day = sql.and_(columns.gtin == shown.gtin, columns.at > shown.at - DAY_MS)
    unknown = sql.and_(day, columns.act == "unknown")

    def count(what: Any, where: sql.ColumnElement[bool]) -> int:
        return int(connection.scalar(sql.select(sql.func.count(what)).where(where)) or 0)

    if count(columns.who.distinct(), sql.and_(unknown, columns.pack == shown.pack)) > 1:
        return "pack"
    packs = count(columns.pack.distinct(), unknown)
    if packs < UNKNOWN_SERIALS:
        return None
    asked = count(columns.cause, sql.and_(day, columns.act.in_(("verify", "unknown"))))
    return "product" if packs * UNKNOWN_SHARE > asked else None


def _read(row: Any) -> Presentation:
    return Presentation(*row[: len(Presentation.__dataclass_fields__)])
