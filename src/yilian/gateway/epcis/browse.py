"""The browse trees: which types, units, steps, places and dispositions occur in the events.

EPCIS 2.0, section 12.4 (top-level resources). A partner finds only what stands in events that it
may see; that is noted when they are shown to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert

from yilian.gateway.epcis.store import found_by
from yilian.gateway.epcis.terms import number_of
from yilian.gateway.supply.database import METADATA

Tree = Literal["eventTypes", "epcs", "bizSteps", "bizLocations", "readPoints", "dispositions"]

_NAMES: dict[str, tuple[str, ...]] = {
    "eventTypes": ("eventType",),
    "epcs": ("epc", "parentID", "inputEPC", "outputEPC"),
    "bizSteps": ("bizStep",),
    "bizLocations": ("bizLocation",),
    "readPoints": ("readPoint",),
    "dispositions": ("disposition",),
}
TREES: dict[str, tuple[int, ...]] = {
    tree: tuple(number_of(name) for name in names) for tree, names in _NAMES.items()
}
_TREE_OF = {number: tree for tree, numbers in TREES.items() for number in numbers}

_shown = sql.Table(
    "epcis_shown_names",
    METADATA,
    sql.Column("partner", sql.Text, primary_key=True),
    sql.Column("tree", sql.Text, primary_key=True),
    sql.Column("value", sql.Text, primary_key=True),
    sqlite_with_rowid=False,
)


class Names(NamedTuple):
    """Names of a tree in their order, and the page of those after them, if there are any."""

    names: list[str]
    next: str | None


def note(connection: sql.Connection, partner: str, contents: Iterable[bytes]) -> None:
    """Note what a partner finds in the trees from now on."""
    found = {
        (_TREE_OF[name], value)
        for content in contents
        for name, value in found_by(content)
        if name in _TREE_OF
    }
    if found:
        rows = [{"partner": partner, "tree": tree, "value": value} for tree, value in sorted(found)]
        connection.execute(insert(_shown).on_conflict_do_nothing(), rows)


def forget(connection: sql.Connection, partner: str, contents: Iterable[bytes]) -> None:
    """Forget what a partner finds in the trees no more, once these events were taken back."""
    gone = {
        (_TREE_OF[name], value)
        for content in contents
        for name, value in found_by(content)
        if name in _TREE_OF
    }
    still = (
        "SELECT EXISTS (SELECT 1 FROM epcis_terms AS t JOIN epcis_visible AS v ON v.row = t.row"
        " WHERE t.name = ? AND t.value = ? AND v.partner = ?)"
    )
    for tree, value in sorted(gone):
        asked = ((name, value, partner) for name in TREES[tree])
        if not any(connection.exec_driver_sql(still, each).scalar() for each in asked):
            connection.execute(
                sql.delete(_shown).where(
                    _shown.c.partner == partner, _shown.c.tree == tree, _shown.c.value == value
                )
            )


def browse(
    connection: sql.Connection, tree: Tree, page: str | None, limit: int, viewer: str | None
) -> Names:
    """Give at most `limit` names of a tree that come after `page`."""
    if viewer is None:
        found = _all(connection, TREES[tree], page or "", limit + 1)
    else:
        asked = sql.select(_shown.c.value).where(
            _shown.c.partner == viewer, _shown.c.tree == tree, _shown.c.value > (page or "")
        )
        found = list(connection.scalars(asked.order_by(_shown.c.value).limit(limit + 1)))
    return Names(found[:limit], found[limit - 1] if len(found) > limit else None)


def _all(connection: sql.Connection, names: tuple[int, ...], after: str, limit: int) -> list[str]:
    """Step from one value to the next, however many events have it."""
    one = "SELECT MIN(value) FROM epcis_terms WHERE name = ? AND value > ?"
    seen = (
        "SELECT EXISTS (SELECT 1 FROM epcis_terms AS t JOIN epcis_events AS e ON e.row = t.row"
        " WHERE t.name = ? AND t.value = ? AND e.sequence IS NOT NULL)"
    )
    found: list[str] = []
    while len(found) < limit:
        nearest = [connection.exec_driver_sql(one, (name, after)).scalar() for name in names]
        value = min((each for each in nearest if each is not None), default=None)
        if value is None:
            break
        if any(connection.exec_driver_sql(seen, (name, value)).scalar() for name in names):
            found.append(value)
        after = value
    return found
