"""The browser's signer under Node: one process that is told what to sign, line by line."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.portal.judging import PORTAL, node

_BUILD = """
import { build } from "vite";
const outDir = process.argv[1];
const ssr = { ssr: "src/sign/by-line.ts", outDir, target: "node20", emptyOutDir: false };
await build({ configFile: false, logLevel: "error", build: ssr });
"""
"""Of the portal's own settings only those of its pages: none that a program under Node needs."""


def build(folder: Path) -> Path:
    """Bundle the signer for Node."""
    command = [node(), "--input-type=module", "--eval", _BUILD, str(folder)]
    ran = subprocess.run(
        command, cwd=PORTAL, capture_output=True, text=True, timeout=240, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2_000:]
    # The bundle leaves packages where they are; Node looks for them beside it.
    (folder / "node_modules").symlink_to(PORTAL / "node_modules")
    made = folder / "by-line.js"
    return made.rename(made.with_suffix(".mjs"))


class Device:
    """A device with keys of its own; what it has ends with it."""

    def __init__(self, script: Path, url: str = "http://127.0.0.1:9") -> None:
        self._process = subprocess.Popen(
            [node(), str(script), url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()

    def ask(self, act: str, **line: Any) -> dict[str, Any]:
        """Have something done; gives the answer, a refusal among them."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": act, **line}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert "fault" not in answer, answer
        return answer

    def key(self, owner: str, *suites: str) -> dict[str, Any]:
        """Make a key for somebody: its `id` and its `key`."""
        return self.ask("key", owner=owner, suites=list(suites) or ["ed25519"])
