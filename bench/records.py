"""How many records a node takes in: as bare commitments in batches, and as whole FHIR bundles.

    python -m bench.records [--batches 300] [--patients 40] [--clients 4] [--json]

First the engine alone: batches of 1,000 commitments under one Merkle root each, signed, durable.
Then bundles over HTTP, from clients in another process: parsed, encrypted, stored, indexed and
anchored before the answer. The table says where the server's time went, per bundle.
"""

from __future__ import annotations

import argparse
import gzip
import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.rows.served import Served
from tests.shared import root

from bench import chain
from bench.http import percentile
from yilian.gateway.auth import signed
from yilian.gateway.fhir import intake, sample
from yilian.gateway.index import ChainIndex
from yilian.gateway.organisation import Organisation
from yilian.ledger import codec, merkle
from yilian.ledger.modules.records.messages import AnchorBatch
from yilian.node.config import NodeFolder
from yilian.node.embedded import Embedded
from yilian.sdk.client import Client
from yilian.sdk.signers import Ed25519Signer
from yilian.vault.catalogue import Catalogue
from yilian.vault.keystore import Keystore
from yilian.vault.payloads import FolderStore
from yilian.vault.records import Records
from yilian.vault.vault import Vault

BATCH = 1_000

STAGES: tuple[tuple[str, Any, str], ...] = (
    ("who asks: signed request", signed, "judge"),
    ("take the bundle apart", intake, "take_apart"),
    ("enrol the person, its block", Organisation, "enrol_person"),
    ("deposit in the vault", Vault, "deposit"),
    ("  category keys", Keystore, "current_category_keys"),
    ("  encrypt each resource", Records, "_sealed"),
    ("  write the pack", FolderStore, "put_many"),
    ("  write the catalogue", Catalogue, "deposit"),
    ("anchor, its block", Organisation, "_anchor"),
    ("writer: blocks", Embedded, "_write_block"),
    ("index: rows", ChainIndex, "_advance"),
)

Spent = dict[str, list[tuple[float, float]]]
"""For each stage and call: seconds on the clock, and of its thread's CPU."""


@contextmanager
def stages() -> Iterator[Spent]:
    """Take the time of the stages while the block lasts."""
    spent: Spent = {name: [] for name, _, _ in STAGES}
    with ExitStack() as undo:
        for name, owner, attribute in STAGES:
            inner = getattr(owner, attribute)
            setattr(owner, attribute, _timed(spent[name], inner))
            undo.callback(setattr, owner, attribute, inner)
        yield spent


def _timed(calls: list[tuple[float, float]], inner: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*arguments: Any, **named: Any) -> Any:
        clock, cpu = time.perf_counter(), time.thread_time()
        try:
            return inner(*arguments, **named)
        finally:
            calls.append((time.perf_counter() - clock, time.thread_time() - cpu))

    return timed


def engine_only(batches: int) -> dict[str, Any]:
    """Anchor batches of commitments that are there already, as fast as one thread hands in."""
    operator = Ed25519Signer.generate()
    with tempfile.TemporaryDirectory(prefix="yilian-bench-") as scratch:
        chain.make(Path(scratch) / "chain", operator, 0)
        with Embedded(Path(scratch) / "chain", chain.SEED) as engine:
            leaves = [[secrets.token_bytes(48) for _ in range(BATCH)] for _ in range(batches)]
            began = time.perf_counter()
            futures = []
            for each in leaves:
                above = codec.to_text(merkle.root(each))
                message = AnchorBatch(batch=chain.new_id(), root=above, size=BATCH)
                raw = chain.signed(operator, chain.HOSPITAL, [message])
                futures.append(engine.submit(raw))
            assert {each.result().code for each in futures} == {0}
            seconds = time.perf_counter() - began
    count = batches * BATCH
    return {"records": count, "records_per_second": round(count / seconds)}


def end_to_end(bundles: Sequence[bytes], clients: int) -> dict[str, Any]:
    """Take bundles in over HTTP on a fresh node that this process serves."""
    with tempfile.TemporaryDirectory(prefix="yilian-bench-") as scratch:
        for number, bundle in enumerate(bundles):
            (Path(scratch) / f"{number}.json").write_bytes(bundle)
        with Served(Path(scratch) / "node") as node:
            command = [sys.executable, "-m", "bench.records", "--client", node.url]
            command += ["--clients", str(clients), "--folder", scratch]
            cpu = time.process_time()
            with stages() as spent:
                done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            cpu = time.process_time() - cpu
    told = json.loads(done.stdout)
    resources, times, each_ms = told["records"], told["seconds"], 1000 / len(bundles)
    return {
        "bundles": len(bundles),
        "resources": resources,
        "mb": round(sum(map(len, bundles)) / 1e6, 1),
        "resources_per_second": round(resources / told["wall"]),
        "wanted_per_second": 550,
        "p50_ms": round(percentile(times, 50) * 1000),
        "p95_ms": round(percentile(times, 95) * 1000),
        "server_cpu_ms": round(cpu * each_ms, 1),
        "stages": {
            name: {
                "calls": len(calls),
                "clock_ms": round(sum(clock for clock, _ in calls) * each_ms, 2),
                "cpu_ms": round(sum(busy for _, busy in calls) * each_ms, 2),
            }
            for name, calls in spent.items()
        },
    }


def client(url: str, folder: Path, clients: int) -> dict[str, Any]:
    """Send every bundle of a folder, each client its next one when the last is answered."""
    paths = NodeFolder(folder / "node")
    hospital = paths.configuration().organisations[0].id
    signer = Ed25519Signer.read(paths.operator_key(hospital))
    bundles = [each.read_bytes() for each in sorted(folder.glob("*.json"))]
    with Client(url, signer=signer, sender=hospital, payer=hospital) as speaking:

        def send(bundle: bytes) -> tuple[float, int]:
            began = time.perf_counter()
            answer = speaking.request("POST", f"/v1/organisations/{hospital}/bundles", bundle)
            return time.perf_counter() - began, answer["records"]

        with ThreadPoolExecutor(clients) as pool:
            began = time.perf_counter()
            answers = list(pool.map(send, bundles))
            wall = time.perf_counter() - began
    seconds, records = zip(*answers, strict=True)
    return {"wall": wall, "seconds": seconds, "records": sum(records)}


def show(figures: dict[str, Any]) -> None:
    """Print what was measured."""
    for what, row in figures.items():
        table = row.pop("stages", {})
        print(f"{what:8}", "  ".join(f"{name}={value}" for name, value in row.items()))
        for name, each in table.items():
            print(f"  {name:28}", "  ".join(f"{of}={value:8}" for of, value in each.items()))


def main() -> None:
    """Read the flags, measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batches", type=int, default=300)
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--client", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.client:
        print(json.dumps(client(asked.client, asked.folder, asked.clients)))
        return
    figures = {
        "engine": engine_only(asked.batches),
        "sample": end_to_end([*sample.bundles(1, asked.patients)], asked.clients),
    }
    # The patients of an independent generator, where the outside data is there.
    if outside := sorted((root() / "data" / "fhir" / "synthea").glob("*-*.json.gz")):
        bundles = [gzip.decompress(each.read_bytes()) for each in outside]
        figures["synthea"] = end_to_end(bundles, asked.clients)
    print(json.dumps(figures)) if asked.json else show(figures)


if __name__ == "__main__":
    main()
