"""Random EPCIS events from a seed, valid in both modes: for tests of whatever reads, keeps or asks.

`events` gives the same events for the same seed on every machine. Company prefixes begin with 952,
which GS1 keeps for demonstrations. `mutate` changes one thing that the event hash covers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from yilian.gateway.epcis.document import Event

EXTENSION = "https://ns.yilian.example/epcis/"
"""What the prefix `my` stands for in events with extensions."""

FIRST = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)

_COMPANIES = ("9520001", "952000123", "95200456", "952007")
_ITEMS_EACH = 4
_SITES_EACH = 3
_OFFSETS = ("+08:00", "+00:00", "-05:00", "+01:00", "+05:30", "-03:30")
_STEPS: tuple[str, ...] = (
    "commissioning",
    "packing",
    "shipping",
    "receiving",
    "storing",
    "inspecting",
    "dispensing",
)
_STEPS += ("destroying", "sampling", "holding", "departing", "arriving", "sensor_reporting")
_DISPOSITIONS: tuple[str, ...] = (
    "active",
    "in_progress",
    "in_transit",
    "sellable_accessible",
    "recalled",
    "expired",
)
_DISPOSITIONS += ("damaged", "dispensed", "destroyed", "non_conformant", "container_closed")
_TRANSACTION_TYPES = ("po", "desadv", "inv", "recadv", "prodorder", "rma")
_PARTY_TYPES = ("owning_party", "possessing_party", "location")
_UNITS = ("KGM", "GRM", "LTR", "MLT")
_MEASUREMENTS = {
    "Temperature": ("CEL", "KEL", "FAH"),
    "RelativeHumidity": ("P1", "A93"),
    "Mass": ("KGM", "GRM"),
    "Illuminance": ("LUX",),
}


def check_digit(digits: str) -> str:
    """The last digit of a GTIN, SSCC or GLN: weights 3 and 1 from the right, modulo 10."""
    total = sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits)))
    return str(-total % 10)


def sgtin(company: str, item: int, serial: str, *, link: bool) -> str:
    """A numbered trade item, as URN or Digital Link."""
    reference = f"{item:0{12 - len(company)}d}"
    if not link:
        return f"urn:epc:id:sgtin:{company}.0{reference}.{serial}"
    return f"https://id.gs1.org/01/{_gtin(company, reference)}/21/{serial}"


def lgtin(company: str, item: int, lot: str, *, link: bool) -> str:
    """A lot of a trade item, as URN or Digital Link."""
    reference = f"{item:0{12 - len(company)}d}"
    if not link:
        return f"urn:epc:class:lgtin:{company}.0{reference}.{lot}"
    return f"https://id.gs1.org/01/{_gtin(company, reference)}/10/{lot}"


def sscc(company: str, number: int, *, link: bool) -> str:
    """A case or pallet, as URN or Digital Link."""
    reference = f"{number:0{16 - len(company)}d}"
    if not link:
        return f"urn:epc:id:sscc:{company}.1{reference}"
    body = f"1{company}{reference}"
    return f"https://id.gs1.org/00/{body}{check_digit(body)}"


def sgln(company: str, site: int, extension: str, *, link: bool) -> str:
    """A place, as URN or Digital Link; extension `0` is the whole site."""
    reference = f"{site:0{12 - len(company)}d}"
    if not link:
        return f"urn:epc:id:sgln:{company}.{reference}.{extension}"
    body = company + reference
    place = f"https://id.gs1.org/414/{body}{check_digit(body)}"
    return place if extension == "0" else f"{place}/254/{extension}"


def pgln(company: str, *, link: bool) -> str:
    """A company, as URN or Digital Link."""
    reference = "0" * (12 - len(company))
    if not link:
        return f"urn:epc:id:pgln:{company}.{reference}"
    body = company + reference
    return f"https://id.gs1.org/417/{body}{check_digit(body)}"


def _gtin(company: str, reference: str) -> str:
    body = f"0{company}{reference}"
    return body + check_digit(body)


class _Draw:
    """Draws the parts of events, all from one source of randomness."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.moment = FIRST
        self.serial = 1000

    def link(self) -> bool:
        return self.random.random() < 0.5

    def company(self) -> str:
        return self.random.choice(_COMPANIES)

    def pack(self) -> str:
        self.serial += 1
        # One in three serials was seen before, so that events share units.
        serial = self.random.randint(1001, self.serial) if self.random.random() < 0.33 else 0
        number = serial or self.serial
        shape = Random(number)
        mark = shape.choice(("", "A", "b-", "X%2F", "z_"))
        company, item = shape.choice(_COMPANIES), shape.randint(1, _ITEMS_EACH)
        return sgtin(company, item, f"{mark}{number}", link=self.link())

    def packs(self, low: int, high: int) -> list[str]:
        chosen: list[str] = []
        for _ in range(self.random.randint(low, high)):
            pack = self.pack()
            if pack not in chosen:
                chosen.append(pack)
        return chosen

    def case(self) -> str:
        return sscc(self.company(), self.random.randint(1, 400), link=self.link())

    def place(self) -> dict[str, str]:
        extension = self.random.choice(("0", "0", "12", "B-7"))
        site = self.random.randint(1, _SITES_EACH)
        return {"id": sgln(self.company(), site, extension, link=self.link())}

    def quantities(self, low: int, high: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for _ in range(self.random.randint(low, high)):
            lot = f"L{self.random.randint(1, 30):03d}"
            item = self.random.randint(1, _ITEMS_EACH)
            entry: dict[str, Any] = {"epcClass": lgtin(self.company(), item, lot, link=self.link())}
            kind = self.random.randint(0, 2)
            if kind == 1:
                entry["quantity"] = self.random.randint(1, 500)
            elif kind == 2:
                entry["quantity"] = Decimal(self.random.randint(1, 99999)) / 1000
                entry["uom"] = self.random.choice(_UNITS)
            found.append(entry)
        return found

    def transactions(self, low: int, high: int) -> list[dict[str, str]]:
        found = []
        for _ in range(self.random.randint(low, high)):
            number = self.random.randint(1, 5000)
            found.append(
                {
                    "type": self.random.choice(_TRANSACTION_TYPES),
                    "bizTransaction": f"urn:epcglobal:cbv:bt:{self._gln()}:{number}",
                }
            )
        return found

    def parties(self, key: str) -> list[dict[str, str]]:
        company, link = self.company(), self.link()
        kinds = self.random.sample(_PARTY_TYPES, self.random.randint(1, 3))
        return [
            {
                "type": kind,
                key: self.place()["id"] if kind == "location" else pgln(company, link=link),
            }
            for kind in sorted(kinds)
        ]

    def sensors(self) -> list[dict[str, Any]]:
        return [self._sensor() for _ in range(self.random.randint(1, 2))]

    def ilmd(self) -> dict[str, Any]:
        day = FIRST + timedelta(days=self.random.randint(200, 900))
        found: dict[str, Any] = {
            "cbvmda:lotNumber": f"L{self.random.randint(1, 30):03d}",
            "cbvmda:itemExpirationDate": day.date().isoformat(),
        }
        if self.random.random() < 0.3:
            found["my:storage"] = {
                "my:low": 2,
                "my:high": 8,
                "my:note": self.random.choice(("避光", "frozen")),
            }
        return found

    def extension(self) -> tuple[str, Any]:
        name = self.random.choice(("my:vehicle", "my:seal", "my:score", "my:route"))
        if name == "my:score":
            return name, Decimal(self.random.randint(-999, 999)) / 10
        if name == "my:route":
            stops = self.random.sample(("沪", "京", "Basel", "Mainz", "Brno"), 3)
            return name, {"my:stop": stops, "my:legs": self.random.randint(1, 9)}
        return name, f"{name[3:]}-{self.random.randint(1, 99)}"

    def time(self, moment: datetime, offset: str) -> str:
        """The moment written in one of the forms that ISO 8601 leaves open."""
        form = self.random.randint(0, 3)
        if form == 0:
            return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
        hours, minutes = int(offset[1:3]), int(offset[4:6])
        shift = timedelta(hours=hours, minutes=minutes) * (-1 if offset[0] == "-" else 1)
        local = moment.astimezone(timezone(shift))
        return local.isoformat(timespec="microseconds" if form == 1 else "milliseconds")

    def _gln(self) -> str:
        body = "9520001" + f"{self.random.randint(1, 9):05d}"
        return body + check_digit(body)

    def _sensor(self) -> dict[str, Any]:
        kind = self.random.choice(tuple(_MEASUREMENTS))
        report: dict[str, Any] = {
            "type": kind,
            "value": Decimal(self.random.randint(-300, 3200)) / 10,
            "uom": self.random.choice(_MEASUREMENTS[kind]),
        }
        if self.random.random() < 0.3:
            report["minValue"] = report["value"] - 1
            report["maxValue"] = report["value"] + 2
        if self.random.random() < 0.2:
            report["exception"] = "ALARM_CONDITION"
        element: dict[str, Any] = {"sensorReport": [report]}
        start = self.moment - timedelta(minutes=self.random.randint(20, 90))
        if self.random.random() < 0.5:
            element["sensorMetadata"] = {
                "deviceID": f"urn:epc:id:giai:9520001.{self.random.randint(1, 40)}",
                "startTime": self.time(start, "+08:00"),
                "endTime": self.time(self.moment - timedelta(minutes=5), "+08:00"),
            }
        else:
            report["time"] = self.time(start, "+08:00")
            report["deviceID"] = f"urn:epc:id:giai:9520001.{self.random.randint(1, 40)}"
        return element


def events(seed: int, count: int) -> Iterator[Event]:
    """`count` events in the order of their time, about a minute apart; every type occurs.

    They are in the form that reading a document gives: bare words of the CBV, `Decimal` for
    numbers that are not whole, prefixes as in `@context`.
    """
    random = Random(seed)
    draw = _Draw(random)
    makers: list[Callable[[_Draw, Event], None]] = [
        _object,
        _object,
        _aggregation,
        _transaction,
        _transformation,
        _association,
    ]
    for number in range(count):
        draw.moment += timedelta(milliseconds=random.randint(1, 120_000))
        offset = random.choice(_OFFSETS)
        event: Event = {
            "type": "",
            "eventTime": draw.time(draw.moment, offset),
            "eventTimeZoneOffset": offset,
        }
        if random.random() < 0.7:
            event["eventID"] = f"urn:uuid:{UUID(int=random.getrandbits(128), version=4)}"
        makers[number % len(makers) if number < len(makers) else random.randrange(len(makers))](
            draw, event
        )
        _where_and_why(draw, event)
        if "my:" in repr(event):
            event["@context"] = {"my": EXTENSION}
        yield event


def _object(draw: _Draw, event: Event) -> None:
    random = draw.random
    event["type"] = "ObjectEvent"
    event["action"] = random.choice(("ADD", "OBSERVE", "OBSERVE", "DELETE"))
    shape = random.randint(0, 5)
    if shape == 0:
        event["epcList"] = []
        event["quantityList"] = draw.quantities(1, 3)
    elif shape == 1:
        event["action"] = "OBSERVE"
        event["readPoint"] = draw.place()
        event["sensorElementList"] = draw.sensors()
    else:
        event["epcList"] = draw.packs(1, 6)
    if event["action"] == "ADD" and random.random() < 0.7:
        event["ilmd"] = draw.ilmd()


def _aggregation(draw: _Draw, event: Event) -> None:
    event["type"] = "AggregationEvent"
    event["action"] = draw.random.choice(("ADD", "OBSERVE", "DELETE"))
    event["parentID"] = draw.case()
    event["childEPCs"] = draw.packs(1, 8)
    if draw.random.random() < 0.2:
        event["childQuantityList"] = draw.quantities(1, 2)


def _transaction(draw: _Draw, event: Event) -> None:
    event["type"] = "TransactionEvent"
    event["action"] = draw.random.choice(("ADD", "OBSERVE"))
    event["bizTransactionList"] = draw.transactions(1, 2)
    event["epcList"] = draw.packs(1, 5)
    if draw.random.random() < 0.3:
        event["parentID"] = draw.case()
    if draw.random.random() < 0.2:
        event["quantityList"] = draw.quantities(1, 2)


def _transformation(draw: _Draw, event: Event) -> None:
    event["type"] = "TransformationEvent"
    event["inputEPCList"] = draw.packs(1, 3)
    event["outputEPCList"] = draw.packs(1, 3)
    if draw.random.random() < 0.4:
        event["inputQuantityList"] = draw.quantities(1, 2)
        event["outputQuantityList"] = draw.quantities(1, 2)
    if draw.random.random() < 0.3:
        event["transformationID"] = f"urn:epc:id:gdti:9520001.00001.T{draw.random.randint(1, 99)}"
    if draw.random.random() < 0.3:
        event["ilmd"] = draw.ilmd()


def _association(draw: _Draw, event: Event) -> None:
    event["type"] = "AssociationEvent"
    event["action"] = draw.random.choice(("ADD", "OBSERVE", "DELETE"))
    event["parentID"] = f"urn:epc:id:grai:9520001.00001.{draw.random.randint(1, 60)}"
    event["childEPCs"] = [
        f"urn:epc:id:giai:9520001.{number}"
        for number in draw.random.sample(range(1, 60), draw.random.randint(1, 3))
    ]


def _where_and_why(draw: _Draw, event: Event) -> None:
    random = draw.random
    if random.random() < 0.9:
        event["bizStep"] = random.choice(_STEPS)
    if random.random() < 0.7:
        event["disposition"] = random.choice(_DISPOSITIONS)
    if "readPoint" not in event and random.random() < 0.7:
        event["readPoint"] = draw.place()
    if random.random() < 0.5:
        event["bizLocation"] = draw.place()
    if "bizTransactionList" not in event and random.random() < 0.3:
        event["bizTransactionList"] = draw.transactions(1, 3)
    if random.random() < 0.25:
        event["sourceList"] = draw.parties("source")
        event["destinationList"] = draw.parties("destination")
    if "sensorElementList" not in event and random.random() < 0.15:
        event["sensorElementList"] = draw.sensors()
    if random.random() < 0.1:
        chosen = random.sample(("completeness_verified", "completeness_inferred", "recalled"), 2)
        event["persistentDisposition"] = {"set": chosen[:1], "unset": chosen[1:]}
    if random.random() < 0.25:
        name, value = draw.extension()
        event[name] = value


_NOT_HASHED = frozenset(("@context", "eventID", "recordTime", "errorDeclaration", "type"))


def mutate(event: Event, random: Random) -> Event:
    """A copy in which one thing that the event hash covers is different; it is valid too."""
    changed = copy.deepcopy(event)
    leaves = [(h, k) for h, k in _leaves(changed) if not (h is changed and k in _NOT_HASHED)]
    holder, key = random.choice(leaves)
    where = random.random()
    if where < 0.05:
        context = changed.setdefault("@context", {})
        context["my"] = EXTENSION
        changed["my:added"] = f"{random.randint(0, 10**9)}"
    elif where < 0.1 and "disposition" in changed:
        del changed["disposition"]
    else:
        holder[key] = _other(key, holder[key], random)
    return changed


def _leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        if isinstance(inner, dict | list):
            if key not in _NOT_HASHED:
                yield from _leaves(inner)
        else:
            yield value, key


def _choice_but(random: Random, choices: tuple[str, ...], value: str) -> str:
    return random.choice([choice for choice in choices if choice != value])


_WORDS: dict[str, tuple[str, ...]] = {
    "action": ("ADD", "OBSERVE"),
    "bizStep": _STEPS,
    "disposition": _DISPOSITIONS,
    "eventTimeZoneOffset": _OFFSETS,
    "exception": ("ERROR_CONDITION", "ALARM_CONDITION"),
    "uom": ("KGM", "GRM", "CEL", "P1"),
    "type": (*_TRANSACTION_TYPES, *_PARTY_TYPES, *_MEASUREMENTS),
}


def _other(key: Any, value: Any, random: Random) -> Any:
    """Another value of the same kind."""
    if isinstance(value, Decimal | int):
        return value + random.choice((1, -1, Decimal("0.001")))
    if key == "type":
        for words in (_TRANSACTION_TYPES, _PARTY_TYPES, tuple(_MEASUREMENTS)):
            if value in words:
                return _choice_but(random, words, value)
    if key in _WORDS:
        return _choice_but(random, _WORDS[key], value)
    if value in _DISPOSITIONS or value.startswith("completeness_"):
        return "needs_replacement"
    if key in ("eventTime", "time", "startTime", "endTime"):
        moment = datetime.fromisoformat(value) - timedelta(milliseconds=random.randint(1, 10**7))
        return moment.isoformat(timespec="milliseconds")
    if ":" in value:
        return _other_id(value, random)
    return value + random.choice("abcdefgh123")


def _other_id(value: str, random: Random) -> str:
    number = random.randint(10**8, 10**9)
    for mark in ("/21/", "/10/", "/254/"):
        if mark in value:
            return value[: value.index(mark)] + f"{mark}{number}"
    if "/00/" in value:
        return sscc("9520001", number, link=True)
    if "/414/" in value:
        return f"{value}/254/{number}"
    if "/417/" in value or ":pgln:" in value:
        body = f"{number}000"[:12]
        return f"https://id.gs1.org/417/{body}{check_digit(body)}"
    if ":sscc:" in value:
        return sscc("9520001", number, link=False)
    return value.rsplit(".", 1)[0] + f".{number}" if "urn:epc:" in value else f"{value}{number}"
