"""How a page without script is written: one style sheet, links, a search form, sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

from yilian.portal.kinds import kinds
from yilian.text import LANGUAGES, say

STYLE_PATH = "/plain/plain.css"
STYLE = """\
body { font: 17px/1.55 system-ui, "Noto Sans SC", "PingFang SC", sans-serif; color: #1a1f24;
  background: #fff; max-width: 44rem; margin: 0 auto; padding: 0 1rem 3rem;
  overflow-wrap: anywhere; }
a { color: #0b5d66; }
nav ul { display: flex; flex-wrap: wrap; gap: 0 1rem; padding: 0; list-style: none; }
nav a { display: inline-block; padding: .6rem 0; }
main li { margin: .5rem 0; }
small { display: block; font-size: .94rem; color: #4a5560; }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .3rem 1rem; }
dt { color: #4a5560; }
dd { margin: 0; }
input, button { font: inherit; padding: .5rem; }
input { border: 1px solid #7a8791; width: 100%; box-sizing: border-box; margin: .3rem 0; }
button { color: #fff; background: #0b5d66; border: 0; border-radius: .4rem; padding: .6rem 1.2rem; }
"""

Html = str
_PLACE = re.compile(r"\{(\w+)\}")
_SHOWN = 8


class Writer:
    """Writes pages of one language; what it is given is escaped, what it makes is HTML."""

    def __init__(self, language: str) -> None:
        self.language = language

    def word(self, key: str, file: str = "portal_public", /, **places: int | str) -> Html:
        """Give a text, escaped."""
        return escape(say(self.language, file, key, **places))

    def counted(self, key: str, count: int) -> Html:
        """Give a text for a number of things, in the plural form of the language."""
        form = "one" if count == 1 and self.language == "en" else "other"
        return self.word(f"{key}_{form}", count=count)

    def link(self, page: str, inner: Html) -> Html:
        """Link to a plain page."""
        return f'<a href="/plain/{self.language}/{escape(page)}">{inner}</a>'

    def moment(self, at: int) -> Html:
        """Write a time (ms since 1970) in UTC: without script nobody knows the reader's zone."""
        text = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        return f'<time datetime="{text.replace(" ", "T")}Z">{text} UTC</time>'

    def named(self, word: str) -> Html:
        """Give a word of the protocol in the reader's language, where there is one."""
        try:
            return self.word(f"words/{word}", "portal_values")
        except KeyError:
            return escape(word)

    def sentence(self, event: Mapping[str, Any]) -> Html:
        """Say an event, its ids as links."""
        kind = str(event["type"])
        fields = kinds().get(kind, {})
        places = {name: f"{{{name}}}" for name in (*fields, *event)}
        try:
            template = say(self.language, kind.partition(".")[0], kind, **places)
        except KeyError:
            return f"<code>{escape(kind)}</code>"
        parts = _PLACE.split(template)
        made = [
            self._value(fields.get(part, "plain"), event.get(part)) if number % 2 else escape(part)
            for number, part in enumerate(parts)
        ]
        return "".join(made)

    def _value(self, kind: str, value: Any) -> Html:
        if value is None:
            return self.word("none", "portal_values")
        if kind == "moment":
            return self.moment(int(value))
        if kind == "yes":
            return self.word("yes" if value else "no", "portal_values")
        if kind == "word":
            return self.named(str(value))
        if kind == "id":
            shown = f'<bdi translate="no">{escape(str(value)[:_SHOWN])}…</bdi>'
            return self.link(f"find?find={value}", shown)
        return escape(str(value))

    def facts(self, of: Iterable[tuple[str, Html]]) -> Html:
        """Write names and values; empty values are left out."""
        rows = "".join(f"<dt>{self.word(name)}</dt><dd>{value}</dd>" for name, value in of if value)
        return f"<dl>{rows}</dl>"

    def items(self, of: Iterable[Html]) -> Html:
        """Write a list."""
        made = "".join(f"<li>{each}</li>" for each in of)
        return f"<ul>{made}</ul>" if made else f"<p>{self.word('empty', 'portal')}</p>"

    def search(self) -> Html:
        """Write the search form."""
        return (
            f'<form role="search" method="get" action="/plain/{self.language}/find">'
            f'<label for="find">{self.word("explorer/find")}</label>'
            f'<input id="find" name="find" required maxlength="200" autocomplete="off">'
            f"<button>{self.word('explorer/look')}</button></form>"
        )

    def page(self, head: str, body: Html, full: str, here: str) -> Html:
        """Write a page. `full` is its address in the portal, `here` its own, without language."""
        doors = [
            f'<li><a href="/v1/supply/scan">{self.word("navigation/scan")}</a></li>',
            f"<li>{self.link('', self.word('navigation/explorer'))}</li>",
            f"<li>{self.link('help', self.word('help', 'portal'))}</li>",
            f"<li>{self.link('privacy', self.word('privacy/title'))}</li>",
        ]
        doors += [
            f'<li><a href="/plain/{each}/{escape(here)}" lang="{each}" hreflang="{each}">'
            f"{self.word(f'languages/{each}', 'portal')}</a></li>"
            for each in LANGUAGES
            if each != self.language
        ]
        return (
            f'<!doctype html><html lang="{self.language}"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{self.word('tab', 'portal', page=head)}</title>"
            f'<link rel="stylesheet" href="{STYLE_PATH}">'
            f'<nav aria-label="{self.word("navigation", "portal")}"><ul>{"".join(doors)}</ul></nav>'
            f"<main><h1>{escape(head)}</h1>{body}</main>"
            f'<footer><p><a href="/{self.language}/{escape(full)}">'
            f"{self.word('plain/to_portal')}</a></p></footer></html>"
        )
