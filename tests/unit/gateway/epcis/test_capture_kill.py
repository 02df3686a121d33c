from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

from tests.scale import scale
from tests.unit.gateway.epcis.store_builders import Home
from yilian.gateway.epcis import store

EACH = 2_300
"""Events of a capture: three steps."""


def test_killed_at_any_moment_a_capture_is_whole_or_redone(tmp_path: Path) -> None:
    random = Random(29)
    jobs: list[str] = []
    first = 0
    for _ in range(scale(4, 60)):
        command = [sys.executable, "-m", "tests.unit.gateway.epcis.capture_writer"]
        arguments = [str(tmp_path), str(first), str(EACH)]
        with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(random.randint(1, 3)):
                jobs.append(writer.stdout.readline().split()[0])
            # Somewhere in the steps of what waits: the more bytes drawn, the later.
            sum(random.getrandbits(8) for _ in range(random.randint(0, 2_000_000)))
            writer.kill()
            jobs += [line.split()[0] for line in writer.stdout if line.endswith("\n")]
        first += 10_000 * EACH
    home = Home(tmp_path)
    home.repository.start()
    # What was taken in and not acknowledged may be there too, and whole as well.
    listed, _ = home.repository.jobs(None, 10_000)
    done = [home.repository.wait(each.id, 200) for each in listed]
    assert {each.id for each in done} >= set(jobs)
    assert all(each.success and not each.running and each.captured == EACH for each in done)
    total = EACH * len(done)
    assert home.repository.newest() == home.count("epcis_events") == total
    found = home.repository.after(0, total + 1)
    assert [each.sequence for each in found] == list(range(1, total + 1))
    assert len({each.event_id for each in found}) == total
    terms = sum(len(set(store.found_by(each.content))) for each in found)
    assert home.count("epcis_terms") == terms
    home.close()
