"""One word in every place: message, rule, command, method, texts in both languages, schema.

A message that is added to the registry and forgotten at one of the doors fails here by name.
"""

from __future__ import annotations

import json
import re
import string
from importlib import resources
from pathlib import Path
from typing import Any

import click
import httpx
import msgspec
import pytest

from tests.cli.conftest import Served
from yilian.cli import COMMANDS, fields, root
from yilian.cli.capability import TABLES, UNLISTED, command_name
from yilian.cli.console import Console
from yilian.ledger.module import Event, Message, snake_case
from yilian.ledger.modules import MODULES, RULES
from yilian.sdk import capabilities, capabilities_async, verify, verify_log
from yilian.text import LANGUAGES

MESSAGES = [(module.name, each) for module in MODULES for each in module.messages]
EVENTS = [(module.name, each) for module in MODULES for each in module.events]
SOURCE = Path(__file__).resolve().parents[2] / "src/yilian"


def words(language: str, name: str) -> dict[str, Any]:
    file = resources.files("yilian.text") / language / f"{name}.json"
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def flat(value: Any, path: str = "") -> dict[str, str]:
    if isinstance(value, str):
        return {path: value}
    return {
        name: text
        for key, each in value.items()
        for name, text in flat(each, f"{path}/{key}").items()
    }


def command_of(name: str, message: type[Message]) -> click.Command:
    console = Console("en", as_json=False)
    with click.Context(click.Command("yilian")) as context:
        noun = root(console).get_command(context, name)
        assert isinstance(noun, click.Group)
        found = noun.get_command(context, command_name(message))
    assert found is not None
    return found


@pytest.mark.parametrize(("name", "message"), MESSAGES)
def test_a_message_has_a_rule_and_a_method(name: str, message: type[Message]) -> None:
    word = snake_case(message.__name__)
    assert RULES[message].__name__ == word
    assert message.__struct_config__.tag == f"{name}.{message.__name__}"
    for family in (capabilities.Capabilities, capabilities_async.AsyncCapabilities):
        made: Any = family(None)  # type: ignore[arg-type]
        assert callable(getattr(getattr(made, name), word))


@pytest.mark.parametrize(("name", "message"), MESSAGES)
def test_a_message_has_a_command_with_all_its_fields(name: str, message: type[Message]) -> None:
    command = command_of(name, message)
    given = {each.name for each in command.params}
    assert set(message.__struct_fields__) <= given
    spellings = [each for param in command.params for each in (*param.opts, *param.secondary_opts)]
    assert sorted(set(spellings)) == sorted(spellings)
    assert {"--key", "--sender", "--payer", "--node", "--json", "--language"} <= set(spellings)
    assert not any("seed" in each or each == "--passphrase" for each in spellings)


def test_what_brings_an_id_into_the_world_draws_it() -> None:
    drawn = {f"{name}.{each.__name__}": fields.new_id(each) for name, each in MESSAGES}
    assert {name: field for name, field in drawn.items() if field} == {
        "identity.EnrolOrganisation": "organisation",
        "identity.EnrolPerson": "person",
        "identity.EnrolPractitioner": "practitioner",
        "identity.EnrolDevice": "device",
        "identity.EnrolAgent": "agent",
        "identity.IssueLicence": "licence",
        "identity.ProposeRecovery": "recovery",
        "identity.Link": "link",
        "governance.Propose": "proposal",
        "consent.Grant": "grant",
        "consent.OpenSession": "session",
        "consent.Ask": "ask",
        "consent.BreakGlass": "access",
        "records.Anchor": "record",
        "records.AnchorBatch": "batch",
        "records.AnchorDisclosures": "batch",
        "records.Hold": "hold",
        "records.Erase": "erasure",
        "care.OpenEncounter": "encounter",
        "care.Refer": "referral",
        "supply.RegisterCompany": "company",
        "supply.IssueCredential": "credential",
        "supply.IssueRecall": "recall",
        "supply.RaiseAlert": "alert",
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("name", "message"), MESSAGES)
def test_a_message_has_its_words(language: str, name: str, message: type[Message]) -> None:
    told = words(language, name)[f"{name}.{snake_case(message.__name__)}"]
    assert told["about"]
    assert places(told["sentence"]) == set(message.__struct_fields__)
    parts: set[str] = set()
    for field in fields.fields(message):
        actions = fields._actions(field.hint)
        assert set(told.get("actions", {})) == set(actions) or not actions
        for tag, action in actions.items():
            assert places(told["actions"][tag]) == set(action.__struct_fields__)
            parts |= {f"{field.name}.{each}" for each in action.__struct_fields__}
    assert set(told["fields"]) == set(message.__struct_fields__) | parts


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("name", "event"), EVENTS)
def test_an_event_has_its_sentence(language: str, name: str, event: type[Event]) -> None:
    sentence = words(language, name)[f"{name}.{event.__name__}"]
    assert places(sentence) == set(event.__struct_fields__)


