"""How soon a responder answers whether a pack is real, with a million packs behind it.

    python -m bench.verification [--packs 1000000] [--asked 2000] [--json]

Packs are rows of the responder's own supply file; each answer is judged, kept as evidence with a
synced write, and signed. `judged` leaves the evidence out. Milliseconds.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from tests.unit.gateway.supply.trade import GTIN, LOT, SHOP_GLN, Trade

from yilian.gateway.supply import codes
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.directory import Directory
from yilian.gateway.supply.pack_rows import UnitRow, shown, units_table
from yilian.gateway.supply.unit import Unit
from yilian.gateway.supply.verdict import Question
from yilian.gateway.supply.verification import Verification, message
from yilian.ledger import codec
from yilian.vault.database import values

CHUNK = 20_000
CORRELATION = "5ae27a1c-1d2f-4b0a-9d2b-7d4f1e0a9c33"


class Table:
    """Packs in the responder's own table, found as `packs.Packs` finds them."""

    def __init__(self, database: SupplyDatabase) -> None:
        self._database = database

    def fill(self, count: int) -> None:
        """Have so many packs."""
        for start in range(0, count, CHUNK):
            rows = [values(row(each)) for each in range(start, min(count, start + CHUNK))]
            with self._database.write() as connection:
                connection.execute(sql.insert(units_table), rows)

    def find_serial(self, gtin14: str, serial: str) -> Unit | None:
        """Find a pack."""
        query = sql.select(units_table).where(
            units_table.c.gtin == gtin14, units_table.c.serial == serial
        )
        found = self._database.one(UnitRow, query)
        return None if found is None else shown(found)


def serial_of(number: int) -> str:
    """Give the serial number of a pack."""
    return f"S{number:011d}"


def row(number: int) -> UnitRow:
    """Make a pack."""
    serial = serial_of(number)
    known: dict[str, Any] = {
        "id": f"https://id.gs1.org/01/{GTIN}/21/{serial}",
        "gtin": GTIN,
        "serial": serial,
        "lot": LOT,
        "expiry": "2070-03-31",
        "standing": "active",
    }
    blank: dict[str, Any] = {"str": "", "int": 0, "str | None": None, "int | None": None}
    fields = UnitRow.__dataclass_fields__
    return UnitRow(**{name: known.get(name, blank[str(f.type)]) for name, f in fields.items()})


def spread(work: Callable[[int], object], asked: list[int]) -> dict[str, float]:
    """Do it for each; give percentiles in ms and answers a second."""
    took = []
    for each in asked:
        began = time.perf_counter()
        work(each)
        took.append((time.perf_counter() - began) * 1000)
    took.sort()

    def at(share: float) -> float:
        return round(took[min(len(took) - 1, int(len(took) * share))], 3)

    return {
        "p50": at(0.5),
        "p95": at(0.95),
        "p99": at(0.99),
        "a second": round(1000 * len(took) / sum(took), 1),
    }


def measure(folder: Path, packs: int, asked: int) -> dict[str, dict[str, float]]:
    """Fill a responder's file and ask it."""
    trade = Trade(folder)
    database = SupplyDatabase(folder / "supply.sqlite", trade.maker.id)

    def sign(data: bytes) -> bytes:
        return codec.to_bytes(trade.maker.signer.sign(data))

    table = Table(database)
    directory = Directory(trade.engine)
    verification = Verification(
        trade.maker.id, database, directory, table, now=trade.engine.now, sign=sign
    )
    table.fill(packs)
    draw = random.Random(1)
    wanted = [draw.randrange(packs + packs // 20) for _ in range(asked)]

    def question(number: int) -> Question:
        code = codes.read(f"(01){GTIN}(21){serial_of(number)}(17)700331(10){LOT}")
        return Question(gtin=code.gtin, serial=code.serial, lot=code.lot, expiry=code.expiry)

    try:
        return {
            "judged": spread(lambda each: verification.look(question(each)), wanted),
            "answered": spread(
                lambda each: message(verification.answer(question(each), SHOP_GLN), CORRELATION),
                wanted,
            ),
            "code read": spread(question, wanted),
        }
    finally:
        database.close()
        trade.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--packs", type=int, default=1_000_000)
    parser.add_argument("--asked", type=int, default=2_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), given.packs, given.asked)
    if given.json:
        print(json.dumps(found))
        return
    print(f"{given.packs} packs, {given.asked} questions")
    for name, row in found.items():
        print(f"{name:10}", "  ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
