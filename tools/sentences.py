"""Write what the portal needs to say what it signs: `python tools/sentences.py [--check]`.

    portal/src/sign/registry.json         the fields of messages, of the body, of a grant's terms
    vectors/sentences/<capability>.json   example bodies with the sentences of the command line
    vectors/sentences/signing.json        ids of keys, proofs, commitments and signed requests

All follow from the registry and the texts. `--check` writes nothing and fails where a file differs
or is left over.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

ROOT = Path(__file__).resolve().parents[1]
for _folder in (ROOT, ROOT / "src"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

from tests.chain import DAY, START, Signer, digest_of, name_of  # noqa: E402

from yilian.cli import fields as cli_fields  # noqa: E402
from yilian.cli.console import Console  # noqa: E402
from yilian.ledger import codec, keys, signed_request, transaction  # noqa: E402
from yilian.ledger.keys import PublicKey  # noqa: E402
from yilian.ledger.module import Message  # noqa: E402
from yilian.ledger.modules import MODULES  # noqa: E402
from yilian.ledger.modules.identity import rules as identity_rules  # noqa: E402
from yilian.ledger.transaction import Body  # noqa: E402
from yilian.text import LANGUAGES  # noqa: E402
from yilian.vault.envelope import Terms, terms_commitment  # noqa: E402

REGISTRY = ROOT / "portal/src/sign/registry.json"
FOLDER = ROOT / "vectors/sentences"
FORMAT = "yilian-sentences/1"
ODD = 'a"b\\c\n{organisation}\u0001\x7fé云😀/'
"""A name that an encoder or a careless template spells otherwise."""

_KINDS = {
    "codec.Id": "id",
    "Id": "id",
    "codec.Digest": "digest",
    "Digest": "digest",
    "codec.Binary": "bytes",
    "codec.Millis": "moment",
    "Millis": "moment",
}


def registry() -> dict[str, Any]:
    """Describe all that the portal may sign, so that it can refuse everything else."""
    return {
        "format": "yilian-registry/1",
        "domain": transaction.DOMAIN.decode(),
        "limits": {
            "bytes": transaction.MAX_BYTES,
            "messages": transaction.MAX_MESSAGES,
        },
        "body": [each for each in struct(Body) if each["name"] != "messages"],
        "messages": {str(each.__struct_config__.tag): _described(each) for each in messages()},
        "terms": {"tag": str(Terms.__struct_config__.tag), "fields": struct(Terms)},
    }


def messages() -> Iterator[type[Message]]:
    """List every message of the registry."""
    for module in MODULES:
        yield from module.messages


def _described(message: type[Message]) -> dict[str, Any]:
    return {"machine": message.machine_only, "fields": struct(message)}


def struct(type_: type[msgspec.Struct]) -> list[dict[str, Any]]:
    """Describe a struct's fields in their order; `default` is what a canonical text leaves out."""
    written = {
        name: str(text)
        for each in type_.__mro__
        for name, text in vars(each).get("__annotations__", {}).items()
    }
    made = []
    info = inspect.type_info(type_)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        described = {"name": field.name, **_kind(field.type, written[field.name])}
        if not field.required:
            described["default"] = msgspec.to_builtins(field.default)
        made.append(described)
    return made


def _kind(type_: inspect.Type, written: str) -> dict[str, Any]:
    written = written.removesuffix(" | None")
    if written in _KINDS:
        return {"kind": _KINDS[written]}
    if isinstance(type_, inspect.UnionType):
        rest = [each for each in type_.types if not isinstance(each, inspect.NoneType)]
        return _kind(rest[0], written) if len(rest) == 1 else _actions(rest)
    if isinstance(type_, inspect.Metadata):
        return _kind(type_.type, written)
    if isinstance(type_, (inspect.ListType, inspect.VarTupleType)):
        item = written.partition("list[")[2] or written.partition("tuple[")[2]
        found = next((each for each in _KINDS if item.startswith((each + "]", each + ","))), "")
        bounds = {"min": type_.min_length or 0, "max": type_.max_length}
        return {"kind": "list", "item": _kind(type_.item_type, found), **bounds}
    if isinstance(type_, inspect.StructType):
        name = "key" if type_.cls is PublicKey else "approval"
        return {"kind": name, "fields": struct(type_.cls)}
    return _plain(type_)