@pytest.mark.parametrize("name", [*(module.name for module in MODULES), "cli"])
def test_both_languages_say_the_same_things(name: str) -> None:
    english, chinese = (flat(words(each, name)) for each in LANGUAGES)
    assert sorted(english) == sorted(chinese)
    for key, sentence in english.items():
        assert sentence.strip() == sentence != ""
        assert chinese[key].strip() == chinese[key] != ""
        assert places(sentence) == places(chinese[key]), key
        assert re.search("[\u4e00-\u9fff]", chinese[key]), key
        assert not re.search("[\u4e00-\u9fff]", sentence), key


@pytest.mark.parametrize("name", [module.name for module in MODULES])
def test_no_word_is_left_over(name: str) -> None:
    module = next(each for each in MODULES if each.name == name)
    wanted = {"capability"}
    wanted |= {f"{name}.{snake_case(each.__name__)}" for each in module.messages}
    wanted |= {f"{name}.{each.__name__}" for each in module.events}
    assert set(words("en", name)) == wanted


def test_every_noun_has_its_words_and_every_capability_is_a_noun() -> None:
    assert set(words("en", "cli")["nouns"]) == set(COMMANDS)
    assert {module.name for module in MODULES} <= set(COMMANDS)


def test_every_reason_of_the_verifier_has_its_words() -> None:
    source = "".join(Path(each.__file__).read_text("utf-8") for each in (verify, verify_log))
    reasons = set(re.findall(r'NotVerified\(\s*"([a-z_]+)"', source))
    for call in re.findall(r"\brequire\((?:[^()]|\([^()]*\))*\)", source):
        reasons |= set(re.findall(r', "([a-z]+(?:_[a-z]+)*)", f?"', call))
    assert len(reasons) > 15
    assert reasons <= set(words("en", "cli")["proof"])


def test_every_word_of_the_command_line_is_used() -> None:
    source = "\n".join(path.read_text("utf-8") for path in sorted((SOURCE / "cli").glob("*.py")))
    source += "\n".join(path.read_text("utf-8") for path in (SOURCE / "sdk").glob("*.py"))
    for key in flat(words("en", "cli")):
        path = key[1:]
        head, _, last = path.partition("/")
        dynamic = f'f"{head}/{{' in source or f"f'{head}/{{" in source
        assert f'"{path}"' in source or f'"{last}"' in source or dynamic, path


def test_the_gateway_describes_every_message_and_serves_every_table(node: Served) -> None:
    document = msgspec.json.decode(httpx.get(f"{node.url}/openapi.json").content)
    for name, message in MESSAGES:
        schema = document["components"]["schemas"][f"{name}.{message.__name__}"]
        assert set(schema["properties"]) == {*message.__struct_fields__, "type"}
    served = {path for path in document["paths"] if path.count("/") in (3, 4)}
    for name, tables in TABLES.items():
        for table in tables:
            assert f"/v1/{name}/{table}/{{id}}" in served
            assert (f"/v1/{name}/{table}" in served) == (table not in UNLISTED)
    shown = {(name, table) for name, tables in TABLES.items() for table in tables}
    shown |= {("identity", "did")}
    offered = {tuple(path.split("/")[2:4]) for path in served if path.endswith("/{id}")}
    assert {each for each in offered if each[0] in TABLES} <= shown
