"""The documentation page: one self-contained page, no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from yilian.gateway import openapi
from yilian.gateway.http import asking
from yilian.ledger import codec, errors
from yilian.ledger.errors import Code
from yilian.text import negotiate, say

_STYLE = """\
:root { color-scheme: light dark; --line: #8886; --soft: #8882; }
body { font: 16px/1.55 system-ui, "Noto Sans SC", sans-serif; max-width: 72rem; margin: 2rem auto;
  padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
h3 { margin-bottom: .3rem; font-size: 1rem; }
code { font: .92em ui-monospace, monospace; background: var(--soft); padding: .1em .3em; }
table { border-collapse: collapse; width: 100%; margin: .6rem 0 1.2rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem;
  border-bottom: 1px solid var(--line); }
td:first-child { white-space: nowrap; }
"""


class Documents:
    """The OpenAPI document and the page made from it, built at the first request."""

    def __init__(self) -> None:
        self._routes: list[BaseRoute] = []
        self._text: bytes | None = None
        self._pages: dict[str, bytes] = {}

    def describe(self, routes: Iterable[BaseRoute]) -> None:
        """Say which routes are served."""
        self._routes = list(routes)

    def routes(self) -> tuple[BaseRoute, ...]:
        """Give the routes of the documents themselves."""
        return (
            Route("/openapi.json", self.openapi),
            Route("/docs", self.page),
            Route("/docs.css", self.style),
        )

    def openapi(self, request: Request) -> Response:
        """Give the OpenAPI document."""
        asking.query(request)
        if self._text is None:
            self._text = codec.encode(openapi.document(self._routes))
        return Response(self._text, 200, None, "application/json")

    def page(self, request: Request) -> Response:
        """Give the documentation page in the reader's language."""
        asking.query(request)
        language = negotiate(request.headers.get("accept-language"))
        if language not in self._pages:
            made = _page(openapi.document(self._routes), language)
            self._pages[language] = made.encode()
        headers = {"Content-Language": language, "Vary": "Accept-Language"}
        return Response(self._pages[language], 200, headers, "text/html; charset=utf-8")

    def style(self, request: Request) -> Response:
        """Give the page's style sheet."""
        asking.query(request)
        return Response(_STYLE, 200, None, "text/css; charset=utf-8")


def _page(document: dict[str, Any], language: str) -> str:
    def word(key: str) -> str:
        return escape(say(language, "gateway", key))

    sections = []
    for tag in document["tags"]:
        sections.append(f"<h2>{escape(tag['name'])}</h2>")
        for path, methods in document["paths"].items():
            for method, each in methods.items():
                if tag["name"] in each["tags"]:
                    sections.append(_section(path, method, each, word))
    rows = "".join(_problem(code, language) for code in errors.every())
    head = "".join(f"<th>{word(each)}</th>" for each in ("code", "status", "meaning", "what_next"))
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width">'
        f"<title>{word('title')}</title>"
        f'<link rel="stylesheet" href="/docs.css"><h1>{word("title")}</h1>'
        f'<p>{word("introduction")}</p><p><a href="/openapi.json">OpenAPI 3.1</a></p>'
        f"{''.join(sections)}<h2>{word('problems')}</h2>"
        f"<table><tr>{head}</tr>{rows}</table></html>"
    )


def _section(path: str, method: str, each: dict[str, Any], word: Any) -> str:
    lines = [
        f'<h3 id="{each["operationId"]}"><code>{method.upper()} {escape(path)}</code></h3>',
        f"<p>{escape(each['summary'])}</p>",
    ]
    if each.get("parameters"):
        rows = "".join(
            f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}</td>"
            f"<td>{escape(one['description'])}</td></tr>"
            for one in each["parameters"]
        )
        head = "".join(f"<th>{word(name)}</th>" for name in ("parameter", "place", "meaning"))
        lines.append(f"<table><tr>{head}</tr>{rows}</table>")
    rows = "".join(
        f"<tr><td>{status}</td><td>{escape(one['description'])}</td></tr>"
        for status, one in each["responses"].items()
    )
    lines.append(
        f"<table><tr><th>{word('status')}</th><th>{word('meaning')}</th></tr>{rows}</table>"
    )
    return "".join(lines)


def _problem(code: Code, language: str) -> str:
    parameters = {name: f"<{name}>" for name in code.parameters}

    def part(name: str) -> str:
        return escape(say(language, "errors", f"{code.name}/{name}", **parameters))

    return (
        f"<tr><td><code>{code.name}</code> {code.number}</td><td>{code.status}</td>"
        f"<td>{part('title')}. {part('detail')}</td><td>{part('next')}</td></tr>"
    )
