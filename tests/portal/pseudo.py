"""A language that nobody speaks, made from English: longer, accented, bracketed.

It shows which words do not come from the text files, and what does not fit when words are longer.
Nothing of it is in what members serve: the browser's own requests for the English words are
answered with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.portal.browser import Visitor
from yilian.portal.built import DIST

OPEN, CLOSE = "⟦", "⟧"
_ACCENTS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "àƀçđéƒĝĥîĵķļɱñôþǫŕšţûṽŵẋýžÀƁÇĐÉƑĜĤÎĴĶĻṀÑÔÞǪŔŠŢÛṼŴẊÝŽ",
)
_PLACE = re.compile(r"(\{[^{}]*\})")
_LONGER = 0.4
_TEXT = "../src/yilian/text/en/"

UNTOLD = """() => {
  const skip = '[translate=no], [lang]:not(html), code, pre, time, bdi, '
    + 'script, style, noscript, svg';
  const copy = document.body.cloneNode(true);
  copy.querySelectorAll(skip + ', .problem, [hidden]').forEach(each => each.remove());
  const named = [...copy.querySelectorAll('[aria-label], [placeholder]')]
    .flatMap(each => [each.getAttribute('aria-label'), each.getAttribute('placeholder')]);
  copy.querySelectorAll('*').forEach(each => each.append(' '));
  const found = [];
  for (const text of [copy.textContent, document.title, ...named]) {
    let depth = 0, bare = '';
    for (const letter of text ?? '') {
      if (letter === '⟦') depth += 1;
      else if (letter === '⟧') { depth -= 1; bare += ' '; }
      else if (depth === 0) bare += letter;
    }
    found.push(...(bare.match(/\\p{L}{3,}|\\p{Script=Han}+/gu) ?? []));
  }
  return [...new Set(found)];
}"""
"""Words that stand outside of the brackets."""

CUT = """() => [...document.querySelectorAll('main *, header *, footer *')].filter(each => {
  const style = getComputedStyle(each);
  const hides = ['hidden', 'clip'].includes(style.overflowX);
  const small = each.clientWidth <= 1 || each.closest('[hidden], svg, [aria-hidden=true]');
  return hides && !small && each.scrollWidth > each.clientWidth + 1;
}).map(each => `${each.tagName} ${each.className}: ${each.textContent.slice(0, 60)}`)"""
"""Elements that hide a part of their own words."""


def pseudo(text: str) -> str:
    """Make a text longer and strange, its places untouched."""
    parts = _PLACE.split(text)
    changed = "".join(
        each if _PLACE.fullmatch(each) else each.translate(_ACCENTS) for each in parts
    )
    return OPEN + changed + "·" * round(len(text) * _LONGER) + CLOSE


def _made(words: Any) -> Any:
    if isinstance(words, dict):
        return {key: _made(value) for key, value in words.items()}
    return pseudo(words) if isinstance(words, str) else words


def speak_pseudo(visitor: Visitor) -> None:
    """Answer each request for English words with this language, from now on."""
    manifest = json.loads((DIST / "manifest.json").read_text("utf-8"))
    root = Path(DIST).parents[0]
    for name, entry in manifest.items():
        if not name.startswith(_TEXT):
            continue
        file = root.parent / "text/en" / name.removeprefix(_TEXT)
        body = "export default " + json.dumps(_made(json.loads(file.read_text("utf-8"))))
        visitor.page.route(f"**/{entry['file']}", _answer(body))


def _answer(body: str) -> Callable[[Any], None]:
    def answer(route: Any) -> None:
        route.fulfill(body=body, content_type="text/javascript")

    return answer
