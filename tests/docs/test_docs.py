"""The documents do not lie where a program can tell: links, commands, codes, paths, addresses."""

from __future__ import annotations

import importlib
import pkgutil
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from starlette.routing import WebSocketRoute

import yilian
from yilian.cli import root
from yilian.cli.console import Console
from yilian.gateway.http import ALL
from yilian.gateway.http.epcis import routes as epcis_routes
from yilian.gateway.http.health_links_public import routes as link_routes
from yilian.gateway.http.log import routes as log_routes
from yilian.gateway.http.organisation import routes as organisation_routes
from yilian.gateway.http.sign_in import routes as sign_in_routes
from yilian.gateway.http.supply_public import routes as public_routes
from yilian.gateway.http.verification_router import routes as verification_routes
from yilian.gateway.supply.responders import Responders
from yilian.ledger import errors
from yilian.ledger.modules import MODULES
from yilian.node.log import CheckpointLog

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
NAMES = [str(each.relative_to(ROOT)) for each in DOCUMENTS]
READMES = ("README.md", "README.zh-CN.md")
TUTORIALS = ("docs/tutorial.md", "docs/tutorial.zh-CN.md")

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
OPERATOR = re.compile(r"^(\|\|?|&&?|;|<|>|>>|\d?>&?\d?)$")
ROOMS = ("cli", "gateway", "ledger", "node", "sdk", "text", "vault")
TOPS = (".ci", "bench", "demo", "docs", "src", "tests", "tools", "vectors")

for _module in pkgutil.walk_packages(yilian.__path__, "yilian."):
    if not _module.name.endswith("__main__"):
        importlib.import_module(_module.name)


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def fenced(text: str, language: str) -> list[str]:
    return [body for found, body in FENCE.findall(text) if found == language]


def prose(text: str) -> str:
    return FENCE.sub("", text)


def inline(text: str) -> list[str]:
    return INLINE.findall(prose(text))


def words_of(line: str) -> list[list[str]]:
    """Cut a line of shell into its simple commands, those inside `$(...)` too."""
    found = []
    for inner in re.findall(r"\$\(([^()]*)\)", line):
        found.extend(words_of(inner))
    lexer = shlex.shlex(re.sub(r"\$\([^()]*\)", "VALUE", line), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    command: list[str] = []
    for word in [*lexer, ";"]:
        if OPERATOR.match(word):
            if command:
                found.append(command)
            command = [] if word not in ("<", ">", ">>") else ["redirected"]
        else:
            command.append(word)
    return found


def shell_lines(text: str) -> Iterator[str]:
    for block in fenced(text, "bash"):
        block = re.sub(r" \\\n +", " ", block)
        outside = re.sub(r"<<'END'\n.*?^END$", "", block, flags=re.S | re.M)
        outside = re.sub(r'python -c "\n.*?^"$', "python", outside, flags=re.S | re.M)
        yield from (each for each in outside.splitlines() if each.strip() and "() {" not in each)


def commands_of(text: str, program: str) -> Iterator[tuple[list[str], bool]]:
    """Give each command of a program, and whether it stands in a block to be run as it is."""
    for line in shell_lines(text):
        for words in words_of(line):
            while words and re.match(r"^[A-Z_]+=", words[0]):
                words = words[1:]
            if words and words[0].removeprefix(".venv/bin/") == program:
                yield words[1:], True
    for code in inline(text):
        words = [each for each in code.split() if not re.match(r"^[A-Z_]+=", each)]
        if words and words[0].removeprefix(".venv/bin/") == program:
            yield words[1:], False


def resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    """Walk down the tree of commands; gives the command and what follows its name."""
    command: click.Command = root(Console("en", False))
    context = click.Context(command, info_name="yilian")
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        below = command.get_command(context, rest[0])
        assert below is not None, f"no command: yilian {' '.join(words)}"
        command, rest = below, rest[1:]
        context = click.Context(command, info_name=words[0], parent=context)
    return command, rest


def options_of(command: click.Command) -> dict[str, click.Option]:
    context = click.Context(command)
    return {
        name: each
        for each in command.get_params(context)
        if isinstance(each, click.Option)
        for name in (*each.opts, *each.secondary_opts)
    }


def test_there_is_something_to_check() -> None:
    assert set(READMES) | set(TUTORIALS) <= set(NAMES)
    runnable = [each for name in NAMES for each in commands_of(text_of(name), "yilian") if each[1]]
    assert len(runnable) > 40


@pytest.mark.parametrize("name", NAMES)
def test_links_resolve(name: str) -> None:
    for link in LINK.findall(prose(text_of(name))):
        if not link.startswith(("https://", "http://", "#")):
            assert (ROOT / name).parent.joinpath(link.partition("#")[0]).exists(), link


@pytest.mark.parametrize("name", NAMES)
def test_commands_exist(name: str) -> None:
    for words, runnable in commands_of(text_of(name), "yilian"):
        command, rest = resolve(words)
        known = options_of(command)
        if "--" in rest:
            rest = rest[: rest.index("--")]
        given = {each.partition("=")[0] for each in rest if re.match(r"^--?[a-z]", each)}
        assert given <= set(known), f"{words}: no option {sorted(given - set(known))}"
        if runnable and "--help" not in given:
            assert not isinstance(command, click.Group) or given, f"{words} names no command"
            missing = [
                each.opts for each in known.values() if each.required and not given & {*each.opts}
            ]
            assert not missing, f"{words} lacks {missing}"


@pytest.mark.parametrize("name", NAMES)
def test_make_targets_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.M))
    for words, runnable in commands_of(text_of(name), "make"):
        assert words or not runnable, "make without a target"
        assert {each for each in words if "=" not in each} <= targets, words