def _plain(type_: inspect.Type) -> dict[str, Any]:
    if isinstance(type_, inspect.LiteralType):
        return {"kind": "choice", "choices": list(type_.values)}
    if isinstance(type_, inspect.IntType):
        return {"kind": "whole", "min": type_.ge, "max": type_.le}
    if isinstance(type_, inspect.BoolType):
        return {"kind": "flag"}
    if isinstance(type_, inspect.StrType):
        return {
            "kind": "text",
            "min": type_.min_length or 0,
            "max": type_.max_length,
            **({} if type_.pattern is None else {"pattern": type_.pattern}),
        }
    raise TypeError(f"no kind for {type_}")


def _actions(types: list[Any]) -> dict[str, Any]:
    return {"kind": "action", "actions": {str(each.tag): struct(each.cls) for each in types}}


# -- examples ---------------------------------------------------------------------------------


def examples(message: type[Message]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Make examples of a message: with all that it can say, and with as little as it may."""
    described = struct(message)
    tag = str(message.__struct_config__.tag)
    actions = next((each["actions"] for each in described if each["kind"] == "action"), {"": None})
    for action in actions:
        yield action or "full", _message(tag, described, action, bare=False)
    if any("default" in each or each["kind"] in ("flag", "list") for each in described):
        yield "bare", _message(tag, described, next(iter(actions)), bare=True)
    if any(each["name"] == "name" for each in described):
        yield "odd text", _message(tag, described, "", bare=False) | {"name": ODD}


def _message(tag: str, described: list[dict[str, Any]], action: str, bare: bool) -> dict[str, Any]:
    made: dict[str, Any] = {"type": tag}
    for field in described:
        if not (bare and "default" in field):
            made[field["name"]] = example(field, f"{tag}.{field['name']}", action, bare)
    return made


def example(field: dict[str, Any], label: str, action: str = "", bare: bool = False) -> Any:
    """Make a value of a kind; the same label gives the same value."""
    kind = field["kind"]
    if kind == "list":
        return _list(field, label, bare)
    if kind in ("approval", "action"):
        parts = field["actions"][action] if kind == "action" else field["fields"]
        made = {part["name"]: example(part, f"{label}.{part['name']}") for part in parts}
        return made | ({"do": action} if kind == "action" else {})
    simple: dict[str, Callable[[], Any]] = {
        "id": lambda: name_of(label),
        "digest": lambda: digest_of(label),
        "bytes": lambda: Signer(label).sign(label.encode()),
        "moment": lambda: START + (0 if label.endswith("starts") else DAY) + (0 if bare else 7),
        "key": lambda: msgspec.to_builtins(Signer(label).key),
        "choice": lambda: field["choices"][-1 if bare else 0],
        "flag": lambda: not bare,
        "whole": lambda: min(max(field["min"] or 0, 3), field["max"] or 3),
        "text": lambda: _text(field, label),
    }
    return simple[kind]()


def _list(field: dict[str, Any], label: str, bare: bool) -> list[Any]:
    item = field["item"]
    if item["kind"] == "choice":
        choices: list[Any] = item["choices"]
        return choices[:1] if bare else choices
    count = field["min"] if bare else min(max(2, field["min"]), field["max"])
    made: list[Any] = [example(item, f"{label} {each}") for each in range(count)]
    return made if item["kind"] == "approval" else sorted(made)


def _text(field: dict[str, Any], label: str) -> str:
    name = label.rpartition(".")[2]
    number = str(sum(label.encode()))
    known = {
        "name": "云溪 Example",
        "registration": "91350100M000100Y43",
        "url": "https://node.example:8443",
        "profession": "physician",
        "gtin": "06901234567892",
        "gln": "6901234567892",
        "drug_code": "8100123",
    }
    if name in known and (field.get("pattern") is None or name != "name"):
        return known[name]
    return {"prefixes": number.zfill(7)[:7], "lots": f"LOT-{number}"}.get(name.split()[0], "voting")


# -- vectors ----------------------------------------------------------------------------------


def case(message: type[Message], name: str, made: dict[str, Any]) -> dict[str, Any]:
    """Put an example into a body, and say it as the command line does."""
    tag = made["type"]
    label = f"{tag} {name}"
    fields: dict[str, Any] = {
        "chain": "test",
        "sender": name_of(f"{label} sender"),
        "payer": name_of(f"{label} payer"),
        "signers": [name_of(f"{label} key"), name_of(f"{label} beside")],
        "nonce": name_of(f"{label} nonce"),
        "expires": START + 60_000,
        "messages": [made],
    }
    if message.power is not None and name == "full":
        fields["on_behalf_of"] = name_of(f"{label} ward")
    text = codec.encode(fields)
    body = codec.decode(text, Body)
    return {
        "message": tag,
        "case": name,
        "body": text.decode(),
        "signed": keys.sha256(transaction.DOMAIN + text).hex(),
        "sentences": {each: said(body.messages[0], each) for each in LANGUAGES},
    }


def said(message: Message, language: str) -> str:
    """Give the command line's sentence of a message."""
    capability = str(message.__struct_config__.tag).partition(".")[0]
    return cli_fields.sentence(Console(language, as_json=False), capability, message)


def signing() -> dict[str, Any]:
    """Give what the portal works out beside bodies: key ids, proofs, commitments, requests."""
    made = []
    for suite in keys.SIGNATURES:
        key = Signer("new", suite).key
        owner, recovery = name_of("owner"), name_of("recovery")
        made.append(
            {
                "key": msgspec.to_builtins(key),
                "id": keys.key_id(key),
                "owner": owner,
                "proof": identity_rules.key_proof(owner, key).decode(),
                "recovery": recovery,
                "approval": identity_rules.recovery_approval(recovery, owner, key).decode(),
            }
        )
    return {"format": FORMAT, "keys": made, "terms": _opened(), "request": _request()}


def _opened() -> list[dict[str, Any]]:
    salt = codec.to_bytes(digest_of("salt"))
    made: dict[str, Any] = {"grantee": name_of("hospital b"), "starts": START, "ends": START + 9}
    full = made | {
        "practitioner": name_of("doctor"),
        "team": tuple(sorted((name_of("nurse"), name_of("second nurse")))),
        "role": "physician",
        "categories": ("imaging", "laboratory"),
        "sensitivities": ("hiv", "normal"),
        "denied": ("claim",),
        "redact": ("psy",),
        "purposes": ("pay", "treat"),
        "conditions": ("encounter", "hours:08:00-18:00+08:00"),
        "records": tuple(sorted((name_of("record"), name_of("second record")))),
    }
    narrow = made | {"categories": ("laboratory",), "purposes": ("treat",)}
    cases = []
    for fields in (narrow, full):
        terms = msgspec.convert(fields, Terms)
        cases.append(
            {
                "terms": msgspec.to_builtins(terms),
                "text": codec.encode(terms).decode(),
                "salt": codec.to_text(salt),
                "commitment": terms_commitment(salt, terms),
            }
        )
    return cases


def _request() -> dict[str, Any]:
    request = signed_request.SignedRequest(
        chain="test",
        sender=name_of("owner"),
        key=name_of("key"),
        method="POST",
        path="/v1/organisations/x?a=%20b",
        body=signed_request.body_digest(b"{}"),
        nonce=name_of("nonce"),
        expires=START,
    )
    return {
        "request": msgspec.to_builtins(request),
        "content": "{}",
        "signed": signed_request.text(request).decode(),
        "header": signed_request.header(request, bytes(64)),
    }


def wanted() -> dict[Path, str]:
    """Give every file's text by its place."""
    made = {REGISTRY: render(registry()), FOLDER / "signing.json": render(signing())}
    for module in MODULES:
        cases = [
            case(message, name, found)
            for message in module.messages
            for name, found in examples(message)
        ]
        made[FOLDER / f"{module.name}.json"] = render({"format": FORMAT, "cases": cases})
    return made


def render(content: Any) -> str:
    """Give a file's text."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check all files; gives the exit code."""
    files = wanted()
    left = sorted(set(FOLDER.glob("*")) - set(files))
    wrong = [
        place
        for place, text in files.items()
        if not place.exists() or place.read_text("utf-8") != text
    ]
    if "--check" in arguments:
        for place in (*wrong, *left):
            print(f"differs: {place.relative_to(ROOT)}")
        return 1 if wrong or left else 0
    for place in wrong:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(files[place], "utf-8")
    for place in left:
        place.unlink()
    print(f"{len(files)} files, {len(wrong)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
