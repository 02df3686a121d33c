"""How fast does the vault take in resources, prove itself sound, and release?

    python bench/vault.py [--resources 5000] [--size 1300] [--batch 300] [--patients 1]

Prints resources per second for durable deposits (each batch is on the disk before the next), the
seconds `integrity()` takes, and releases and reads per second, in a fresh folder.
"""

from __future__ import annotations

import argparse
import os
import secrets
import tempfile
import time
from pathlib import Path

from yilian.vault.decision import ChainView, GrantState, SessionState
from yilian.vault.envelope import Terms, new_id
from yilian.vault.keystore import MASTER_KEY_VARIABLE, write_master_key
from yilian.vault.vault import Item, Vault

CATEGORIES = ("imaging", "laboratory", "medication", "vitals")
YEAR = 31_536_000_000


def batches(resources: int, size: int, batch: int, patients: int) -> list[list[Item]]:
    """Bundles as hospitals send them: some patients, four categories, twelve months."""
    made = []
    for start in range(0, resources, batch):
        people = [new_id() for _ in range(patients)]
        made.append(
            [
                Item(
                    record=new_id(),
                    patient=people[number % patients],
                    category=CATEGORIES[number % 4],
                    sensitivity="normal",
                    period=f"2026-{1 + number // 4 % 12:02d}",
                    media_type="application/fhir+json",
                    content=secrets.token_bytes(size),
                )
                for number in range(min(batch, resources - start))
            ]
        )
    return made


def measure_release(holder: Vault, grantee: Vault, items: list[Item]) -> None:
    now = time.time_ns() // 1_000_000
    patient, grant = items[0].patient, new_id()
    terms = Terms(
        grantee=grantee.organisation,
        categories=CATEGORIES,
        purposes=("treatment",),
        starts=now - 1,
        ends=now + YEAR,
    )
    given = holder.grant(terms, grant, patient, grantee.service_public_key())
    grantee.accept(given.package, given.commitment)
    session = grantee.open_session(grant, new_id(), "treatment", now + YEAR)
    view = ChainView(
        grant=GrantState(
            patient=patient,
            active=True,
            starts=now - 1,
            ends=now + YEAR,
            commitment=given.commitment,
        ),
        session=SessionState(
            grant=grant, open=True, ends=now + YEAR, commitment=session.commitment
        ),
        block_time=now,
    )
    roots = {batch.batch: batch.root for batch in holder.unanchored()}
    records = [each.record for each in items if each.patient == patient]
    started = time.perf_counter()
    for record in records:
        released = holder.release(session.request((record,)), view, grantee.organisation)
        assert len(released.records) == 1
    middle = time.perf_counter()
    print(f"release, one at a time: {len(records) / (middle - started):,.0f} records/s")
    released = holder.release(session.request(tuple(records)), view, grantee.organisation)
    after = time.perf_counter()
    print(f"release, one request:   {len(records) / (after - middle):,.0f} records/s")
    assert len(grantee.read(released, grant, roots)) == len(records)
    print(f"read and check:         {len(records) / (time.perf_counter() - after):,.0f} records/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resources", type=int, default=5000)
    parser.add_argument("--size", type=int, default=1300)
    parser.add_argument("--batch", type=int, default=300)
    parser.add_argument("--patients", type=int, default=1, help="patients in one batch")
    asked = parser.parse_args()
    work = batches(asked.resources, asked.size, asked.batch, asked.patients)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_master_key(folder / "master.key")
        os.environ[MASTER_KEY_VARIABLE] = str(folder / "master.key")
        with (
            Vault.open(folder / "holder", new_id()) as holder,
            Vault.open(folder / "grantee", new_id()) as grantee,
        ):
            started = time.perf_counter()
            for items in work:
                holder.deposit(items)
            taken = time.perf_counter() - started
            print(f"deposit: {asked.resources / taken:,.0f} resources/s ({taken:.2f} s)")
            started = time.perf_counter()
            assert not list(holder.integrity())
            taken = time.perf_counter() - started
            print(f"integrity: {taken:.2f} s for {asked.resources:,} records")
            measure_release(holder, grantee, work[0])


if __name__ == "__main__":
    main()
