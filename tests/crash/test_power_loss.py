"""A disk that keeps only what was synced: the store is judged on that alone.

`power_loss.c` is preloaded into the writer and mirrors every file as of its last `fsync` or
`fdatasync`. The mirror is what a machine would find after its power failed.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.crash.judge import judge, kill_after, start
from tests.scale import scale

SOURCE = Path(__file__).with_name("power_loss.c")


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler: apt-get install gcc")
    library = tmp_path_factory.mktemp("shim") / "power_loss.so"
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return library


@pytest.mark.slow
def test_only_synced_bytes_survive_and_nothing_acknowledged_is_lost(
    tmp_path: Path, shim: Path
) -> None:
    draw = random.Random(2)
    folder, mirror = tmp_path / "disk", tmp_path / "mirror"
    folder.mkdir()
    acknowledged: list[str] = []
    for seed in range(scale(6, 60)):
        shutil.rmtree(mirror, ignore_errors=True)
        shutil.copytree(folder, mirror)
        environment = {
            **os.environ,
            "LD_PRELOAD": str(shim),
            "POWER_LOSS_DISK": str(folder),
            "POWER_LOSS_MIRROR": str(mirror),
        }
        writer = start(folder, seed, environment=environment)
        acknowledged += kill_after(writer, draw.randrange(40, 200), draw.random() * 0.03)
        (mirror / "made").touch()
        shutil.rmtree(folder)
        shutil.copytree(mirror, folder)
        judge(folder, acknowledged)


@pytest.mark.slow
def test_the_mirror_forgets_what_was_not_synced(tmp_path: Path, shim: Path) -> None:
    disk, mirror = tmp_path / "disk", tmp_path / "mirror"
    disk.mkdir()
    mirror.mkdir()
    program = (
        "import os,sys\n"
        "f=open(sys.argv[1]+'/kept','wb',0); f.write(b'one'); os.fsync(f.fileno())\n"
        "f.write(b'two')\n"
        "g=open(sys.argv[1]+'/lost','wb',0); g.write(b'three')\n"
    )
    environment = {
        **os.environ,
        "LD_PRELOAD": str(shim),
        "POWER_LOSS_DISK": str(disk),
        "POWER_LOSS_MIRROR": str(mirror),
    }
    subprocess.run(["python3", "-c", program, str(disk)], check=True, env=environment)
    assert (mirror / "kept").read_bytes() == b"one"
    assert not (mirror / "lost").exists()
