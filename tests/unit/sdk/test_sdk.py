"""The package's front: its names, and that the verifier alone stays small."""

from __future__ import annotations

import subprocess
import sys

import pytest

import yilian.sdk


def test_names_are_sorted_complete_and_there() -> None:
    offered = yilian.sdk.__all__
    assert list(offered) == sorted(offered)
    assert sorted(name for names in yilian.sdk._HOMES.values() for name in names) == offered
    for name in offered:
        assert getattr(yilian.sdk, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = yilian.sdk.Nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "module", ["yilian.sdk.verify", "yilian.cli.verify", "yilian.cli.consent", "yilian.cli.keys"]
)
def test_what_needs_no_network_loads_no_http_library(module: str) -> None:
    line = f"import sys, {module}; print('httpx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
