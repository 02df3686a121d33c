"""What people must look at: orders that were broken, graded, each once, until somebody closes it.

An alert that a missing message raised is closed by that message when it comes (`explained`). Only
ids and words are kept, no free text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, NamedTuple

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert

from yilian.gateway.supply.action_errors import ALERT_DONE, ALERT_UNKNOWN
from yilian.gateway.supply.database import SupplyDatabase, table
from yilian.gateway.supply.judging import KINDS, Severity
from yilian.vault.envelope import new_id

Finding = Literal["false_alarm", "confirmed", "data_error"]
"""What people found; `explained` is written by the repository itself."""

CHUNK = 400
"""How many values are bound in one statement at most."""


@dataclass(frozen=True)
class Alert:
    """An alert. `cause` is `event/<sequence>` or `action/<key>`; times are ms of UTC.

    `act` is what was done, `standing` what the unit was before; `finding` is empty as long as it
    is open.
    """

    alert: str
    kind: str
    severity: str
    unit: str
    cause: str
    act: str
    standing: str
    raised: int
    finding: str
    closed: int | None
    closed_by: str | None


class Detail(NamedTuple):
    """Why an alert is raised: the same kind, unit and cause raise one alert.

    `cause` is `event/<sequence>` or `action/<key>`, `act` what was done, `standing` what the unit
    was before.
    """

    cause: str
    act: str = ""
    standing: str = ""


_table = table("supply_alerts", Alert, ("alert",))
sql.Index("supply_alerts_once", _table.c.kind, _table.c.unit, _table.c.cause, unique=True)
sql.Index("supply_alerts_open", _table.c.finding, _table.c.raised, _table.c.alert)
sql.Index("supply_alerts_unit", _table.c.unit)


class Alerts:
    """The alerts of one organisation. Safe for threads as far as the database is."""

    def __init__(self, database: SupplyDatabase, now: Callable[[], int]) -> None:
        """`now` gives milliseconds of UTC."""
        self._database = database
        self._now = now

    def raise_(
        self,
        kind: str,
        severity: Severity,
        unit: str,
        detail: Detail,
        connection: sql.Connection,
    ) -> None:
        """Raise an alert, unless this cause has raised it before; one that was explained reopens.

        `kind` is one of `judging.KINDS`.
        """
        if kind not in KINDS:
            raise ValueError(kind)
        cause, act, standing = detail
        row = Alert(
            new_id(), kind, severity, unit, cause, act, standing, self._now(), "", None, None
        )
        made = insert(_table).values(**vars(row))
        connection.execute(
            made.on_conflict_do_update(
                index_elements=("kind", "unit", "cause"),
                set_={
                    "severity": severity,
                    "act": act,
                    "standing": standing,
                    "finding": "",
                    "closed": None,
                },
                where=_table.c.finding.in_(("", "explained")),
            )
        )

    def explain(
        self,
        units: Iterable[str],
        causes: Iterable[str],
        still: Iterable[tuple[str, str, str]],
        connection: sql.Connection,
        *,
        keep: AbstractSet[str] = frozenset(),
    ) -> None:
        """Close the open alerts of units for causes, but for (kind, unit, cause) in `still`.

        Kinds in `keep` stay open whatever their cause.
        """
        wanted, kept = set(causes), set(still)
        names = sorted(set(units))
        gone = []
        for start in range(0, len(names), CHUNK):
            found = connection.execute(
                sql.select(_table.c.alert, _table.c.kind, _table.c.unit, _table.c.cause).where(
                    _table.c.unit.in_(names[start : start + CHUNK]), _table.c.finding == ""
                )
            )
            gone += [
                row.alert
                for row in found
                if row.cause in wanted
                and row.kind not in keep
                and (row.kind, row.unit, row.cause) not in kept
            ]
        for start in range(0, len(gone), CHUNK):
            connection.execute(
                sql.update(_table)
                .where(_table.c.alert.in_(gone[start : start + CHUNK]))
                .values(finding="explained", closed=self._now())
            )

    def one(self, alert: str) -> Alert:
        """Read an alert; refuses `supply.alert_not_here`."""
        found = self._database.one(Alert, sql.select(_table).where(_table.c.alert == alert))
        if found is None:
            raise ALERT_UNKNOWN(alert=alert)
        return found

    def list(
        self,
        *,
        unit: str | None = None,
        severity: Severity | None = None,
        closed: bool = False,
        after: tuple[int, str] | None = None,
        limit: int = 200,
    ) -> list[Alert]:
        """List alerts that are open (or closed), oldest first, `after` one (raised, alert)."""
        query = sql.select(_table).where(
            _table.c.finding != "" if closed else _table.c.finding == ""
        )
        if unit is not None:
            query = query.where(_table.c.unit == unit)
        if severity is not None:
            query = query.where(_table.c.severity == severity)
        if after is not None:
            query = query.where(
                sql.tuple_(_table.c.raised, _table.c.alert)
                > sql.tuple_(sql.literal(after[0]), sql.literal(after[1]))
            )
        return self._database.rows(
            Alert, query.order_by(_table.c.raised, _table.c.alert).limit(limit)
        )

    def close(self, alert: str, finding: Finding, by: str, *, together: bool = False) -> int:
        """Close an alert with what people found; tells how many were closed.

        `together`: with all open ones of the same kind and cause (a pallet of packs is one matter).
        Refuses `supply.alert_not_here` and `supply.alert_done`.
        """
        with self._database.write() as connection:
            found = connection.execute(sql.select(_table).where(_table.c.alert == alert)).first()
            if found is None:
                raise ALERT_UNKNOWN(alert=alert)
            if found.finding:
                raise ALERT_DONE(alert=alert)
            which = (
                sql.and_(_table.c.kind == found.kind, _table.c.cause == found.cause)
                if together
                else _table.c.alert == alert
            )
            closed = connection.execute(
                sql.update(_table)
                .where(which, _table.c.finding == "")
                .values(finding=finding, closed=self._now(), closed_by=by)
            )
            return int(closed.rowcount)
