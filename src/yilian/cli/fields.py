"""From the registry's messages to options and back: which fields there are, and how each is typed.

A field is typed as its annotation in `messages.py` says. Two names give way to the options that all
commands share: a new public key is `--new-key`, and the id of a key is `--key-id`. An id that a
message brings into the world may be left out, and is then drawn at random and shown.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Union

import click
import msgspec

from yilian.cli import values
from yilian.cli.console import Console
from yilian.cli.shape import Choice, Option
from yilian.ledger.errors import MALFORMED
from yilian.ledger.keys import PublicKey, key_id
from yilian.ledger.module import Message, snake_case
from yilian.sdk import drafts
from yilian.sdk.signers import Ed25519Signer, Passphrase

_MAKES = (
    "Anchor",
    "Ask",
    "Break",
    "Enrol",
    "Erase",
    "Grant",
    "Hold",
    "Issue",
    "Link",
    "Open",
    "Propose",
    "Raise",
    "Refer",
    "Register",
)
"""Verbs that bring something new into the world, whose id is the message's first field."""


class Field(NamedTuple):
    """A field of a message: its type, whether it must be given, and how it is typed."""

    name: str
    hint: Any
    written: str
    required: bool
    option: str


class Made(NamedTuple):
    """A message from the command line, and the ids that were drawn for it."""

    message: Message
    drawn: dict[str, str]


def fields(message: type[Message]) -> list[Field]:
    """List a message's fields in their order."""
    hints = typing.get_type_hints(message, include_extras=True)
    written = {name: text for each in message.__mro__ for name, text in _annotations(each)}
    return [
        Field(
            each.name,
            hints[each.name],
            written[each.name],
            each.required,
            _option(each.name, written[each.name]),
        )
        for each in msgspec.structs.fields(message)
    ]


def new_id(message: type[Message]) -> str | None:
    """Name the field that holds the id of what a message makes; None where it makes nothing."""
    if not message.__name__.startswith(_MAKES):
        return None
    first = fields(message)[0]
    return first.name if first.written == "codec.Id" else None


def options(console: Console, capability: str, message: type[Message]) -> list[click.Parameter]:
    """Make the options of a message's command."""
    key = f"{capability}.{snake_case(message.__name__)}/fields"
    made: list[click.Parameter] = []
    for field in fields(message):
        note = console.of(capability, f"{key}/{field.name}")
        if _actions(field.hint):
            made += _action_options(console, capability, f"{key}/{field.name}", field)
        else:
            given = field.required and field.name not in (new_id(message), "proof")
            given = given and not _may_be_empty(field.hint)
            made.append(_one(console, field, note, required=given))
    return made


def build(
    message: type[Message], given: Mapping[str, Any], sender: str | None, passphrase: Passphrase
) -> Made:
    """Make the message from typed values; draws its id and signs its proof where left out.

    Raises the refusal `malformed` for what the law would not read, KeyFileError where the new
    key's file does not open, and click's MissingParameter.
    """
    drawn: dict[str, str] = {}
    filled: dict[str, Any] = {}
    for field in fields(message):
        value = given.get(field.name)
        if _actions(field.hint):
            value = _action(field, given)
        elif isinstance(value, values.NewKey):
            value = value.key
        elif isinstance(value, tuple):
            value = list(value)
        elif value is None and field.name == new_id(message):
            value = drawn[field.name] = drafts.fresh_id()
        elif value is None and field.name == "proof":
            value = _proof(given, sender, passphrase)
        if value is not None:
            filled[field.name] = value
    try:
        made = msgspec.convert(msgspec.to_builtins(message(**filled)), message)
    except (msgspec.ValidationError, TypeError):
        raise MALFORMED() from None
    made.check()
    return Made(made, drawn)


def sentence(console: Console, capability: str, message: Message) -> str:
    """Say exactly what is signed: every field of the message stands in the sentence."""
    key = f"{capability}.{snake_case(type(message).__name__)}"
    told: dict[str, int | str] = {}
    for field in fields(type(message)):
        value = getattr(message, field.name)
        if _actions(field.hint):
            action = console.of(
                capability,
                f"{key}/actions/{value.__struct_config__.tag}",
                **msgspec.structs.asdict(value),
            )
            told[field.name] = action
        else:
            told[field.name] = _told(console, field.written, value)
    return console.of(capability, f"{key}/sentence", **told)


def announced(console: Console, event: Mapping[str, Any], moments: typing.Container[str]) -> str:
    """Say an event; `moments` names its fields that are times."""
    tag = str(event["type"])
    told = {
        name: _told(console, "codec.Millis" if name in moments else "", value)
        for name, value in event.items()
    }
    return console.of(tag.partition(".")[0], tag, **told)


def _annotations(struct: type) -> list[tuple[str, str]]:
    return [(name, str(text)) for name, text in vars(struct).get("__annotations__", {}).items()]


def _option(name: str, written: str) -> str:
    if name == "key":
        return "--new-key" if "PublicKey" in written else "--key-id"
    return "--" + name.replace("_", "-")


