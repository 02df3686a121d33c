"""With `--python`, a command also tells what a program would write to do the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from yilian.cli.console import Console
from yilian.ledger import transaction
from yilian.ledger.module import Message, snake_case
from yilian.ledger.modules import MODULES
from yilian.sdk.client import Client
from yilian.sdk.signers import passphrase_file
from yilian.sdk.steps import Answer, Happened, Outcome, Page, Record, Status

CALLS = 6
"""How many calls are told; a command that loads a folder makes thousands of one kind."""

_STATUS = "client.status()"

LONG = 2_000
"""Characters of a body above which it is named by its size."""


class TellingClient(Client):
    """A client that notes what is asked of it, and tells it as Python when it is closed."""

    def __init__(
        self, url: str, console: Console, given: Mapping[str, Any], **settings: Any
    ) -> None:
        """`given` are the command's options, which name the key's file."""
        super().__init__(url, **settings)
        self._console = console
        self._key: Path | None = given.get("signing_key")
        self._also: tuple[Path, ...] = tuple(given.get("countersign") or ())
        self._passphrase: Path | None = given.get("passphrase_file")
        sender = given.get("sender")
        self._seat = {
            "sender": sender,
            "payer": given.get("payer") or given.get("organisation") or sender,
        }
        self._types: dict[str, str] = {}
        self._told: list[str] = []

    def tell(self, raw: bytes, *, wait: bool = True) -> None:
        """Note a transaction as the messages that its bytes hold."""
        body = transaction.decode(raw).body
        # Asked by the command for the chain's name; a program's client asks by itself.
        self._told = [each for each in self._told if each != _STATUS]
        more = "" if wait else ", wait=False"
        if body.on_behalf_of is not None:
            more += f", on_behalf_of={body.on_behalf_of!r}"
        if self._also:
            files = ", ".join(self._read(each) for each in (self._key, *self._also) if each)
            more += f", signers=[{files}]"
        for each in body.messages:
            capability, verb = _named(each)
            self._told.append(f"client.{capability}.{verb}({self._fields(each)}{more})")

    def submit(self, raw: bytes, *, wait: bool = True) -> Outcome:
        """As in `Client`."""
        self.tell(raw, wait=wait)
        return super().submit(raw, wait=wait)

    def request(
        self, method: str, path: str, body: Any = None, *, media_type: str = "application/json"
    ) -> Any:
        """As in `Client`."""
        self._note("request", method, path, body, media_type)
        return super().request(method, path, body, media_type=media_type)

    def exchange(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """As in `Client`."""
        self._note("exchange", method, path, body, media_type, headers)
        return super().exchange(method, path, body, media_type=media_type, headers=headers)

    def download(self, path: str, sink: BinaryIO, *, media_type: str) -> int:
        """As in `Client`."""
        name = getattr(sink, "name", "answer")
        self._told.append(
            f"client.download({path!r}, Path({name!r}).open('wb'), media_type={media_type!r})"
        )
        self._types["Path"] = "pathlib"
        return super().download(path, sink, media_type=media_type)

    def status(self) -> Status:
        """As in `Client`."""
        self._told.append(_STATUS)
        return super().status()

    def receipt(self, name: str) -> dict[str, Any]:
        """As in `Client`."""
        self._told.append(f"client.receipt({name!r})")
        return super().receipt(name)

    def trust(self) -> dict[str, Any]:
        """As in `Client`."""
        self._told.append("client.trust()")
        return super().trust()

    def scan(self, code: str) -> dict[str, Any]:
        """As in `Client`."""
        self._told.append(f"client.scan({code!r})")
        return super().scan(code)

    def get(self, capability: str, table: str, name: str, *, proof: bool = False) -> Record:
        """As in `Client`."""
        more = ", proof=True" if proof else ""
        self._told.append(f"client.get({capability!r}, {table!r}, {name!r}{more})")
        return super().get(capability, table, name, proof=proof)

    def page(
        self,
        capability: str,
        table: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        **filters: str | int,
    ) -> Page:
        """As in `Client`."""
        named = {**filters, "limit": limit, "cursor": cursor}
        words = "".join(f", {name}={value!r}" for name, value in named.items() if value is not None)
        self._told.append(f"client.page({capability!r}, {table!r}{words})")
        return super().page(capability, table, limit=limit, cursor=cursor, **filters)

    def events(
        self, *, capability: str | None = None, about: str | None = None, after: str | None = None
    ) -> Iterator[Happened]:
        """As in `Client`."""
        words = {"capability": capability, "about": about, "after": after}
        named = ", ".join(f"{name}={value!r}" for name, value in words.items() if value)
        self._told.append(f"client.events({named})")
        return super().events(capability=capability, about=about, after=after)

    def close(self) -> None:
        """Tell it, and give the connections back."""
        for line in self._lines():
            self._console.note(f">>> {line}")
        super().close()

    # -- words -----------------------------------------------------------------------------------

    def _lines(self) -> Iterator[str]:
        names = ["Client", *["Ed25519Signer"] * (self._key is not None)]
        signed = ""
        if self._key is not None:
            seat = "".join(f", {name}={value!r}" for name, value in self._seat.items())
            signed = f", signer={self._read(self._key)}{seat}"
        yield f"from yilian.sdk import {', '.join(names)}"
        for name, module in sorted(self._types.items()):
            yield f"from {module} import {name}"
        yield f"client = Client({self.base_url!r}{signed})"
        yield from self._told[:CALLS]
        if len(self._told) > CALLS:
            yield "# " + self._console.words("python_more", count=len(self._told) - CALLS)

    def _read(self, file: Path) -> str:
        self._types["Path"] = "pathlib"
        if self._passphrase is None:
            return f"Ed25519Signer.read(Path({str(file)!r}))"
        self._types[passphrase_file.__name__] = passphrase_file.__module__
        asked = f"passphrase_file(Path({str(self._passphrase)!r}))"
        return f"Ed25519Signer.read(Path({str(file)!r}), {asked})"

    def _note(
        self,
        call: str,
        method: str,
        path: str,
        body: Any,
        media_type: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        words, remark = [repr(method), repr(path)], ""
        if body is not None:
            text = repr(body if isinstance(body, bytes) else msgspec.to_builtins(body))
            if len(text) > LONG:
                remark = "  # " + self._console.words("python_body", count=len(text))
                text = "body"
            words.append(text)
        if media_type != "application/json":
            words.append(f"media_type={media_type!r}")
        if headers:
            words.append(f"headers={dict(headers)!r}")
        self._told.append(f"client.{call}({', '.join(words)}){remark}")

    def _fields(self, struct: msgspec.Struct) -> str:
        defaults = {
            each.name: each.default for each in msgspec.structs.fields(struct) if not each.required
        }
        return ", ".join(
            f"{name}={self._value(value)}"
            for name, value in msgspec.structs.asdict(struct).items()
            if name not in defaults or value != defaults[name]
        )

    def _value(self, value: Any) -> str:
        if isinstance(value, msgspec.Struct):
            kind = type(value)
            self._types[kind.__name__] = kind.__module__
            return f"{kind.__name__}({self._fields(value)})"
        if isinstance(value, (list, tuple)):
            return f"[{', '.join(self._value(each) for each in value)}]"
        return repr(value)


def _named(message: Message) -> tuple[str, str]:
    """Give a message's capability and the name of its method."""
    for module in MODULES:
        if type(message) in module.messages:
            return module.name, snake_case(type(message).__name__)
    raise TypeError(type(message).__name__)
