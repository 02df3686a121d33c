"""The baseline's program: built with the Go that `make engine` uses, into this environment."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from yilian.node.binary import engine_folder

SOURCE = Path(__file__).with_name("baseline")


class NotBuilt(Exception):
    """The baseline could not be built; the text says why and what to do."""


def build() -> Path:
    """Build the baseline, which is quick where nothing changed. Raises NotBuilt."""
    program = engine_folder() / "baseline"
    program.parent.mkdir(parents=True, exist_ok=True)
    settings = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-trimpath"}
    said = "Go is missing"
    for go in _compilers():
        done = subprocess.run(
            [go, "build", "-o", str(program), "."],
            cwd=SOURCE,
            env=os.environ | settings,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return program
        said = done.stderr.strip()[-500:]
    raise NotBuilt(f"the baseline could not be built: {said}. Next: make engine, with a network")


def _compilers() -> Iterator[str]:
    found = shutil.which("go")
    if found:
        yield found
    packaged = importlib.util.find_spec("go")
    for folder in (packaged and packaged.submodule_search_locations) or ():
        yield str(Path(folder) / "bin" / "go")
