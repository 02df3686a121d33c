"""The ledger is pure by the lint, and the lint finds what it is for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tools import purity

FORBIDDEN = [
    *[f"import {name}" for name in sorted(purity.MODULES)],
    "import os.path",
    "from random import randrange",
    "from datetime import datetime",
    "from concurrent.futures import Future",
    *[f"{name}(value)" for name in sorted(purity.BUILTINS)],
    "sorted(values, key=hash)",
    "share = 0.5",
    "share = 1e3",
    "share = 2j",
    "share = value / 2",
    "share /= 2",
    *[f"value.{name}()" for name in sorted(purity.TEXT_METHODS)],
    "for each in {1, 2}: pass",
    "for each in set(values): pass",
    "for each in frozenset(values): pass",
    "for each in {x for x in values}: pass",
    "made = [each for each in set(values)]",
    "made = {each: 1 for each in set(values) | other}",
    "made = list(set(values))",
    "made = tuple({1, 2})",
    "made = dict.fromkeys({1, 2})",
    "made = next(iter({1, 2}))",
    "made = [*{1, 2}]",
    "made = list(map(len, {'a', 'b'}))",
    "made = list(enumerate({'a', 'b'}))",
    "made = ','.join({'a', 'b'})",
    "one, two = {1, 2}",
    "known = set(values)\nfor each in known: pass",
    "known: set[int] = build()\nfor each in known: pass",
    "known = set(values)\nmade = known.pop()",
    "known = set(values)\nfor each in known.union(values): pass",
    "known = set(values)\nfor each in known.copy(): pass",
    "def f(known: frozenset[int]) -> list[int]:\n    return [each for each in known]",
    "class C:\n    def f(self):\n        self.seen = set()\n        return list(self.seen)",
    "def f(known: set[int]):\n    yield from known",
    "try:\n    f()\nexcept ValueError as error:\n    told = str(error)",
    "try:\n    f()\nexcept ValueError as error:\n    told = repr(error)",
    "try:\n    f()\nexcept ValueError as error:\n    told = f'no: {error}'",
    "try:\n    f()\nexcept ValueError as error:\n    told = error.args[0]",
    "import re\nmade = re.fullmatch(r'\\d+', value)",
    "Number = Annotated[str, msgspec.Meta(pattern=r'^\\w+$')]",
]

ALLOWED = [
    "made = value // 2",
    "made = sorted(set(values))",
    "made = len({1, 2}) + sum({1, 2})",
    "known = set(values)\nmade = value in known",
    "import re\nmade = re.compile(r'^[a-z]+$')",
    "made = value.lower()  # ascii: hex digits",
    "made = value.hex().upper()",
    "made = {'a': 1}\nfor each in made: pass",
    "try:\n    f()\nexcept ValueError:\n    raise MALFORMED() from None",
    "made = self.hash()",
    "from yilian.ledger import codec",
]


def test_the_ledger_is_pure() -> None:
    assert purity.breaches() == []


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Give a copy of the ledger to plant things in."""
    shutil.copytree(purity.LEDGER, tmp_path / "ledger", ignore=shutil.ignore_patterns("*.pyc"))
    return tmp_path / "ledger"


@pytest.mark.parametrize("planted", FORBIDDEN)
def test_what_is_planted_is_found(tmp_path: Path, planted: str) -> None:
    source = f"def rule(value, values, other):\n    {planted.replace(chr(10), chr(10) + '    ')}\n"
    (tmp_path / "planted.py").write_text(source, "utf-8")
    found = purity.breaches(tmp_path)
    assert found, planted
    assert {each.path for each in found} == {"planted.py"}


@pytest.mark.parametrize("planted", ALLOWED)
def test_what_is_allowed_is_left_alone(tmp_path: Path, planted: str) -> None:
    (tmp_path / "planted.py").write_text(planted + "\n", "utf-8")
    assert purity.breaches(tmp_path) == []


def test_a_plant_deep_in_the_ledger_is_found(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert purity.main([str(ledger)]) == 0
    place = ledger / "modules" / "consent" / "rules.py"
    with place.open("a", encoding="utf-8") as file:
        file.write("\n\nimport time\n\nNOW = time.time() / 1000\n")
    assert purity.main([str(ledger)]) == 1
    lines = len(place.read_text("utf-8").splitlines())
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"modules/consent/rules.py:{lines - 2}: imports time",
        f"modules/consent/rules.py:{lines}: divides with / (use //)",
    ]