@pytest.mark.parametrize("name", NAMES)
def test_refusal_codes_exist(name: str) -> None:
    text = prose(text_of(name))
    for code, number in re.findall(r"`([a-z_.]+)`\s\((\d+)\)", text):
        assert errors.by_name(code).number == int(number), code
    owners = {module.name for module in MODULES} | {"fhir", "organisation"}
    known = {each.name for each in errors.every()}
    for code in inline(text):
        owner, dot, rest = code.partition(".")
        is_file = rest in ("py", "sqlite")
        if dot and owner in owners and re.fullmatch("[a-z_]+", rest) and not is_file:
            assert code in known, code


@pytest.mark.parametrize("name", NAMES)
def test_messages_and_events_exist(name: str) -> None:
    known = {
        f"{module.name}.{each.__name__}"
        for module in MODULES
        for each in (*module.messages, *module.events)
    }
    invented = {"consent.Renew"} if name == "CONTRIBUTING.md" else set()
    owners = "|".join(module.name for module in MODULES)
    for code in inline(text_of(name)):
        if re.fullmatch(rf"({owners})\.[A-Z][A-Za-z]+", code):
            assert code in known | invented, code


@pytest.mark.parametrize("name", NAMES)
def test_paths_exist(name: str) -> None:
    for code in inline(text_of(name)):
        path = code.split()[0].rstrip("/")
        first = path.partition("/")[0]
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)+", path):
            continue
        if first in TOPS:
            assert (ROOT / path).exists(), path
        elif first in ROOMS:
            assert (ROOT / "src" / "yilian" / path).exists(), path


@pytest.mark.parametrize("name", NAMES)
def test_environment_variables_exist(name: str) -> None:
    code = "".join(
        each.read_text("utf-8")
        for folder in ("src", "tests", "demo", "tools")
        for each in (ROOT / folder).rglob("*.py")
        if each != Path(__file__)
    )
    for variable in set(re.findall(r"\bYILIAN_[A-Z_]+\b", text_of(name))):
        assert variable in code, variable


@pytest.mark.parametrize("name", NAMES)
def test_python_blocks_compile(name: str) -> None:
    for block in fenced(text_of(name), "python"):
        compile(block, name, "exec")


@pytest.mark.parametrize("name", NAMES)
def test_no_path_of_a_single_machine(name: str) -> None:
    assert not re.search(r"/(home|root|work|tmp|Users)/", text_of(name))


def _all_commands(name: str) -> set[tuple[str, ...]]:
    text = text_of(name)
    found = {
        (program, *words)
        for program in ("yilian", "make")
        for words, _ in commands_of(text, program)
    }
    return found | {tuple(line.split()) for line in shell_lines(text)}


def test_both_readmes_have_the_same_commands() -> None:
    english, chinese = map(_all_commands, READMES)
    assert english == chinese
    assert len(english) > 10


def test_the_chapters_of_the_demo_are_those_that_play() -> None:
    source = text_of("demo/chapters/__init__.py")
    played = re.findall(r'^    "(\w+)": (\w+)\.play,$', source, re.M)
    assert played
    assert all(name == file for name, file in played)
    files = {each.stem for each in (ROOT / "demo" / "chapters").glob("*.py")}
    assert files - {"__init__", "reading"} == {name for name, _ in played}
    for readme in READMES:
        table = text_of(readme).split("| `CHAPTER=` |")[1].split("\n\n")[0]
        assert re.findall(r"^\| `(\w+)` \|", table, re.M) == [name for name, _ in played]
    for each in (*READMES, *TUTORIALS):
        named = re.findall(r"CHAPTER=([a-z,]+)", text_of(each))
        assert {name for words in named for name in words.split(",")} <= {
            "none",
            *(name for name, _ in played),
        }


