"""`yilian up` ends in good order whenever it is told to, its first moment included."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from yilian.bootstrap import Founder, make_node

UP = [sys.executable, "-c", "import sys; from yilian.cli import main; sys.exit(main())", "up"]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_right_after_the_address_was_printed_ends_the_node(
    tmp_path: Path, sent: signal.Signals
) -> None:
    make_node(tmp_path / "node", "small", [Founder("Hospital", "hospital", "H-1")], port=0)
    for delay in (0.0, 0.05, 0.3):
        process = subprocess.Popen(
            [*UP, str(tmp_path / "node"), "--json"], stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["ok"]
            time.sleep(delay)
            process.send_signal(sent)
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
