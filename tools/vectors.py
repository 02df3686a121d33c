"""Write the rule vectors from the rule cases: `python tools/vectors.py [--check]`.

Every case of `tests/rules` runs on a fresh seeded chain of the default profile; what its
transaction read, its bytes, its result and its writes become one file (`vectors/README.md`).
`--check` writes nothing and fails where a file differs, is missing or belongs to no case.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
for _folder in (ROOT, ROOT / "src"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

import tests.rules  # noqa: E402
from tests.cases import CASES, Case, name, prepare  # noqa: E402
from tests.chain import STEP, Chain, Memory  # noqa: E402

from yilian.ledger import codec  # noqa: E402

FORMAT = "yilian-vector/1"
FOLDER = ROOT / "vectors"


class Traced:
    """State that remembers what was read of it."""

    def __init__(self, below: Memory) -> None:
        self._below = below
        self.read: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """Give a value and note it."""
        value = self._below.get(key)
        if value is not None:
            self.read[key] = value
        return value

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """List values and note those taken."""
        for key, value in self._below.scan(prefix, after):
            self.read[key] = value
            yield key, value


def cases() -> dict[str, Case]:
    """Import all rule tests and give their cases by path."""
    for found in pkgutil.walk_packages(tests.rules.__path__, "tests.rules."):
        importlib.import_module(found.name)
    return {path: CASES[path] for path in sorted(CASES)}


def vector(case: Case) -> dict[str, Any]:
    """Run a case and give its vector."""
    world = Chain()
    raw, _ = prepare(case, world)
    traced = Traced(world.memory)
    world.machine.reader = traced
    applied = world.machine.apply_block(world.height + 1, world.time + STEP, [raw])
    result = applied.results[0]
    return {
        "format": FORMAT,
        "message": case.message,
        "case": case.name.replace("_", " "),
        "chain": world.genesis.chain,
        "profile": {
            "hash": world.profile.hash,
            "signatures": list(world.profile.signatures),
            "cipher": world.profile.cipher,
        },
        "height": applied.height,
        "time": applied.time,
        "state": {key.decode(): traced.read[key].decode() for key in sorted(traced.read)},
        "transaction": codec.to_text(raw),
        "result": {
            "code": result.code,
            "name": name(result),
            "gas": result.gas,
            "parameters": result.parameters,
            "data": result.data().hex(),
        },
        "events": json.loads(result.events),
        "timer_events": json.loads(applied.timer_events),
        "writes": {key.decode(): _text(applied.changes[key]) for key in sorted(applied.changes)},
    }


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def render(content: dict[str, Any]) -> str:
    """Give a vector's file."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def stale(wanted: dict[str, str]) -> list[str]:
    """List vector files below the capabilities' folders that no case makes any more."""
    homes = sorted({path.split("/")[0] for path in wanted})
    found = [each for home in homes for each in (FOLDER / home).rglob("*.json")]
    names = [each.relative_to(FOLDER).as_posix() for each in found]
    return sorted(each for each in names if each not in wanted)


def main(arguments: list[str]) -> int:
    """Write or check all vectors; gives the exit code."""
    wanted = {path: render(vector(case)) for path, case in cases().items()}
    wrong = stale(wanted)
    for path, text in wanted.items():
        place = FOLDER / path
        if place.exists() and place.read_text("utf-8") == text:
            continue
        wrong.append(path)
        if "--check" not in arguments:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, "utf-8")
    if "--check" not in arguments:
        for path in stale(wanted):
            (FOLDER / path).unlink()
        print(f"{len(wanted)} vectors, {len(wrong)} changed")
        return 0
    for path in wrong:
        print(f"differs: vectors/{path}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
