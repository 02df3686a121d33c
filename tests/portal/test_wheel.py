"""The package as strangers get it: its wheel carries the portal, and no Node is near."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import httpx
import pytest

from yilian.bootstrap import Founder, make_node
from yilian.portal.built import DIST

ROOT = Path(__file__).resolve().parents[2]


def without_node(tmp_path: Path) -> dict[str, str]:
    """Give an environment whose PATH has the system's tools one by one, Node not among them."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "bash", "env", "uname", "ldd", "dirname", "find", "sort", "sha256sum"):
        found = shutil.which(name)
        if found is not None:
            (tools / name).symlink_to(found)
    environment = {**os.environ, "PATH": str(tools)}
    assert shutil.which("node", path=environment["PATH"]) is None
    return environment


def run(command: list[str | Path], environment: dict[str, str], cwd: Path = ROOT) -> None:
    ended = subprocess.run(
        [str(each) for each in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_wheel_made_without_node_serves_the_portal(tmp_path: Path) -> None:
    """Source package, wheel out of it, a new environment, `yilian up`: pages are served."""
    if not (DIST / "index.html").exists():
        pytest.skip("the portal is not built: make portal")
    bare = without_node(tmp_path)
    new = tmp_path / "new"
    run([sys.executable, "-m", "venv", new], bare)
    python = new / "bin/python"
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    reached = subprocess.run([*map(str, pip), "hatchling>=1.27"], env=bare, capture_output=True)
    if reached.returncode != 0:
        pytest.skip("PyPI is not reached, from where a new environment is filled")
    out = tmp_path / "out"
    run([python, "-m", "hatchling", "build", "-t", "sdist", "-d", out], bare)
    (sdist,) = out.glob("*.tar.gz")
    with tarfile.open(sdist) as packed:
        packed.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    assert not (source / "portal/node_modules").exists()
    run([python, "-m", "hatchling", "build", "-t", "wheel", "-d", out], bare, source)
    (wheel,) = out.glob("*.whl")
    run([*pip, wheel], bare, tmp_path)
    _serves(new / "bin/yilian", tmp_path, bare)


def _serves(yilian: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    make_node(tmp_path / "node", "small", [Founder("Hospital", "hospital", "H-1")], port=0)
    process = subprocess.Popen(
        [yilian, "up", tmp_path / "node", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["address"]
        page = httpx.get(f"{url}/zh-CN/", timeout=30)
        assert page.status_code == 200
        assert '<html lang="zh-CN">' in page.text
        script = page.text.partition('<script type="module" crossorigin src="')[2].partition('"')[0]
        packed = httpx.get(f"{url}{script}", headers={"Accept-Encoding": "br"}, timeout=30)
        assert packed.status_code == 200
        assert packed.headers["content-encoding"] == "br"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def test_no_package_without_the_portal(tmp_path: Path) -> None:
    """Where nothing is built and nothing can build it, packing ends with the way to do it."""
    pytest.importorskip("hatchling", reason="tools/environment.sh test,dev")
    sys.path.insert(0, str(ROOT))
    try:
        from hatch_build import PortalHook
    finally:
        sys.path.remove(str(ROOT))
    hook = PortalHook(str(tmp_path), {}, None, None, str(tmp_path), "wheel")
    hook.initialize("editable", {})
    with pytest.raises(RuntimeError, match="make portal"):
        hook.initialize("standard", {})
