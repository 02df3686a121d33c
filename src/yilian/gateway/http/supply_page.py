"""The page that shows a scanned pack: self-contained, no script, nothing from elsewhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from yilian.ledger.errors import Refusal
from yilian.text import say

if TYPE_CHECKING:
    from yilian.gateway.http.supply_public import Scanned

STYLE_PATH = "/v1/supply/scan.css"
STYLE = """\
:root { color-scheme: light dark; --line: #8886; }
body { font: 17px/1.55 system-ui, "Noto Sans SC", sans-serif; max-width: 40rem; margin: 1.5rem auto;
  padding: 0 1rem; }
.verdict { border: 3px solid; border-radius: .6rem; padding: .8rem 1rem; margin: 1rem 0; }
.verdict h1 { margin: 0 0 .3rem; font-size: 1.6rem; }
.green { color: #0a6b2e; background: #e5f6ea; }
.blue { color: #11508f; background: #e6f0fb; }
.amber { color: #7a4b00; background: #fdf1da; }
.red { color: #a01010; background: #fde8e8; }
.grey { color: #444; background: #eee; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
dt { font-weight: 600; }
dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid var(--line); }
input, button { font: inherit; padding: .5rem; width: 100%; box-sizing: border-box;
  margin: .3rem 0; }
"""

_STEPS = (
    "commission",
    "ship",
    "receive",
    "dispense",
    "dispense_part",
    "return",
    "destroy",
    "hold",
    "release",
    "recall",
    "export",
)
_PARTIES = (
    "authority",
    "charity",
    "clinic",
    "distributor",
    "hospital",
    "insurer",
    "laboratory",
    "maker",
    "pharmacy",
    "platform",
    "regulator",
    "research",
)


def ask_page(language: str) -> str:
    """Write the page that asks for a code."""
    return _page(
        language,
        f"<h1>{_word(language, 'title')}</h1><p>{_word(language, 'introduction')}</p>"
        '<form method="get" action="/v1/supply/scan">'
        f'<label for="code">{_word(language, "code")}</label>'
        '<input id="code" name="code" required autocomplete="off" maxlength="512">'
        f"<button>{_word(language, 'look')}</button></form>",
    )


def show_page(shown: Scanned, language: str) -> str:
    """Write the page that shows a pack."""
    lines = [
        f'<section class="verdict {shown.colour}"><h1>{escape(shown.title)}</h1>'
        f"<p>{escape(shown.why)}</p><p><strong>{escape(shown.do)}</strong></p></section>",
        _facts(shown, language),
    ]
    if shown.route:
        lines.append(_route(shown, language))
    if shown.temperature is not None:
        lines.append(_temperature(shown, language))
    lines.append(f'<p><a href="/v1/supply/scan">{_word(language, "again")}</a></p>')
    return _page(language, "".join(lines))


def refused_page(refusal: Refusal, language: str) -> str:
    """Write the page that says why nothing can be shown, and what to do."""
    name, parameters = refusal.code.name, refusal.parameters
    title, detail, then = (
        escape(say(language, "errors", f"{name}/{part}", **parameters))
        for part in ("title", "detail", "next")
    )
    return _page(
        language,
        f'<section class="verdict grey"><h1>{title}</h1><p>{detail}</p>'
        f"<p><strong>{then}</strong></p></section>"
        f'<p><a href="/v1/supply/scan">{_word(language, "again")}</a></p>',
    )


def _facts(shown: Scanned, language: str) -> str:
    facts = [
        ("product", f"{shown.product} ({shown.gtin})"),
        ("maker", shown.maker),
        ("serial", shown.serial),
        ("lot", shown.lot),
        ("expiry", shown.expiry),
    ]
    rows = [(name, value or say(language, "scan", "page/unknown")) for name, value in facts]
    if shown.recall is not None:
        grade = say(language, "scan", "page/recall_grade", grade=shown.recall.grade)
        why = say(language, "scan", f"recall/{shown.recall.reason}")
        rows.append(("recall", f"{grade}: {why}"))
    made = "".join(
        f"<dt>{_word(language, name)}</dt><dd>{escape(value)}</dd>" for name, value in rows
    )
    return f"<dl>{made}</dl>"


def _route(shown: Scanned, language: str) -> str:
    head = "".join(f"<th>{_word(language, each)}</th>" for each in ("day", "step", "party"))
    rows = []
    for each in shown.route:
        step = each.step if each.step in _STEPS else "other"
        party = each.party if each.party in _PARTIES else "other"
        where = say(language, "scan", f"party/{party}")
        if each.name:
            where = f"{where}: {each.name}"
        rows.append(
            f"<tr><td>{escape(each.day)}</td>"
            f"<td>{escape(say(language, 'scan', f'step/{step}'))}</td><td>{escape(where)}</td></tr>"
        )
    return f"<h2>{_word(language, 'route')}</h2><table><tr>{head}</tr>{''.join(rows)}</table>"


def _temperature(shown: Scanned, language: str) -> str:
    kept = shown.temperature
    assert kept is not None
    said = [say(language, "scan", "page/readings", count=kept.readings)]
    if kept.lowest is not None and kept.highest is not None:
        lowest, highest = degrees(kept.lowest), degrees(kept.highest)
        said.append(say(language, "scan", "page/range", lowest=lowest, highest=highest))
    if kept.mean_kinetic is not None:
        value = degrees(kept.mean_kinetic)
        said.append(say(language, "scan", "page/mean_kinetic", value=value))
    said.append(say(language, "scan", "page/outside", minutes=kept.minutes_outside))
    items = "".join(f"<li>{escape(each)}</li>" for each in said)
    return f"<h2>{_word(language, 'temperature')}</h2><ul>{items}</ul>"


def degrees(hundredths: int) -> str:
    """Write hundredths of a degree with one decimal, half away from zero."""
    sign = "-" if hundredths < -4 else ""
    tenths = (abs(hundredths) + 5) // 10
    return f"{sign}{tenths // 10}.{tenths % 10}"


def _word(language: str, key: str) -> str:
    return escape(say(language, "scan", f"page/{key}"))


def _page(language: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{_word(language, 'title')}</title>"
        f'<link rel="stylesheet" href="{STYLE_PATH}"><main>{body}</main></html>'
    )
