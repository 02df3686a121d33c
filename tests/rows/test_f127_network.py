"""F127: a consortium's benchmark prints throughput, finality, bytes and cost per 1,000 records.

Its figures are not judged here: other programs share the machine. That every transaction was
committed once and accepted, by all members and in every application, the benchmark itself demands.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench.network import __main__ as bench
from bench.network import program

from yilian.node.binary import EngineMissing, find_engine

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_small_run_prints_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        find_engine()
        program.build()
    except (EngineMissing, program.NotBuilt) as missing:
        pytest.skip(str(missing))
    command = [sys.executable, "-m", "bench.network", "--members", "4", "--count", "200"]
    done = subprocess.run(
        [*command, "--runs", "1", "--json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["members"], row["count"], row["runs"]) == (4, 200, 1)
    assert 400 <= row["bytes"] <= 600
    assert set(row["applications"]) == {bench.OURS, bench.KVSTORE, *row["ratios"]}
    for kind, each in row["applications"].items():
        assert each["per_second"]["median"] > 0
        assert each["blocks"] >= 1
        assert 0 < each["finality_ms"]["p50"] <= each["finality_ms"]["p95"]
        assert each["finality_ms"]["p95"] <= each["finality_ms"]["p99"]
        assert each["cpu_us_a_transaction_a_member"]["engine"] > 0
        assert each["disk_bytes_a_transaction_a_member"]["engine"] > 0
        inside = kind == bench.KVSTORE
        assert (each["cpu_us_a_transaction_a_member"]["application"] == 0) == inside
        assert (each["disk_bytes_a_transaction_a_member"]["application"] == 0) == inside
    assert sum(row["where"].values()) > 0
    bench.show(row)
    printed = capsys.readouterr().out
    assert "transactions a second" in printed
    assert "1000 records anchored are one root" in printed


def test_more_members_get_less_work_and_a_machine_too_small_is_said() -> None:
    plans = [bench.plan(members, None, None) for members in (4, 7, 16)]
    assert [each.runs for each in plans] == [5, 3, 3]
    assert plans[0].transactions > plans[1].transactions > plans[2].transactions
    assert bench.plan(16, 40, 1)[1:3] == (40, 1)
    assert "MB are free" in str(bench.short_of_memory(1_000_000))