def _one(console: Console, field: Field, note: str, *, required: bool) -> Option:
    if field.written == "bool":
        names = [field.name, f"{field.option}/--no-{field.option[2:]}"]
        return Option(console, names, note, is_flag=True, default=None, required=required)
    multiple = _plain(field.hint) is list
    names = [field.name, field.option]
    kind = _kind(console, field)
    return Option(
        console,
        names,
        note,
        type=kind,
        metavar=None if isinstance(kind, Choice) else kind.name.upper(),
        required=required,
        multiple=multiple,
    )


def _kind(console: Console, field: Field) -> click.ParamType[Any]:
    written = field.written
    simple = {
        "codec.Id": values.id_of,
        "codec.Digest": values.digest,
        "codec.Millis": values.moment,
        "PublicKey": values.key,
    }
    for name, made in simple.items():
        if name in written.removesuffix(" | None").replace("list[", "").split(","):
            return made(console)
    hint = _named(field.hint)
    origin = _plain(hint)
    if origin is Literal:
        return Choice(console, typing.get_args(hint))
    if origin is int:
        return values.whole(console, hint)
    if origin is list:
        (item,) = typing.get_args(typing.get_args(hint)[0])
        if typing.get_origin(item) is Literal:
            return Choice(console, typing.get_args(item))
        if typing.get_args(item):
            return values.text(console, "digest" if "Digest" in written else "text", item)
        return values.document(console, item)
    return values.text(console, "name" if written == "codec.Name" else "text", hint)


def _plain(hint: Any) -> Any:
    """Give what a hint is without its bounds: `list`, `Literal`, `int` or another class."""
    if typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    return typing.get_origin(hint) or hint


def _named(hint: Any) -> Any:
    """Give what a hint is where a value is given: without the None of one that may be left out."""
    if typing.get_origin(hint) not in (Union, types.UnionType):
        return hint
    rest = [each for each in typing.get_args(hint) if each is not type(None)]
    return rest[0] if len(rest) == 1 else hint


def _may_be_empty(hint: Any) -> bool:
    """Tell whether a field is a list that may hold nothing."""
    bounds = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
    return _plain(hint) is list and not any(each.min_length for each in bounds)


def _actions(hint: Any) -> dict[str, type[msgspec.Struct]]:
    """Give the structs of a tagged union by tag; nothing for any other hint."""
    if typing.get_origin(hint) not in (Union, types.UnionType):
        return {}
    structs = [each for each in typing.get_args(hint) if isinstance(each, type)]
    return {
        str(each.__struct_config__.tag): each
        for each in structs
        if issubclass(each, msgspec.Struct) and each.__struct_config__.tag is not None
    }


def _action_options(
    console: Console, capability: str, key: str, field: Field
) -> list[click.Parameter]:
    actions = _actions(field.hint)
    note = console.of(capability, key)
    chosen = Option(
        console,
        [field.name, field.option],
        note,
        type=Choice(console, list(actions)),
        required=True,
    )
    made: dict[str, click.Parameter] = {field.name: chosen}
    for action in actions.values():
        hints = typing.get_type_hints(action, include_extras=True)
        for name, written in _annotations(action):
            part = Field(name, hints[name], written, False, _option(name, written))
            note = console.of(capability, f"{key}.{name}")
            made.setdefault(name, _one(console, part, note, required=False))
    return list(made.values())


def _action(field: Field, given: Mapping[str, Any]) -> Any:
    """Make the chosen action from exactly its own parts."""
    actions = _actions(field.hint)
    chosen = actions[given[field.name]]
    parts = {name for each in actions.values() for name, _ in _annotations(each)}
    own = [name for name, _ in _annotations(chosen)]
    for name in own:
        if given.get(name) is None:
            raise click.MissingParameter(param=click.Option([f"--{name}"]))
    for name in sorted(parts.difference(own)):
        if given.get(name) is not None:
            raise click.NoSuchOption(f"--{name}")
    return chosen(**{name: given[name] for name in own})


def _proof(given: Mapping[str, Any], sender: str | None, passphrase: Passphrase) -> str:
    """Sign the new key's proof with its own file; without that file the proof must be given."""
    new = given.get("key")
    owner = given.get("person") or sender
    if not isinstance(new, values.NewKey) or new.path is None or owner is None:
        raise click.MissingParameter(param=click.Option(["--proof"]))
    return drafts.key_proof(owner, Ed25519Signer.read(new.path, passphrase))


def _told(console: Console, written: str, value: Any) -> int | str:
    if value is None:
        return console.words("none")
    if isinstance(value, bool):
        return console.words("yes" if value else "no")
    if written.removesuffix(" | None") == "codec.Millis" and isinstance(value, int):
        return console.moment(value)
    if isinstance(value, PublicKey):
        return key_id(value)
    if isinstance(value, list):
        return ", ".join(str(_told(console, "", each)) for each in value)
    if isinstance(value, msgspec.Struct) and isinstance(getattr(value, "key", None), PublicKey):
        return key_id(value.key)  # type: ignore[attr-defined]
    return value if isinstance(value, int) else str(value)
