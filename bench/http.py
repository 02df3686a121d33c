"""What a node's HTTP border carries: writes that wait for their block, reads, and reads with proof.

    python -m bench.http [--count 6000] [--connections 32] [--json]

Three processes: `yilian up` on a fresh folder, a client with so many keep-alive connections that
each send their next request when the last is answered, and this one, which signs beforehand.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from yilian.bootstrap import Founder, make_node
from yilian.ledger.module import Message
from yilian.ledger.modules.consent.messages import Grant
from yilian.ledger.modules.identity.messages import EnrolPerson
from yilian.node.config import NodeFolder
from yilian.sdk import drafts
from yilian.sdk.client import Client
from yilian.sdk.signers import Ed25519Signer

PERSONS = 50
CHAIN = "bench"
DAY_MS = 86_400_000
_LENGTH = struct.Struct(">I")


class Up(NamedTuple):
    """A served node: its address, process, and the one organisation with its operator's key."""

    url: str
    pid: int
    hospital: str
    operator: Ed25519Signer
    seconds: float

    def client(self) -> Client:
        """Speak as the organisation."""
        return Client(self.url, signer=self.operator, sender=self.hospital, payer=self.hospital)

    def sign(self, sender: str, signer: Ed25519Signer, message: Message) -> bytes:
        """Sign a transaction at the organisation's expense."""
        body = drafts.draft(CHAIN, sender, self.hospital, [message], [signer], expires_in=3_600)
        return drafts.sign(body, [signer])


@contextmanager
def up(folder: Path) -> Iterator[Up]:
    """Run `yilian up` on a node's folder, made where it is absent, until the block ends."""
    paths = NodeFolder(folder)
    if not paths.exists():
        make_node(folder, CHAIN, [Founder("Hospital", "hospital", "H1")], port=0)
    hospital = paths.configuration().organisations[0].id
    operator = Ed25519Signer.read(paths.operator_key(hospital))
    began = time.perf_counter()
    command = [sys.executable, "-m", "yilian", "up", str(folder), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["address"]
            with urllib.request.urlopen(f"{url}/livez", timeout=10) as answer:
                assert answer.status == 200
            seconds = time.perf_counter() - began
            yield Up(url, process.pid, hospital, operator, seconds)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    """Write one HTTP/1.1 request."""
    head = [f"{method} {path} HTTP/1.1", "Host: bench", *headers]
    if body:
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode("ascii") + body


def drive(url: str, requests: Sequence[bytes], connections: int) -> dict[str, Any]:
    """Send requests from a client process; gives its rate, times in ms, and count by status."""
    port = url.rpartition(":")[2]
    command = [sys.executable, "-m", "bench.http", "--client", port]
    command += ["--connections", str(connections)]
    sent = b"".join(_LENGTH.pack(len(each)) + each for each in requests)
    done = subprocess.run(command, input=sent, stdout=subprocess.PIPE, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def percentile(values: Sequence[float], percent: int) -> float:
    """Give the value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


async def _client(port: int, requests: Sequence[bytes], connections: int) -> dict[str, Any]:
    statuses: Counter[str] = Counter()
    times: list[float] = []

    async def keep_asking(part: Sequence[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for each in part:
            began = time.perf_counter()
            writer.write(each)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            times.append(time.perf_counter() - began)
            statuses[head[9:12].decode()] += 1
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(keep_asking(requests[at::connections]) for at in range(connections)))
    seconds = time.perf_counter() - began
    return {
        "requests": len(requests),
        "per_second": round(len(requests) / seconds),
        "p50_ms": round(percentile(times, 50) * 1000, 1),
        "p99_ms": round(percentile(times, 99) * 1000, 1),
        "statuses": dict(statuses),
    }


def _read_requests() -> Iterator[bytes]:
    source = sys.stdin.buffer
    while size := source.read(_LENGTH.size):
        yield source.read(_LENGTH.unpack(size)[0])


def measure(node: Up, count: int, connections: int) -> dict[str, Any]:
    """Write consent grants of some persons, then read them back."""
    persons = [(drafts.fresh_id(), Ed25519Signer.generate()) for _ in range(PERSONS)]
    now = time.time_ns() // 1_000_000
    enrolments = [
        node.sign(node.hospital, node.operator, EnrolPerson(name, drafts.fresh_salt(), signer.key))
        for name, signer in persons
    ]
    names = [drafts.fresh_id() for _ in range(count)]
    grants = [
        node.sign(*persons[at % PERSONS], Grant(name, drafts.fresh_salt(), now, now + DAY_MS))
        for at, name in enumerate(names)
    ]
    _post(node, enrolments, connections)
    reads = [request("GET", f"/v1/consent/grants/{name}") for name in names]
    proofs = [
        request("GET", f"/v1/consent/grants/{name}?proof=true") for name in names[: count // 4]
    ]
    return {
        "post_wait": _post(node, grants, connections),
        "get_record": drive(node.url, reads, connections),
        "get_record_with_proof": drive(node.url, proofs, connections),
    }


def _post(node: Up, raws: Sequence[bytes], connections: int) -> dict[str, Any]:
    posts = [request("POST", "/v1/transactions", raw, "Prefer: wait") for raw in raws]
    done = drive(node.url, posts, connections)
    assert done["statuses"] == {"200": len(raws)}, done
    return done


def main() -> None:
    """Read the flags; serve, drive and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=6_000, help="at most 500 a person")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--client", type=int, metavar="PORT", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.client is not None:
        print(
            json.dumps(asyncio.run(_client(asked.client, [*_read_requests()], asked.connections)))
        )
        return
    with tempfile.TemporaryDirectory(prefix="yilian-bench-") as name, up(Path(name)) as node:
        figures = measure(node, asked.count, asked.connections)
    if asked.json:
        print(json.dumps(figures))
        return
    for what, row in figures.items():
        print(f"{what:22}", "  ".join(f"{name}={value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
