"""How fast are decisions, grants, revocations and journalled releases?

    python -m bench.consent [--standing 10 1000] [--releases 400] [--threads 8]
                            [--population 10000 1000000]

Prints decisions per second (no disk); grants per second, each durable; for each count of standing
grants the time a revocation takes with all re-wraps and the time for one of them; and releases of
single records per second with their journal lines on the disk, in one thread and in several, beside
what one synced write takes on this disk. At last the same releases, a grant and a revocation in a
vault that holds so many records of other patients.
"""

from __future__ import annotations

import argparse
import os
import secrets
import tempfile
import threading
import time
from pathlib import Path

from yilian.vault.decision import ChainView, Facts, GrantState, SessionState, decide
from yilian.vault.envelope import KeyName, SessionTerms, Terms, new_id, new_recipient
from yilian.vault.keystore import write_master_key
from yilian.vault.packages import Request
from yilian.vault.receiving import OpenedSession
from yilian.vault.vault import Item, Vault

CATEGORIES = ("imaging", "laboratory", "medication", "vitals")
NOW = time.time_ns() // 1_000_000
YEAR = 31_536_000_000


def terms(grantee: str) -> Terms:
    return Terms(
        grantee=grantee,
        categories=CATEGORIES,
        purposes=("treat",),
        starts=NOW - 1,
        ends=NOW + YEAR,
        conditions=("days:mon-sun+08:00",),
    )


def view_of(patient: str, grant: str, commitment: str, session: OpenedSession) -> ChainView:
    return ChainView(
        grant=GrantState(
            patient=patient, active=True, starts=NOW - 1, ends=NOW + YEAR, commitment=commitment
        ),
        session=SessionState(
            grant=grant, open=True, ends=NOW + YEAR, commitment=session.commitment
        ),
        block_time=NOW,
    )


def deposit(holder: Vault, patient: str, count: int) -> list[str]:
    items = [
        Item(
            record=new_id(),
            patient=patient,
            category=CATEGORIES[number % 4],
            sensitivity="normal",
            period="2026-03",
            media_type="application/fhir+json",
            content=secrets.token_bytes(1300),
        )
        for number in range(count)
    ]
    for start in range(0, count, 300):
        holder.deposit(items[start : start + 300])
    return [each.record for each in items]


def measure_decisions(count: int = 20_000) -> None:
    opened, patient = terms(new_id()), new_id()
    session = SessionTerms(
        session=new_id(), grant=new_id(), reader=new_id(), purpose="treat", ends=NOW + YEAR
    )
    commitment = "A" * 43
    facts = Facts(
        chain=ChainView(
            grant=GrantState(
                patient=patient, active=True, starts=0, ends=NOW + YEAR, commitment=commitment
            ),
            session=SessionState(
                grant=session.grant, open=True, ends=NOW + YEAR, commitment=commitment
            ),
            block_time=NOW,
        ),
        clock=NOW,
        caller=opened.grantee,
        grant=session.grant,
        terms_commitment=commitment,
        session=session,
        session_commitment=commitment,
        record=new_id(),
        name=KeyName(patient=patient, category="imaging", sensitivity="normal", period="2026-03"),
    )
    assert decide(opened, facts).permit
    started = time.perf_counter()
    for _ in range(count):
        decide(opened, facts)
    print(f"decisions: {count / (time.perf_counter() - started):,.0f}/s")


def measure_revocation(holder: Vault, standing: int) -> None:
    patient, grantee = new_id(), new_id()
    deposit(holder, patient, 12)
    public = new_recipient().public.data
    grants = [new_id() for _ in range(standing)]
    started = time.perf_counter()
    for grant in grants:
        holder.grant(terms(grantee), grant, patient, public)
    taken = time.perf_counter() - started
    print(f"grants, four keys each: {standing / taken:,.0f}/s")
    started = time.perf_counter()
    made = holder._holder.after_revocation(patient, grants)
    taken = time.perf_counter() - started
    assert len(made) == standing
    each = taken / standing * 1000
    print(f"revocation with {standing:,} standing grants: {taken:.3f} s, {each:.2f} ms each")


def measure_releases(holder: Vault, grantee: Vault, count: int, threads: int) -> None:
    patient, grant = new_id(), new_id()
    records = deposit(holder, patient, count)
    opened = terms(grantee.organisation)
    given = holder.grant(opened, grant, patient, grantee.service_public_key())
    grantee.accept(given.package, given.commitment)
    session = grantee.open_session(grant, new_id(), "treat", NOW + YEAR)
    view = view_of(patient, grant, given.commitment, session)

    def run(some: list[str], step: int = 1) -> None:
        for at in range(0, len(some), step):
            request: Request = session.request(tuple(some[at : at + step]))
            released = holder.release(request, view, grantee.organisation)
            assert len(released.records) == len(some[at : at + step])

    started = time.perf_counter()
    run(records)
    print(f"release, one record each, one thread: {count / since(started):,.0f}/s")
    started = time.perf_counter()
    workers = [threading.Thread(target=run, args=(records[at::threads],)) for at in range(threads)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    print(f"release, one record each, {threads} threads: {count / since(started):,.0f}/s")
    started = time.perf_counter()
    run(records, 20)
    print(f"release, twenty records in a request, one thread: {count / since(started):,.0f}/s")


def fill(holder: Vault, held: int, wanted: int) -> None:
    """Bring the vault to so many records of others, a hundred small ones for each."""
    started = time.perf_counter()
    for _ in range(held, wanted, 10_000):
        people = [new_id() for _ in range(100)]
        holder.deposit(
            Item(
                record=new_id(),
                patient=people[number % 100],
                category=CATEGORIES[number % 4],
                sensitivity="normal",
                period="2026-03",
                media_type="application/fhir+json",
                content=secrets.token_bytes(200),
            )
            for number in range(10_000)
        )
    if wanted > held:
        rate = (wanted - held) / since(started)
        print(f"-- {wanted:,} records of others; deposited at {rate:,.0f}/s", flush=True)


def since(started: float) -> float:
    return time.perf_counter() - started


def measure_disk(folder: Path, count: int = 200) -> None:
    with (folder / "synced").open("wb") as file:
        started = time.perf_counter()
        for _ in range(count):
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())
    taken = since(started) / count
    print(f"one synced write of 4 kB: {taken * 1000:.2f} ms ({1 / taken:,.0f}/s)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--standing", type=int, nargs="+", default=[10, 1000])
    parser.add_argument("--releases", type=int, default=400)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--population", type=int, nargs="*", default=[10_000, 1_000_000])
    asked = parser.parse_args()
    measure_decisions()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_master_key(folder / "master.key")
        master = folder / "master.key"
        with (
            Vault.open(folder / "holder", new_id(), master_key_file=master) as holder,
            Vault.open(folder / "grantee", new_id(), master_key_file=master) as grantee,
        ):
            for standing in asked.standing:
                measure_revocation(holder, standing)
            measure_disk(folder)
            measure_releases(holder, grantee, asked.releases, asked.threads)
            held = 0
            for wanted in asked.population:
                fill(holder, held, wanted)
                held = wanted
                measure_revocation(holder, 10)
                measure_releases(holder, grantee, asked.releases, asked.threads)


if __name__ == "__main__":
    main()
