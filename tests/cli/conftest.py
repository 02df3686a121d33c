"""A node behind a socket, key files, and the command line called as its users call it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.chain import name_of
from tests.unit.sdk.running import Running, served, signer_of
from yilian.cli import main


class Said(NamedTuple):
    """What a command line answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        lines = self.out.splitlines()
        assert len(lines) == 1, self
        found: dict[str, Any] = json.loads(lines[0])
        return found


Yilian = Callable[..., Said]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests reaches the command line."""
    for name in ("NODE", "KEY", "SENDER", "PAYER", "CHAIN", "PASSPHRASE_FILE", "LANGUAGE"):
        monkeypatch.delenv(f"YILIAN_{name}", raising=False)
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")


@pytest.fixture
def yilian(capfd: pytest.CaptureFixture[str]) -> Yilian:
    """Run a command line; gives its exit code and what it said."""

    def run(*arguments: str | Path) -> Said:
        capfd.readouterr()
        code = main([str(each) for each in arguments])
        out, err = capfd.readouterr()
        return Said(code, out, err)

    return run


class Served(NamedTuple):
    """A running node: its address, itself, and a folder with the key file of each of the cast."""

    url: str
    node: Running
    keys: Path

    def signs(self, label: str) -> list[str]:
        """Give the options with which one of the cast signs."""
        path = self.keys / f"{label}.key"
        if not path.exists():
            signer_of(label).write(path, None)
        options = {"node": self.url, "key": path, "sender": name_of(label)}
        options["payer"] = name_of("hospital")
        return [f"--{name}={value}" for name, value in options.items()]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node on a socket of this machine, where `alice` is enrolled."""
    folder = tmp_path_factory.mktemp("node")
    with Running(folder) as running, served(running.app) as url:
        running.enrol("alice")
        yield Served(url, running, tmp_path_factory.mktemp("keys"))
