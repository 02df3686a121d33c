"""How long a record must be kept, by class, with the source of each term. Pure functions.

A term is counted from the deposit: the law counts from the last visit or the discharge, which a
bundle names only in its content, and a deposit is not earlier. It ends with the first moment (UTC)
of the month after: the chain sees the end of a sealed record's term, and the exact moment would
tell in which batch the record went on the chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from yilian.vault.errors import RETENTION_UNKNOWN

DEFAULT = "outpatient"
NOTE = "patient-note"
DUTIES = frozenset({"retention-duty", "legal"})
"""The purposes for which a sealed record may still be read by who keeps it."""

HOLD_REVIEW_DAYS = 30
"""A record that only a hold keeps is sealed for so long, and then looked at again."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_YEAR = 9998


class Class(NamedTuple):
    """A retention class: years from the deposit, and the law or rule they come from."""

    years: int
    source: str


CLASSES: Mapping[str, Class] = MappingProxyType(
    {
        "outpatient": Class(15, "《医疗机构管理条例实施细则》第五十三条"),
        "emergency": Class(15, "《医疗机构病历管理规定（2013年版）》第二十九条"),
        "inpatient": Class(30, "《医疗机构管理条例实施细则》第五十三条"),
        "imaging": Class(
            15, "《医疗机构管理条例实施细则》第五十三条: part of the outpatient record"
        ),
        "imaging-inpatient": Class(
            30, "《医疗机构管理条例实施细则》第五十三条: part of the inpatient record"
        ),
        "prescription": Class(1, "《处方管理办法》第五十条"),
        "prescription-psychotropic": Class(2, "《处方管理办法》第五十条: toxic, second class"),
        "prescription-narcotic": Class(3, "《处方管理办法》第五十条: narcotic, first class"),
        # From the end of the trial or the approval: until then a hold of ground `trial` stands.
        "trial": Class(5, "《药物临床试验质量管理规范》(2020), essential documents"),
        "patient-note": Class(0, "the patient's own; no duty to keep"),
        "none": Class(0, "no duty to keep"),
    }
)


def require_class(name: str) -> Class:
    """Find a retention class; refuses `retention_class_unknown`."""
    found = CLASSES.get(name)
    if found is None:
        raise RETENTION_UNKNOWN(name=name)
    return found


def ends(name: str, deposited: int) -> int:
    """Tell when a class's term is over for a record deposited then (milliseconds, UTC).

    A class of no years ends at the deposit. Refuses `retention_class_unknown`.
    """
    years = require_class(name).years
    if not years:
        return deposited
    start = _moment(deposited)
    return _millis(_month_after(start.year + years, start.month))


def review(now: int) -> int:
    """Tell when a record that only a hold keeps is looked at again (milliseconds)."""
    then = _moment(now) + timedelta(days=HOLD_REVIEW_DAYS)
    return _millis(_month_after(then.year, then.month))


def _moment(millis: int) -> datetime:
    """A clock beyond the calendar gives its end, so that no clock makes a term shorter."""
    days = min(millis // 86_400_000, (datetime(_LAST_YEAR, 1, 1, tzinfo=UTC) - _EPOCH).days)
    return _EPOCH + timedelta(days=days)


def _month_after(year: int, month: int) -> datetime:
    year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return datetime(min(year, _LAST_YEAR + 1), month, 1, tzinfo=UTC)


def _millis(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
