"""What is deployed, as it is written and as Helm renders it."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "yilian-member"
EXAMPLE = DEPLOY / "helm" / "example-values.yaml"
HELM = "helm.sh/helm/v3/cmd/helm@v3.18.4"
KUBERNETES = "1.32.0"


def documents(text: str) -> list[dict[str, Any]]:
    """Read a stream of YAML documents; a key that stands twice is an error."""
    yaml = pytest.importorskip("ruamel.yaml", reason='pip install -e ".[test]" brings it')
    return [each for each in yaml.YAML(typ="safe", pure=True).load_all(text) if each]


def helm(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Helm, or skip with the command that brings it."""
    own = ROOT / ".venv" / "services" / "helm"
    program = shutil.which("helm") or (str(own) if own.is_file() else None)
    if program is None:
        pytest.skip(f"Helm is missing: GOBIN=$PWD/.venv/services go install {HELM}")
    return subprocess.run(
        [program, *map(str, words)], capture_output=True, text=True, timeout=60, check=False
    )


@cache
def rendered(*settings: str) -> tuple[dict[str, Any], ...]:
    """Render the chart with the example's values and `--set` of others."""
    words = [word for each in settings for word in ("--set", each)]
    done = helm("template", "a", CHART, "-f", EXAMPLE, "--kube-version", KUBERNETES, *words)
    assert done.returncode == 0, done.stderr
    return tuple(documents(done.stdout))


def of_kind(kind: str, *settings: str) -> dict[str, dict[str, Any]]:
    """Give the rendered objects of a kind by name."""
    return {each["metadata"]["name"]: each for each in rendered(*settings) if each["kind"] == kind}
