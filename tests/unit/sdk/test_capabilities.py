"""What is generated from the registry: fresh, checked, and what its methods send."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from yilian.ledger.module import Message, snake_case
from yilian.ledger.modules import MODULES
from yilian.sdk import capabilities, capabilities_async
from yilian.sdk.steps import Outcome

ROOT = Path(__file__).resolve().parents[3]
MESSAGES = [(module.name, each) for module in MODULES for each in module.messages]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """The tool, loaded from its file: `tools` is no package of ours."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "tools/generate.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules["generate"] = made
    spec.loader.exec_module(made)
    return made


class Outbox:
    """A client that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[tuple[list[Message], bool, dict[str, Any]]] = []

    def send(self, messages: Any, *, wait: bool = True, **common: Any) -> Outcome:
        self.sent.append((list(messages), wait, common))
        return Outcome(hash="", status="pending")


def test_everything_generated_is_fresh(generate: ModuleType) -> None:
    for path, text in generate.everything().items():
        assert path.read_text("utf-8") == text, f"run: python tools/generate.py ({path.name})"
    assert generate.main(["--check"]) == 0


def test_check_finds_what_is_stale_and_writes_nothing(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, text in generate.everything().items():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text, "utf-8")
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    for name in ("SDK", "ASYNC_SDK"):
        monkeypatch.setattr(generate, name, tmp_path / getattr(generate, name).relative_to(ROOT))
    monkeypatch.setattr(generate, "READMES", tmp_path / generate.READMES.relative_to(ROOT))
    assert generate.main(["--check"]) == 0
    for path in generate.everything():
        fresh = path.read_text("utf-8")
        stale = fresh.replace("revoke", "revke").replace("| message |", "| massage |")
        stale = stale.replace("anchored", "ankered") if stale == fresh else stale
        path.write_text(stale, "utf-8")
        assert generate.main(["--check"]) == 1
        kept = path.read_text("utf-8")
        assert kept == stale
        assert generate.main([]) == 0
        assert generate.main(["--check"]) == 0
        path.write_text(fresh, "utf-8")
    generate.SDK.unlink()
    assert generate.main(["--check"]) == 1


def test_a_readme_keeps_its_prose_and_needs_its_markers(generate: ModuleType) -> None:
    module = MODULES[0]
    text = f"# prose\n\n{generate.BEGIN}\nold\n{generate.END}\nafter\n"
    made = generate.readme(module, text)
    assert made.startswith("# prose\n")
    assert made.endswith(f"{generate.END}\nafter\n")
    assert "\nold\n" not in made
    assert generate.readme(module, made) == made
    for broken in ("", "# prose\n", generate.BEGIN, generate.END):
        with pytest.raises(ValueError, match="markers"):
            generate.readme(module, broken)


@pytest.mark.parametrize(("name", "message"), MESSAGES)
def test_a_method_sends_exactly_its_message(name: str, message: type[Message]) -> None:
    outbox = Outbox()
    method = getattr(getattr(capabilities.Capabilities(outbox), name), snake_case(message.__name__))
    fields = {each: object() for each in message.__struct_fields__}
    method(**fields, wait=False, nonce="n")
    ((sent, wait, common),) = outbox.sent
    assert (wait, common) == (False, {"nonce": "n"})
    assert [type(each) for each in sent] == [message]
    assert {each: getattr(sent[0], each) for each in fields} == fields


@pytest.mark.parametrize(("name", "message"), MESSAGES)
def test_methods_take_keywords_only_and_say_what_the_message_says(
    name: str, message: type[Message]
) -> None:
    for family in (capabilities.Capabilities, capabilities_async.AsyncCapabilities):
        made: Any = family(Outbox())  # type: ignore[arg-type]
        method = getattr(getattr(made, name), snake_case(message.__name__))
        assert inspect.iscoroutinefunction(method) == (
            family is capabilities_async.AsyncCapabilities
        )
        said, meant = inspect.getdoc(method) or "", inspect.getdoc(message) or ""
        assert said.split() == meant.split()
        parameters = inspect.signature(method).parameters
        assert list(parameters) == [*message.__struct_fields__, "wait", "common"]
        with pytest.raises(TypeError):
            method("positional")


def test_there_is_no_method_without_a_message() -> None:
    made = capabilities.Capabilities(Outbox())
    assert sorted(vars(made)) == sorted(module.name for module in MODULES)
    for module in MODULES:
        methods = {each for each in dir(getattr(made, module.name)) if not each.startswith("_")}
        assert methods == {snake_case(each.__name__) for each in module.messages}
