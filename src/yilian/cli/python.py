"""With `--python`, a command also tells what a program would write to do the same."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Unpack

import msgspec

from yilian.cli.console import Console
from yilian.ledger import transaction
from yilian.ledger.module import Message, snake_case
from yilian.ledger.modules import MODULES
from yilian.sdk.client import Client
from yilian.sdk.signers import passphrase_file
from yilian.sdk.steps import Common, Outcome

CALLS = 6
"""How many calls are told; a command that loads a folder makes thousands of one kind."""

LONG = 2_000
"""Characters of a body above which it is named by its size."""

_STATUS = "client.status()"
_AS_THEY_ARE = (
    *("events", "exchange", "genesis", "get", "page", "receipt", "request", "scan"),
    *("state_proof", "status", "trust"),
)
"""Methods that are told as they are called."""


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
        self._imports: dict[str, str] = {}
        self._told: list[str] = []
        for name in _AS_THEY_ARE:
            setattr(self, name, self._telling(name, getattr(self, name)))

    def submit(self, raw: bytes, *, wait: bool = True) -> Outcome:
        """As in `Client`; told as the messages that the bytes hold."""
        self.tell(raw, wait=wait)
        return super().submit(raw, wait=wait)

    def send(
        self, messages: Sequence[Message], *, wait: bool = True, **common: Unpack[Common]
    ) -> Outcome:
        """As in `Client`."""
        self._tell_messages(messages, wait, common.get("on_behalf_of"))
        return super().send(messages, wait=wait, **common)

    def download(self, path: str, sink: BinaryIO, *, media_type: str) -> int:
        """As in `Client`; the file is named as it is opened."""
        self._imports["Path"] = "pathlib"
        file = f"Path({getattr(sink, 'name', 'answer')!r}).open('wb')"
        self._told.append(f"client.download({path!r}, {file}, media_type={media_type!r})")
        return super().download(path, sink, media_type=media_type)

    def tell(self, raw: bytes, *, wait: bool = True) -> None:
        """Note a transaction as the messages that its bytes hold."""
        body = transaction.decode(raw).body
        # Asked by the command for the chain's name; a program's client asks by itself.
        self._told = [each for each in self._told if each != _STATUS]
        self._tell_messages(body.messages, wait, body.on_behalf_of)

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
        for name, module in sorted(self._imports.items()):
            yield f"from {module} import {name}"
        yield f"client = Client({self.base_url!r}{signed})"
        yield from self._told[:CALLS]
        if len(self._told) > CALLS:
            yield "# " + self._console.words("python_more", count=len(self._told) - CALLS)

    def _telling(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*arguments: Any, **named: Any) -> Any:
            self._tell_call(name, arguments, named)
            return method(*arguments, **named)

        return call

    def _tell_call(self, name: str, arguments: Sequence[Any], named: Mapping[str, Any]) -> None:
        words, remark = [], ""
        for each in arguments:
            text = repr(each if isinstance(each, bytes) else msgspec.to_builtins(each))
            if len(text) > LONG:
                remark = "  # " + self._console.words("python_body", count=len(text))
                text = "body"
            words.append(text)
        words += [f"{key}={value!r}" for key, value in named.items() if value not in (None, False)]
        self._told.append(f"client.{name}({', '.join(words)}){remark}")

    def _tell_messages(
        self, messages: Sequence[Message], wait: bool, on_behalf_of: str | None
    ) -> None:
        """One message by its own method; several about one matter belong to one transaction."""
        more = "" if wait else ", wait=False"
        if on_behalf_of is not None:
            more += f", on_behalf_of={on_behalf_of!r}"
        if self._also:
            files = ", ".join(self._read(each) for each in (self._key, *self._also) if each)
            more += f", signers=[{files}]"
        if len(messages) == 1:
            capability, verb = _named(messages[0])
            self._told.append(f"client.{capability}.{verb}({self._fields(messages[0])}{more})")
        else:
            self._told.append(f"client.send({self._value(messages)}{more})")

    def _read(self, file: Path) -> str:
        self._imports["Path"] = "pathlib"
        if self._passphrase is None:
            return f"Ed25519Signer.read(Path({str(file)!r}))"
        self._imports[passphrase_file.__name__] = passphrase_file.__module__
        asked = f"passphrase_file(Path({str(self._passphrase)!r}))"
        return f"Ed25519Signer.read(Path({str(file)!r}), {asked})"

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
            self._imports[kind.__name__] = kind.__module__
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