def test_both_tutorials_run_the_same_blocks() -> None:
    english, chinese = (fenced(text_of(each), "bash") for each in TUTORIALS)
    assert english == chinese


def test_the_addresses_are_those_that_are_served() -> None:
    served = set()
    log: CheckpointLog = None  # type: ignore[assignment]  # Nothing is asked of it.
    responders: Responders = SimpleNamespace(directory=None, show=None)  # type: ignore[assignment]
    for route in (
        *ALL,
        *organisation_routes({}),
        *log_routes(log),
        *public_routes(responders),
        *verification_routes(responders),
        *link_routes({}),
        *epcis_routes({}.get),
        *sign_in_routes(),
    ):
        if isinstance(route, WebSocketRoute):
            continue
        operation = getattr(route.endpoint, "operation", None)
        served.add(
            f"GET {route.path}" if operation is None else f"{operation.method} {operation.path}"
        )
    listed = set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", text_of("docs/http.md"), re.M))
    general = {f"GET {_PLURALS}", f"GET {_PLURALS}/{{id}}"}
    assert general <= listed
    tables = "|".join(module.name for module in MODULES)
    of_tables = {
        each for each in served if re.fullmatch(rf"GET /v1/({tables})/[a-z-]+(/{{id}})?", each)
    }
    special = {"GET /v1/identity/did/{id}", "GET /v1/supply/scan"}
    assert listed - general == served - of_tables | special


_PLURALS = "/v1/{capability}/{plural}"


def test_the_verifiers_codes_are_explained() -> None:
    source = text_of("src/yilian/sdk/verify.py") + text_of("src/yilian/sdk/verify_log.py")
    page = text_of("docs/formats/receipt.md")
    table = page[page.index("| code | what does not hold |") :].split("\n\n")[0]
    explained = set(re.findall(r"`([a-z_]+)`", table))
    raised = set(re.findall(r'\brequire\([^\n]*, "([a-z_]+)", ', source))
    raised |= set(re.findall(r'NotVerified\("([a-z_]+)"', source))
    assert explained == raised


def test_the_metrics_exist() -> None:
    source = text_of("src/yilian/gateway/metrics.py")
    for metric in set(re.findall(r"`(yilian_[a-z_]+)", text_of("docs/operations.md"))):
        assert f'"{metric.removesuffix("_total")}"' in source, metric


def test_the_limits_are_those_of_the_code() -> None:
    from yilian.gateway import nonces, server
    from yilian.gateway.auth import signed
    from yilian.gateway.fhir import intake
    from yilian.ledger import transaction
    from yilian.ledger.modules.governance.state import Parameters
    from yilian.node import embedded, store
    from yilian.vault import items

    page = text_of("docs/operations.md")
    rule = Parameters()
    for row in (
        f"{transaction.MAX_BYTES:,} bytes, {transaction.MAX_MESSAGES} messages, "
        f"{transaction.MAX_SIGNERS} signers",
        f"{rule.expiry_limit_ms // 3_600_000} hours",
        f"{rule.session_limit_ms // 60_000} minutes",
        f"{rule.organisation_quota:,} for an organisation, {rule.person_quota} for a person",
        f"{rule.pending_per_payer:,} for a payer",
        f"{rule.block_max_bytes:,} bytes, {rule.block_max_gas:,} gas, "
        f"{embedded.BLOCK_TRANSACTIONS:,} transactions",
        f"{intake.MAX_BUNDLE_BYTES >> 20} MiB, {intake.MAX_ENTRIES:,} entries",
        f"{items.MAX_BATCH:,} records, {items.MAX_BATCH_BYTES >> 20} MiB",
        f"{server.MAX_HEAD:,} bytes, {server.MAX_HEADERS} headers, {server.HEAD_SECONDS:g} seconds",
        f"{signed.MAX_BODY >> 20} MiB where nothing else is said",
        f"{server.MAX_CONNECTIONS:,}",
        f"{nonces.PER_KEY:,} within a minute",
        f"the last {store.UNDO_HEIGHTS} heights",
    ):
        assert f"| {row}" in page or f" {row} |" in page, row


def test_the_checks_notice_what_is_wrong() -> None:
    with pytest.raises(AssertionError, match="no command"):
        resolve(["organisation", "lend"])
    assert words_of("A=$(yilian keys id) yilian up ward > log & sleep 5; yilian status") == [
        ["yilian", "keys", "id"],
        ["A=VALUE", "yilian", "up", "ward"],
        ["redirected", "log"],
        ["sleep", "5"],
        ["yilian", "status"],
    ]
