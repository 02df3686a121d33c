"""A process that captures document after document, and says which were taken in; to be killed.

python -m tests.unit.gateway.epcis.capture_writer <folder> <first event> <events each>
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.unit.gateway.epcis.store_builders import Home, document, simple


def main() -> None:
    folder, first, each = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    home = Home(folder)
    home.repository.start()
    while True:
        events = [simple(number) for number in range(first, first + each)]
        job = home.repository.capture(document(events), behaviour="rollback", submitter="x")
        print(job.id, first, flush=True)
        first += each


if __name__ == "__main__":
    main()
