"""What agreement costs: our application, CometBFT's own `kvstore`, and a small Go application.

    python -m bench.network [--members 4 7 16] [--count 5000] [--runs 5] [--json]

One machine, one loader, and for every member an engine with the same configuration, each a process
of its own. In every run each application gets a fresh cluster and the same load: as many signed
transactions of the same size, from as many senders, handed to the members in turn. First as fast as
the engines take them (throughput), then evenly at half of what ours just did (time to finality:
from the hand-in to the commit at the member it was handed to). What comes before is warm-up.

The `kvstore` runs inside its engine, checks no signature and syncs nothing. The baseline checks one
Ed25519 signature and makes one synced write for each transaction; its second form makes one synced
write for each block, as ours does. More members get fewer transactions and three runs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.network import load, program
from bench.network.cluster import BASELINE, BASELINE_BLOCK, KVSTORE, OURS, Member, cluster
from bench.network.load import Ground
from bench.network.wave import Wave, run
from yilian.node.binary import EngineDiffers, EngineMissing, find_engine

GOAL, LEAST = 0.6, 0.35
WARM_UP = 500
RECORDS = 1_000
MEMORY_PER_MEMBER = 250 << 20

Figures = dict[str, Any]


class Plan(NamedTuple):
    """How much is measured with a number of members."""

    members: int
    transactions: int
    runs: int
    kinds: tuple[str, ...]


class Load(NamedTuple):
    """An application's transactions: before anything is measured, at full and at half load."""

    warm_up: list[bytes]
    full: list[bytes]
    half: list[bytes]


