"""How soon a new result written at one hospital is readable by a granted doctor at another.

    python -m bench.notice [--rounds 20] [--json]

One node, two hospitals, all over HTTP. The clock starts when hospital A begins to hand the result
in; "written" is A's answer, "told" the notice in the doctor's inbox at B, and "readable" the end of
the session in which the doctor read the new record. The goal is under two seconds to "readable".
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.rows.desk import employ
from tests.rows.patience import until
from tests.rows.served import Served
from tests.rows.test_f35_new_result import inbox, read, result, write

from bench.http import percentile

STEPS = ("written", "told", "readable")


def round_trip(
    served: Served, person: str, doctor: tuple[str, Any], grant: str, number: int
) -> dict[str, float]:
    """Write one result and read it at the other hospital; gives seconds to each step."""
    before = len(inbox(served, *doctor))
    text = f"result {number}"
    start = time.perf_counter()
    write(served, person, result(text=text))
    written = time.perf_counter() - start
    notices = until(lambda: inbox(served, *doctor)[: len(inbox(served, *doctor)) - before])
    told = time.perf_counter() - start
    found = read(served, *doctor, grant)
    readable = time.perf_counter() - start
    if text not in found[notices[0]["parameters"]["record"]]:
        raise RuntimeError("the doctor was told of a record that was not the new one")
    return {"written": written, "told": told, "readable": readable}


def main() -> None:
    """Run the rounds and print a line for each step."""
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--rounds", type=int, default=20)
    reader.add_argument("--json", action="store_true")
    asked = reader.parse_args()
    with tempfile.TemporaryDirectory() as folder, Served(Path(folder) / "node") as served:
        person = served.load(served.a)["person"]
        doctor = employ(served, served.b)
        grant = served.share(person, doctor[0], ["laboratory"])["grant"]
        rounds = [
            round_trip(served, person, doctor, grant, number) for number in range(asked.rounds)
        ]
    told = {
        step: {
            "median": round(percentile([each[step] for each in rounds], 50), 3),
            "most": round(max(each[step] for each in rounds), 3),
        }
        for step in STEPS
    }
    if asked.json:
        print(json.dumps({"rounds": asked.rounds, "seconds": told}))
        return
    for step, seconds in told.items():
        print(f"{step:>9}  median {seconds['median']:.3f} s  most {seconds['most']:.3f} s")


if __name__ == "__main__":
    main()
