"""How fast does the content index take in resources, find them, and join a timeline?

    python bench/content.py [--patients 20] [--batch 300]

Prints resources per second for parsing alone, for indexing (each batch is on the disk before the
next) with what it costs beyond parsing and how much of that is the processor, milliseconds per
question, and timeline entries per second, in a fresh folder.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from yilian.gateway.content.extract import extract, parse
from yilian.gateway.content.index import Content, ContentIndex
from yilian.gateway.content.keys import ContentKeys
from yilian.gateway.content.timeline import Source, SourceRecord, timeline
from yilian.gateway.fhir.intake import FHIR_JSON, take_apart
from yilian.gateway.fhir.sample import bundles
from yilian.vault.database import Database
from yilian.vault.envelope import new_id
from yilian.vault.keystore import Keystore, write_master_key

QUESTIONS = 200


def people(count: int) -> list[tuple[str, list[Content]]]:
    """Generated patients with the ids and bytes of their records."""
    return [
        (new_id(), [(new_id(), FHIR_JSON, each.content) for each in take_apart(bundle).resources])
        for bundle in bundles(1, count)
    ]


def measure_index(folder: Path, persons: list[tuple[str, list[Content]]], batch: int) -> None:
    total = sum(len(records) for _, records in persons)
    started = time.perf_counter()
    for _, records in persons:
        for _, _, content in records:
            parse(content)
    parsing = time.perf_counter() - started
    print(f"parse:    {total / parsing:,.0f} resources/s ({total:,} resources)")
    write_master_key(folder / "master.key")
    organisation = new_id()
    keystore = Keystore.open(folder / "keys", organisation, folder / "master.key")
    database = Database(folder / "catalogue.sqlite", organisation)
    index = ContentIndex(database, ContentKeys(folder / "content", keystore))
    started, worked = time.perf_counter(), time.process_time()
    for patient, records in persons:
        for start in range(0, len(records), batch):
            index.add(patient, records[start : start + batch])
    taken = time.perf_counter() - started
    beyond = (taken - parsing) / total * 1e6
    busy = (time.process_time() - worked - parsing) / total * 1e6
    print(
        f"index:    {total / taken:,.0f} resources/s; each beyond parsing"
        f" {beyond:.0f} us, of which {busy:.0f} us processor"
    )
    _, first = persons[0]
    codes = [code.key() for _, media, content in first for code in extract(media, content).codes]
    started = time.perf_counter()
    for number in range(QUESTIONS):
        index.find(persons[number % len(persons)][0], code=codes[number % len(codes)])
    print(f"find:     {(time.perf_counter() - started) / QUESTIONS * 1e3:.2f} ms per question")
    database.close()


def measure_timeline(persons: list[tuple[str, list[Content]]]) -> None:
    entries = 0
    started = time.perf_counter()
    for patient, records in persons:
        held = [SourceRecord(*each) for each in records]
        entries += len(timeline([Source(new_id(), patient, held) for _ in range(3)]))
    taken = time.perf_counter() - started
    print(f"timeline: {entries / taken:,.0f} entries/s from three equal hospitals")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=20)
    parser.add_argument("--batch", type=int, default=300)
    asked = parser.parse_args()
    persons = people(asked.patients)
    with tempfile.TemporaryDirectory() as name:
        measure_index(Path(name), persons, asked.batch)
    measure_timeline(persons)


if __name__ == "__main__":
    main()
