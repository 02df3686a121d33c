"""A capability as a noun: one command per message, and `show` and `list` for its records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from yilian.cli import connect, fields, values
from yilian.cli.console import DONE, Console
from yilian.cli.shape import Choice, Command, Group, Option
from yilian.ledger import transaction
from yilian.ledger.module import Message, Module, snake_case
from yilian.ledger.modules import MODULES
from yilian.sdk import drafts

if TYPE_CHECKING:
    from yilian.sdk.client import Client
    from yilian.sdk.steps import Outcome

TABLES: dict[str, tuple[str, ...]] = {
    "identity": (
        "subjects",
        "keys",
        "licences",
        "recoveries",
        "key-services",
        "links",
        "endpoints",
    ),
    "governance": ("members", "validators", "proposals", "parameters", "quotas", "law"),
    "consent": ("grants", "sessions", "asks", "custodians", "emergencies"),
    "records": ("anchors", "batches", "holds", "erasures"),
    "care": ("encounters", "referrals"),
    "supply": (
        "companies",
        "products",
        "credentials",
        "recalls",
        "alerts",
        "posts",
        "nullifiers",
        "view-keys",
        "views",
    ),
}
"""What a node lets anyone read, by capability: the paths below `/v1/<capability>/`."""

UNLISTED = frozenset(
    {
        "custodians",
        "endpoints",
        "key-services",
        "law",
        "nullifiers",
        "parameters",
        "posts",
        "quotas",
        "view-keys",
        "views",
    }
)
"""Those that are shown by id alone; the chain index keeps no list of them."""


def group(console: Console, name: str) -> Group:
    """Make the noun of a capability from the registry."""
    (module,) = (each for each in MODULES if each.name == name)
    commands: list[click.Command] = [_message(console, module, each) for each in module.messages]
    commands += [_show(console, name), _list(console, name)]
    return Group(console, name, console.of(name, "capability"), commands)


def command_name(message: type[Message]) -> str:
    """Name a message's command: `AnchorBatch` is `anchor-batch`."""
    return snake_case(message.__name__).replace("_", "-")


def _message(console: Console, module: Module, message: type[Message]) -> Command:
    def run(**given: Any) -> int:
        return _send(console, module, message, given)

    about = console.of(module.name, f"{module.name}.{snake_case(message.__name__)}/about")
    options = [*fields.options(console, module.name, message), *connect.to_sign(console)]
    return Command(console, command_name(message), about, run, options)


def _send(console: Console, module: Module, message: type[Message], given: dict[str, Any]) -> int:
    ask = connect.passphrase(console, given)
    made = fields.build(message, given, given["sender"], ask)
    sentence = fields.sentence(console, module.name, made.message)
    signers = connect.signers(given, ask)
    with connect.client(console, given, chain=given.get("chain")) as client:
        body = drafts.draft(
            given.get("chain") or client.status().chain,
            given["sender"],
            given.get("payer") or given["sender"],
            [made.message],
            signers,
            expires_in=given["expires_in"],
            on_behalf_of=given.get("on_behalf_of"),
        )
        raw = drafts.sign(body, signers)
        if given["dry_run"]:
            if console.as_python:
                from yilian.cli.python import TellingClient

                assert isinstance(client, TellingClient)
                client.tell(raw)
            return _rehearse(console, sentence, body, made)
        return _submit(console, client, sentence, raw, made, wait=not given["no_wait"])


def _rehearse(console: Console, sentence: str, body: transaction.Body, made: fields.Made) -> int:
    """Show what would be signed: the sentence, and the exact text of the body."""
    text = transaction.encode_body(body).decode("utf-8")
    result = {"ok": True, "dry_run": True, "sentence": sentence, "body": text, "new": made.drawn}
    console.note(console.words("dry_run"))
    console.show(result, (sentence, text))
    return DONE


def _submit(
    console: Console, client: Client, sentence: str, raw: bytes, made: fields.Made, *, wait: bool
) -> int:
    outcome = client.submit(raw, wait=wait)
    result = {
        "ok": True,
        **msgspec.structs.asdict(outcome),
        "sentence": sentence,
        "new": made.drawn,
    }
    console.show(result, _lines(console, sentence, outcome, made))
    return DONE


def _lines(console: Console, sentence: str, outcome: Outcome, made: fields.Made) -> Iterator[str]:
    yield sentence
    if outcome.height is None or outcome.time is None:
        yield console.words("pending", hash=outcome.hash)
    else:
        at = console.moment(outcome.time)
        yield console.words("recorded", height=outcome.height, time=at, hash=outcome.hash)
    moments = _moments()
    for event in outcome.events:
        yield "  " + fields.announced(console, event, moments.get(str(event["type"]), ()))
    for name, value in made.drawn.items():
        yield console.words("new_id", name=name, id=value)


def _moments() -> dict[str, set[str]]:
    """Name the fields of each event that are times."""
    return {
        str(event.__struct_config__.tag): {
            name for name, text in event.__annotations__.items() if text == "codec.Millis"
        }
        for module in MODULES
        for event in module.events
    }


def _show(console: Console, capability: str) -> Command:
    def run(table: str, name: str, proof: bool, **given: Any) -> int:
        with connect.client(console, given) as client:
            record = client.get(capability, table, name, proof=proof)
        result = msgspec.structs.asdict(record)
        console.show(result, _record(console, record.id, record.value, record.height))
        if proof and not console.as_json:
            console.note(console.words("proof_needs_json"))
        return DONE

    params = [
        _table(console, TABLES[capability]),
        click.Argument(["name"], metavar="ID"),
        Option(console, ["--proof"], console.words("options/proof"), is_flag=True),
        *connect.to_node(console),
    ]
    return Command(console, "show", console.words("show"), run, params)


def _list(console: Console, capability: str) -> Command:
    def run(
        table: str, limit: int | None, cursor: str | None, where: list[str], **given: Any
    ) -> int:
        filters = dict(_filter(console, each) for each in where)
        with connect.client(console, given) as client:
            page = client.page(capability, table, limit=limit, cursor=cursor, **filters)
        console.show(msgspec.structs.asdict(page), _items(console, page.items))
        if page.next is not None and not console.as_json:
            console.note(console.words("more", cursor=page.next))
        return DONE

    words = console.words
    params = [
        _table(console, [each for each in TABLES[capability] if each not in UNLISTED]),
        Option(console, ["--where"], words("options/where"), multiple=True, metavar="NAME=VALUE"),
        Option(
            console,
            ["--limit"],
            words("options/limit"),
            type=values.whole(console, int),
            metavar="NUMBER",
        ),
        Option(console, ["--cursor"], words("options/cursor")),
        *connect.to_node(console),
    ]
    return Command(console, "list", words("list"), run, params)


def _table(console: Console, tables: Sequence[str]) -> click.Argument:
    return click.Argument(["table"], type=Choice(console, tables), metavar="|".join(tables))


def _filter(console: Console, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value) or name in ("limit", "cursor", "capability", "table"):
        raise console.usage("expects", name="--where", expected=console.words("expects/filter"))
    return name, value


def _record(console: Console, name: str, value: dict[str, Any], height: int) -> Iterator[str]:
    yield console.words("record", id=name, height=height)
    for field, held in value.items():
        yield f"  {field}: {_plain(held)}"


def _items(console: Console, items: list[dict[str, Any]]) -> Iterator[str]:
    if not items:
        yield console.words("nothing")
    for item in items:
        yield "  ".join(f"{name}={_plain(value)}" for name, value in item.items())


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode("utf-8")
