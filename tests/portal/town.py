"""The node that browser tests look at, and what stands on its chain."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import httpx

from tests.rows.desk import enrol
from tests.rows.supplied import Traders, gtin, pack

SEEDS = itertools.count(400)
"""Sample people who are not in the town yet: one town serves all files of a worker."""

PLANTED_NAME = "欧阳试验"
PLANTED_NUMBER = "11010519491231002X"


class Town(Traders):
    """A maker with a product and a pack, a hospital with a patient and a grant."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.origin = self.url.replace("127.0.0.1", "localhost")
        self.open_trade()
        self.do(self.maker, "commission", [pack(1)], lot="L7", expiry="2031-03-31")
        self.gtin = gtin(1)
        self.patient, _ = enrol(self, self.a, PLANTED_NUMBER, PLANTED_NAME)
        self.loaded = str(self.load(self.a)["person"])
        self.reader, self.reader_key, _ = self.doctor(self.b)
        self.grant = str(self.share(self.loaded, self.reader, ["laboratory"])["grant"])

    def get(self, path: str, **query: Any) -> Any:
        """Read an address as a program does."""
        answer = httpx.get(f"{self.url}{path}", params=query, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def height(self) -> int:
        """A block that holds something."""
        return int(self.get(f"/v1/transactions/{self.transaction()}")["height"])

    def transaction(self) -> str:
        """The hash of some accepted transaction."""
        events = self.get("/v1/events", id=self.grant)["events"]
        return str(events[0]["transaction"])
