"""A member's gateway as another node may find it: honest, or with whatever answers a test names."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import msgspec

from yilian.ledger import block_json
from yilian.node.cometbft import Consortium

ABSENT = {
    "block_id_flag": 1,
    "validator_address": "",
    "timestamp": "0001-01-01T00:00:00Z",
    "signature": "",
}
"""The place of a validator that did not vote."""

Answer = Callable[[dict[str, str]], tuple[int, bytes]]


class Shown:
    """A web server on this machine; `answers` are its paths. What is asked is kept in `asked`."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.go_on = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(shown: Shown) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            shown.asked.append(self.path)
            query = {name: value[0] for name, value in parse_qs(url.query).items()}
            found = shown.answers.get(url.path)
            status, body = (404, b"{}") if found is None else found(query)
            if status == 0:
                # It takes the request, and never says a word.
                shown.go_on.wait()
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """A test says what matters."""

    return Handler


def said(value: Any, status: int = 200) -> Answer:
    """Always the same JSON."""
    text = msgspec.json.encode(value)
    return lambda query: (status, text)


def light(node: Consortium, height: int) -> dict[str, Any]:
    """What a gateway shows as a light block."""
    found = node.history.signed(height)
    assert found is not None
    header, commit, validators = found
    return {
        "header": block_json.header_to_json(header),
        "commit": block_json.commit_to_json(commit),
        "validators": block_json.validators_to_json(validators),
    }


def history(turns: list[dict[str, Any]], at_once: int = 2) -> Answer:
    """Turns as a gateway pages them."""

    def answer(query: dict[str, str]) -> tuple[int, bytes]:
        rest = [each for each in turns if int(each["header"]["height"]) > int(query["after"])]
        page = rest[:at_once]
        following = int(page[-1]["header"]["height"]) if len(rest) > len(page) else None
        return 200, msgspec.json.encode({"turns": page, "next": following})

    return answer
