"""Identity providers that others wrote, run under Node: `tests/foreign/oidc/provider.mjs`."""

from __future__ import annotations

import fcntl
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "foreign/oidc"


def installed(folder: Path) -> Path:
    """Give a folder with the provider's code, installed once; skips where it cannot be had."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node is missing: tools/portal.sh brings it")
    lock = (SOURCE / "package-lock.json").read_bytes()
    done = folder / "done.lock"
    with (folder / "one-at-a-time").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not done.exists() or done.read_bytes() != lock:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(SOURCE / name, folder)
            ran = subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=240,
                check=False,
            )
            if ran.returncode != 0:
                pytest.skip(f"npm ci cannot bring {SOURCE.name}/package.json; with a network again")
            done.write_bytes(lock)
    return folder


def free_port() -> int:
    """Give a port of this machine that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])


@contextmanager
def provider(folder: Path, port: int, **told: Any) -> Iterator[None]:
    """Serve a provider at `http://127.0.0.1:<port>`."""
    text = json.dumps({"issuer": f"http://127.0.0.1:{port}", "port": port, **told})
    with subprocess.Popen(
        ["node", str(SOURCE / "provider.mjs"), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(text)
            process.stdin.close()
            assert process.stdout.readline().strip() == "ready"
            yield
        finally:
            process.terminate()