def plan(members: int, count: int | None, runs: int | None) -> Plan:
    """Give what is measured by default: less where more processes share the machine."""
    few = members <= 4
    usual = 5_000 if few else max(500, 20_000 // members)
    kinds = (OURS, KVSTORE, BASELINE, BASELINE_BLOCK) if few else (OURS, KVSTORE, BASELINE)
    return Plan(members, count or usual, runs or (5 if few else 3), kinds)


def short_of_memory(members: int) -> str | None:
    """Say why a cluster of this size is not run here, if it is not."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    free = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    needed = members * MEMORY_PER_MEMBER
    return None if free >= needed else f"{free >> 20} MB are free and {needed >> 20} are needed"


def measure(scratch: Path, wanted: Plan, baseline: Path) -> Figures:
    """Measure all applications, in turn in every run, and add up."""
    ground = load.make_ground(scratch / "ground", wanted.members)
    half = max(200, wanted.transactions * 2 // 5)
    total = WARM_UP + wanted.transactions + half
    first = load.ours(ground, total)
    size = len(first[0])
    loads = {OURS: first, KVSTORE: load.for_kvstore(total, size)}
    loads[BASELINE] = loads[BASELINE_BLOCK] = load.for_baseline(baseline, total, size)
    waves: dict[str, list[tuple[Wave, Wave]]] = {kind: [] for kind in wanted.kinds}
    busy = []
    for number in range(wanted.runs):
        pace = 0.0
        busy.append(os.getloadavg()[0])
        for kind in wanted.kinds:
            raws = loads[kind]
            part = Load(raws[:WARM_UP], raws[WARM_UP:-half], raws[-half:])
            with cluster(scratch / f"{number}-{kind}", kind, ground, baseline) as members:
                found = _run(members, part, pace)
            pace = pace or wanted.transactions / found[0].seconds / 2
            waves[kind].append(found)
    figures: Figures = {
        "members": wanted.members,
        "count": wanted.transactions,
        "bytes": size,
        "senders": load.SENDERS,
        "runs": wanted.runs,
        "half_load_count": half,
        "load_average_before": [round(each, 1) for each in busy],
        "applications": {kind: _sum_up(wanted, half, waves[kind]) for kind in wanted.kinds},
        "ratios": _ratios(waves, lambda each: each.seconds),
        "cpu_ratios": _ratios(waves, lambda each: each.application + each.engine),
        "where": where(scratch / "where", ground, loads[OURS], baseline, wanted),
    }
    return figures


def _run(members: Sequence[Member], part: Load, pace: float) -> tuple[Wave, Wave]:
    run(members, part.warm_up, None)
    full = run(members, part.full, None)
    return full, run(members, part.half, pace or len(part.full) / full.seconds / 2)


def where(folder: Path, ground: Ground, raws: list[bytes], baseline: Path, wanted: Plan) -> Figures:
    """Count once more where our application's CPU time goes, in microseconds a transaction."""
    full = raws[WARM_UP : WARM_UP + wanted.transactions]
    with cluster(folder, OURS, ground, baseline, where=True) as members:
        run(members, raws[:WARM_UP], None)
        for each in members:
            each.where()
        wave = run(members, full, None)
        found = [each.where() for each in members]
    share = 1e6 / len(full) / wanted.members
    parts = {name: sum(each.get(name, 0.0) for each in found) for each in found for name in each}
    parts["the rest: signature workers, threads, RocksDB"] = wave.application - sum(parts.values())
    return {
        name: round(spent * share, 1)
        for name, spent in sorted(parts.items(), key=lambda each: -each[1])
    }


def _sum_up(wanted: Plan, half: int, waves: Sequence[tuple[Wave, Wave]]) -> Figures:
    count, members = wanted.transactions, wanted.members
    full, paced = [each[0] for each in waves], [each[1] for each in waves]
    late = sorted(value for each in paced for value in each.latencies)
    per = 1e6 / count / members

    def middle(name: str, scale: float) -> int:
        return round(median(float(getattr(each, name)) for each in full) * scale)

    return {
        "per_second": _spread([count / each.seconds for each in full], 0),
        "blocks": middle("blocks", 1),
        "transactions_a_block": round(count / median(each.blocks for each in full)),
        "half_load_per_second": round(median(each.offered for each in paced)),
        "finality_ms": {
            f"p{share}": round(1_000 * late[min(len(late) - 1, len(late) * share // 100)])
            for share in (50, 95, 99)
        },
        "cpu_us_a_transaction_a_member": {
            "application": middle("application", per),
            "engine": middle("engine", per),
        },
        "loader_us_a_transaction": middle("loader", 1e6 / count),
        "disk_bytes_a_transaction_a_member": {
            "application": middle("application_disk", 1 / count),
            "engine": middle("engine_disk", 1 / count),
        },
    }


def _ratios(
    waves: dict[str, list[tuple[Wave, Wave]]], cost: Callable[[Wave], float]
) -> dict[str, Figures]:
    """Compare what the others cost with what ours costs, within each run: 1 is as cheap."""
    return {
        kind: _spread(
            [cost(other[0]) / cost(own[0]) for own, other in zip(waves[OURS], found, strict=True)],
            3,
        )
        for kind, found in waves.items()
        if kind != OURS
    }


def _spread(values: Sequence[float], digits: int) -> Figures:
    middle = median(values)
    return {
        "median": round(middle, digits or None),
        "least": round(min(values), digits or None),
        "most": round(max(values), digits or None),
        "spread_percent": round(100 * (max(values) - min(values)) / middle, 1),
    }


def show(figures: Figures) -> None:
    """Print the figures of one number of members."""
    print(
        f"\n{figures['members']} validators, {figures['count']} transactions of "
        f"{figures['bytes']} bytes from {figures['senders']} senders, medians of "
        f"{figures['runs']} runs; load average before each: {figures['load_average_before']}"
    )
    for kind, each in figures["applications"].items():
        cpu, disk = each["cpu_us_a_transaction_a_member"], each["disk_bytes_a_transaction_a_member"]
        finality = "  ".join(f"{name} {value} ms" for name, value in each["finality_ms"].items())
        print(
            f"  {kind}\n"
            f"    {_words(each['per_second'])} transactions a second; {each['blocks']} blocks of "
            f"{each['transactions_a_block']}\n"
            f"    to finality at {each['half_load_per_second']} a second: {finality}\n"
            f"    each member, a transaction: CPU {cpu['application']} us application + "
            f"{cpu['engine']} us engine; disk {disk['application']} + {disk['engine']} bytes; "
            f"loader {each['loader_us_a_transaction']} us in all"
        )
    for kind, ratio in figures["ratios"].items():
        aim = f"; aim {GOAL}, at least {LEAST} at four" if kind == BASELINE else ""
        print(f"  ours / {kind}: {_words(ratio)}{aim}")
        print(f"    by CPU seconds for the same work: {_words(figures['cpu_ratios'][kind])}")
    ours = figures["applications"][OURS]
    cpu, disk = ours["cpu_us_a_transaction_a_member"], ours["disk_bytes_a_transaction_a_member"]
    print(
        f"  {RECORDS} records anchored are one root in one transaction: about "
        f"{(cpu['application'] + cpu['engine']) * figures['members'] / 1_000:.1f} ms of CPU over "
        f"all members, {disk['application'] + disk['engine']} bytes on each member's disk"
    )
    print("  where our application's CPU time goes, us a transaction at each member:")
    print("    " + "  ".join(f"{name} {spent}" for name, spent in figures["where"].items()))


def _words(spread: Figures) -> str:
    return (
        f"{spread['median']} ({spread['least']} to {spread['most']}, "
        f"spread {spread['spread_percent']} %)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, nargs="+", default=[4, 7, 16])
    parser.add_argument("--count", type=int, help="transactions at full load; 5000 at four members")
    parser.add_argument("--runs", type=int, help="runs; 5 at four members, 3 above")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        find_engine()
        baseline = program.build()
    except (EngineMissing, EngineDiffers, program.NotBuilt) as missing:
        sys.exit(str(missing))
    start, rows = time.monotonic(), []
    for members in arguments.members:
        reason = short_of_memory(members)
        if reason is not None:
            print(f"{members} validators are left out: {reason}", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory(prefix="yilian-bench-") as scratch:
            wanted = plan(members, arguments.count, arguments.runs)
            rows.append(measure(Path(scratch), wanted, baseline))
        if not arguments.json:
            show(rows[-1])
            sys.stdout.flush()
    if arguments.json:
        print(json.dumps(rows))
    else:
        print(f"\n{time.monotonic() - start:.0f} s in all")


if __name__ == "__main__":
    main()
