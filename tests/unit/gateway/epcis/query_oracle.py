"""Random queries, each with a judge of its own that looks at one event as it was handed in.

The judges know nothing of terms, tables or ranges: they walk the event, as a person with the
standard's text (EPCIS 2.0, section 8.2.7.1) would.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any, NamedTuple

from tests.epcis_sample import EXTENSION
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.identifiers import canonical

Judge = Callable[[Event], bool]
CONTEXT = {"my": EXTENSION}
EXPIRY = "cbvmda:itemExpirationDate"
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "GT": lambda one, other: one > other,
    "GE": lambda one, other: one >= other,
    "LT": lambda one, other: one < other,
    "LE": lambda one, other: one <= other,
}


class Asked(NamedTuple):
    """One parameter and its judge."""

    name: str
    value: Any
    judge: Judge


def enrich(event: Event, random: Random) -> Event:
    """Add what the common sample has not: error declarations, extensions inside, sensor values."""
    if random.random() < 0.15:
        event["errorDeclaration"] = {
            "declarationTime": f"2026-06-{random.randint(1, 28):02d}T10:00:00+02:00",
            "reason": random.choice(("did_not_occur", "incorrect_data")),
            "correctiveEventIDs": [f"urn:uuid:{random.randint(1, 9)}"],
            "my:who": f"clerk-{random.randint(1, 4)}",
        }
        event["@context"] = dict(CONTEXT)
    if "readPoint" in event and random.random() < 0.2:
        event["readPoint"]["my:gate"] = {"my:number": random.randint(1, 5)}
        event["readPoint"]["my:door"] = f"door-{random.randint(1, 3)}"
        event["@context"] = dict(CONTEXT)
    for element in event.get("sensorElementList", ()):
        for report in element["sensorReport"]:
            if random.random() < 0.3:
                report["my:grade"] = random.randint(1, 6)
                event["@context"] = dict(CONTEXT)
            if random.random() < 0.2:
                report["booleanValue"] = random.random() < 0.5
            if random.random() < 0.2:
                report["percRank"] = random.randint(1, 99)
                report["percValue"] = Decimal(random.randint(1, 300)) / 10
            if random.random() < 0.2:
                report["sDev"] = Decimal(random.randint(1, 40)) / 10
        if random.random() < 0.1:
            element["my:box"] = f"box-{random.randint(1, 3)}"
            event["@context"] = dict(CONTEXT)
    return event


# -- reading an event ----------------------------------------------------------------------------


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def epcs(event: Event, *fields: str) -> list[str]:
    found: list[str] = []
    for field in fields:
        value = event.get(field) or []
        found += [value] if isinstance(value, str) else value
    return [canonical(each) for each in found]


def classes(event: Event, *fields: str) -> list[str]:
    return [canonical(each["epcClass"]) for field in fields for each in event.get(field, ())]


def quantities(event: Event) -> Iterator[dict[str, Any]]:
    for field, value in event.items():
        if field.lower().endswith("quantitylist"):
            yield from value


def observed(event: Event) -> Iterator[dict[str, Any]]:
    for element in event.get("sensorElementList", ()):
        if "sensorMetadata" in element:
            yield element["sensorMetadata"]
        yield from element["sensorReport"]


def inside(value: Any) -> Iterator[tuple[str, Any]]:
    """Every field at any depth below a value."""
    if isinstance(value, list):
        for each in value:
            yield from inside(each)
    elif isinstance(value, dict):
        for key, inner in value.items():
            for each in inner if isinstance(inner, list) else [inner]:
                yield key, each
            yield from inside(inner)


def own(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if ":" in key:
            for each in inner if isinstance(inner, list) else [inner]:
                yield key, each


def holders(event: Event, family: str) -> Iterator[dict[str, Any]]:
    """The objects whose extensions a family of parameters asks for."""
    if family == "":
        yield event
    elif family == "ILMD":
        yield event.get("ilmd", {})
    elif family == "ERROR_DECLARATION":
        yield event.get("errorDeclaration", {})
    elif family in ("readPoint", "bizLocation"):
        yield event.get(family, {})
    else:
        for element in event.get("sensorElementList", ()):
            if family == "SENSORELEMENT":
                yield element
            elif family == "SENSORMETADATA":
                yield element.get("sensorMetadata", {})
            else:
                yield from element["sensorReport"]


def extension(event: Event, family: str, inner: bool, key: str) -> list[Any]:
    found: list[Any] = []
    for holder in holders(event, family):
        if inner:
            tops = [value for name, value in holder.items() if ":" in name]
            found += [value for top in tops for name, value in inside(top) if name == key]
        else:
            found += [value for name, value in own(holder) if name == key]
    return found


def equal(found: Any, wanted: Any) -> bool:
    if isinstance(found, dict):
        return False
    if isinstance(wanted, str) and not isinstance(found, str):
        return re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", wanted) is not None and found == Decimal(wanted)
    if isinstance(found, str) and not isinstance(wanted, str):
        return is_number(found) and Decimal(found) == wanted
    return bool(found == wanted)


def is_number(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text) is not None


def numeric(found: list[Any]) -> list[Decimal]:
    return [
        Decimal(each)
        for each in found
        if isinstance(each, int | Decimal) or (isinstance(each, str) and is_number(each))
    ]


# Sizes in a unit that all of one kind share, as fractions: (times, plus).
SIZES = {
    "CEL": ("K", Fraction(1), Fraction(27315, 100)),
    "KEL": ("K", Fraction(1), Fraction(0)),
    "FAH": ("K", Fraction(5, 9), Fraction(45967, 100) * Fraction(5, 9)),
    "KGM": ("kg", Fraction(1), Fraction(0)),
    "GRM": ("kg", Fraction(1, 1000), Fraction(0)),
    "LTR": ("m3", Fraction(1, 1000), Fraction(0)),
    "MLT": ("m3", Fraction(1, 10**6), Fraction(0)),
    "P1": ("P1", Fraction(1), Fraction(0)),
    "A93": ("A93", Fraction(1), Fraction(0)),
    "LUX": ("LUX", Fraction(1), Fraction(0)),
}


def size(value: Any, uom: str, difference: bool) -> tuple[str, Fraction]:
    kind, times, plus = SIZES[uom]
    return kind, Fraction(value) * times + (0 if difference else plus)


# -- queries -------------------------------------------------------------------------------------


EPCS = {
    "epc": ("epcList", "childEPCs"),
    "parentID": ("parentID",),
    "inputEPC": ("inputEPCList",),
    "outputEPC": ("outputEPCList",),
    "anyEPC": ("epcList", "childEPCs", "parentID", "inputEPCList", "outputEPCList"),
}
CLASSES = {
    "epcClass": ("quantityList", "childQuantityList"),
    "inputEPCClass": ("inputQuantityList",),
    "outputEPCClass": ("outputQuantityList",),
    "anyEPCClass": (
        "quantityList",
        "childQuantityList",
        "inputQuantityList",
        "outputQuantityList",
    ),
}


class Asker:
    """Makes random queries about events that exist."""

    def __init__(self, seed: int, events: list[Event]) -> None:
        self.random = Random(seed)
        self.events = events
        self.makers: list[Callable[[], Asked | None]] = [
            self.types,
            self.actions,
            self.words,
            self.persistent,
            self.event_times,
            self.places,
            self.matching,
            self.matching_classes,
            self.patterns,
            self.patterns,
            self.business,
            self.ids,
            self.errors,
            self.quantity,
            self.measured,
            self.sensor_fields,
            self.sensor_times,
            self.extensions,
            self.extensions,
            self.exists,
        ]

    def query(self) -> list[Asked]:
        """One to three parameters, of different names."""
        wanted = self.random.choice((1, 1, 2, 2, 3))
        found: dict[str, Asked] = {}
        while len(found) < wanted:
            asked = self.random.choice(self.makers)()
            if asked is not None:
                found[asked.name] = asked
        return list(found.values())

    def some(self) -> Event:
        return self.random.choice(self.events)

    def several(self, one: Callable[[Event], list[Any]]) -> list[Any]:
        """One to four values that occur, and sometimes one that does not."""
        found: list[Any] = []
        for _ in range(200):
            values = one(self.some())
            if values:
                found.append(self.random.choice(values))
            if len(found) >= self.random.randint(1, 4):
                break
        return found

    def types(self) -> Asked:
        wanted = self.several(lambda event: [event["type"]])
        return Asked("eventType", wanted, lambda event: event["type"] in wanted)

    def actions(self) -> Asked:
        wanted = self.random.sample(("ADD", "OBSERVE", "DELETE"), self.random.randint(1, 2))
        return Asked("EQ_action", wanted, lambda event: event.get("action") in wanted)

    def words(self) -> Asked:
        field = self.random.choice(("bizStep", "disposition"))
        wanted = self.several(lambda event: [event[field]] if field in event else [])
        mark = {"bizStep": "BizStep", "disposition": "Disp"}[field]
        told = [
            self.random.choice((each, f"https://ref.gs1.org/cbv/{mark}-{each}")) for each in wanted
        ]
        return Asked(f"EQ_{field}", told, lambda event: event.get(field) in wanted)

    def persistent(self) -> Asked:
        kind = self.random.choice(("set", "unset"))
        wanted = [self.random.choice(("completeness_verified", "recalled"))]
        return Asked(
            f"EQ_persistentDisposition_{kind}",
            wanted,
            lambda event: any(
                each in wanted for each in event.get("persistentDisposition", {}).get(kind, ())
            ),
        )

    def event_times(self) -> Asked:
        bound = self.some()["eventTime"]
        operator = self.random.choice(("GE", "LT"))
        return Asked(
            f"{operator}_eventTime",
            bound,
            lambda event: COMPARE[operator](moment(event["eventTime"]), moment(bound)),
        )

    def places(self) -> Asked | None:
        field = self.random.choice(("readPoint", "bizLocation"))
        wanted = self.several(lambda event: [event[field]["id"]] if field in event else [])
        known = {canonical(each) for each in wanted}
        if self.random.random() < 0.5:
            return Asked(
                f"EQ_{field}",
                wanted,
                lambda event: field in event and canonical(event[field]["id"]) in known,
            )
        return Asked(
            f"WD_{field}",
            wanted,
            lambda event: (
                field in event
                and any(
                    canonical(event[field]["id"]) == each
                    or canonical(event[field]["id"]).split("/254/")[0] == each
                    for each in known
                )
            ),
        )

    def matching(self) -> Asked | None:
        name, fields = self.random.choice(tuple(EPCS.items()))
        raw = {
            field: lambda event, field=field: event.get(field) or []  # type: ignore[misc]
            for field in fields
        }
        field = self.random.choice(fields)
        wanted = self.several(
            lambda event: [each] if isinstance(each := raw[field](event), str) and each else each
        )
        if not wanted:
            return None
        known = {canonical(each) for each in wanted}
        return Asked(
            f"MATCH_{name}", wanted, lambda event: not known.isdisjoint(epcs(event, *fields))
        )

    def matching_classes(self) -> Asked | None:
        name, fields = self.random.choice(tuple(CLASSES.items()))
        wanted = self.several(lambda event: classes(event, *fields))
        if not wanted:
            return None
        return Asked(
            f"MATCH_{name}",
            wanted,
            lambda event: not set(wanted).isdisjoint(classes(event, *fields)),
        )

    def patterns(self) -> Asked:
        shape = self.random.randint(0, 4)
        packs = ("epc", "inputEPC", "outputEPC", "anyEPC")
        places = (packs, packs, ("parentID", "anyEPC"), ("epc", "anyEPC"), ("parentID", "anyEPC"))
        name = self.random.choice(places[shape])
        fields = EPCS[name]
        company = self.random.choice(("9520001", "952000123", "95200456", "952007"))
        item = self.random.randint(1, 4)
        reference = f"{item:0{12 - len(company)}d}"
        if shape == 0:
            pattern = f"urn:epc:idpat:sgtin:{company}.*.*"
            form = rf"https://id\.gs1\.org/01/.{company}.*/21/.*"
        elif shape == 1:
            pattern = f"urn:epc:idpat:sgtin:{company}.0{reference}.*"
            form = rf"https://id\.gs1\.org/01/0{company}{reference}./21/.*"
        elif shape == 2:
            pattern = f"urn:epc:idpat:sscc:{company}.*"
            form = rf"https://id\.gs1\.org/00/.{company}.*"
        elif shape == 3:
            pattern, company = "urn:epc:idpat:giai:9520001.*", "9520001"
            form = r"https://id\.gs1\.org/8004/9520001.*"
        else:
            pattern = "urn:epc:idpat:grai:9520001.00001.*"
            form = r"https://id\.gs1\.org/8003/0952000100001..*"
        return Asked(
            f"MATCH_{name}",
            [pattern],
            lambda event: any(re.fullmatch(form, each) for each in epcs(event, *fields)),
        )

    def business(self) -> Asked | None:
        field, key = self.random.choice(
            (
                ("bizTransactionList", "bizTransaction"),
                ("sourceList", "source"),
                ("destinationList", "destination"),
            )
        )
        drawn = self.several(lambda event: event.get(field, []))
        kind = self.random.choice(drawn)["type"]
        wanted = [each[key] for each in drawn]
        known = {canonical(each) for each in wanted}
        return Asked(
            f"EQ_{key}_{kind}",
            wanted,
            lambda event: any(
                each.get("type") == kind and canonical(each[key]) in known
                for each in event.get(field, ())
            ),
        )

    def ids(self) -> Asked | None:
        if self.random.random() < 0.5:
            wanted = self.several(lambda event: [event["eventID"]] if "eventID" in event else [])
            return Asked("EQ_eventID", wanted, lambda event: event.get("eventID") in wanted)
        wanted = self.several(
            lambda event: [event["transformationID"]] if "transformationID" in event else []
        )
        if not wanted:
            return None
        return Asked(
            "EQ_transformationID", wanted, lambda event: event.get("transformationID") in wanted
        )

    def errors(self) -> Asked:
        def told(event: Event) -> dict[str, Any]:
            found: dict[str, Any] = event.get("errorDeclaration", {})
            return found

        shape = self.random.randint(0, 3)
        if shape == 0:
            return Asked("EXISTS_errorDeclaration", True, lambda event: bool(told(event)))
        if shape == 1:
            bound = f"2026-06-{self.random.randint(1, 28):02d}T08:00:00Z"
            operator = self.random.choice(("GE", "LT"))
            return Asked(
                f"{operator}_errorDeclarationTime",
                bound,
                lambda event: (
                    bool(told(event))
                    and COMPARE[operator](moment(told(event)["declarationTime"]), moment(bound))
                ),
            )
        if shape == 2:
            wanted = ["incorrect_data"]
            return Asked(
                "EQ_errorReason", wanted, lambda event: told(event).get("reason") in wanted
            )
        wanted = [f"urn:uuid:{self.random.randint(1, 9)}"]
        return Asked(
            "EQ_correctiveEventID",
            wanted,
            lambda event: not set(wanted).isdisjoint(told(event).get("correctiveEventIDs", ())),
        )

    def quantity(self) -> Asked:
        bound: Any = self.random.choice((self.random.randint(1, 500), Decimal("12.5"), "100"))
        number = Decimal(bound)
        operator = self.random.choice(tuple(COMPARE))
        return Asked(
            f"{operator}_quantity",
            bound,
            lambda event: any(
                COMPARE[operator](each["quantity"], number)
                for each in quantities(event)
                if "quantity" in each
            ),
        )

    def measured(self) -> Asked:
        field = self.random.choice(
            ("value", "value", "minValue", "maxValue", "sDev", "percValue", "quantity")
        )
        uom = self.random.choice(
            ("KGM", "GRM", "LTR", "MLT") if field == "quantity" else tuple(SIZES)
        )
        bound: Any = Decimal(self.random.randint(-300, 3400)) / 10
        drawn = [
            each
            for event in (self.some() for _ in range(40))
            for each in (quantities(event) if field == "quantity" else observed(event))
            if field in each and each.get("uom") == uom
        ]
        if drawn and self.random.random() < 0.6:
            bound = Decimal(drawn[0][field])
        operator = self.random.choice((*COMPARE, "EQ"))
        difference = field == "sDev"
        wanted = size(bound, uom, difference)

        def judge(event: Event) -> bool:
            for each in quantities(event) if field == "quantity" else observed(event):
                if field in each and each.get("uom") in SIZES:
                    kind, number = size(each[field], each["uom"], difference)
                    if kind == wanted[0] and (
                        number == wanted[1]
                        if operator == "EQ"
                        else COMPARE[operator](number, wanted[1])
                    ):
                        return True
            return False

        return Asked(f"{operator}_{field}_{uom}", [bound] if operator == "EQ" else bound, judge)

    def sensor_fields(self) -> Asked | None:
        field = self.random.choice(("type", "deviceID", "booleanValue", "percRank"))
        if field == "booleanValue":
            wanted = self.random.random() < 0.5
            return Asked(
                "EQ_booleanValue",
                wanted,
                lambda event: any(each.get(field) is wanted for each in observed(event)),
            )
        if field == "percRank":
            bound, operator = self.random.randint(1, 99), self.random.choice(tuple(COMPARE))
            return Asked(
                f"{operator}_percRank",
                bound,
                lambda event: any(
                    COMPARE[operator](each[field], bound)
                    for each in observed(event)
                    if field in each
                ),
            )
        values = self.several(
            lambda event: [each[field] for each in observed(event) if field in each]
        )
        return Asked(
            f"EQ_{field}",
            values,
            lambda event: any(each.get(field) in values for each in observed(event)),
        )

    def sensor_times(self) -> Asked:
        field = self.random.choice(("time", "startTime", "endTime"))
        near = moment(self.some()["eventTime"]) - timedelta(minutes=self.random.randint(0, 60))
        operator, bound = self.random.choice(("GE", "LT")), near.isoformat()
        return Asked(
            f"{operator}_{field}",
            bound,
            lambda event: any(
                COMPARE[operator](moment(each[field]), near)
                for each in observed(event)
                if field in each
            ),
        )

    # Family, whether inside, the field as events write it, and what its parameter is called.
    _EXTENSIONS = (
        ("", False, "my:vehicle", "my:vehicle"),
        ("", False, "my:seal", f"{EXTENSION}seal"),
        ("", False, "my:score", "my:score"),
        ("", False, "my:route", "my:route"),
        ("", True, "my:stop", "INNER_my:stop"),
        ("", True, "my:legs", "INNER_my:legs"),
        ("ILMD", False, "cbvmda:lotNumber", "ILMD_cbvmda:lotNumber"),
        (
            "ILMD",
            False,
            "cbvmda:itemExpirationDate",
            "ILMD_urn:epcglobal:cbv:mda#itemExpirationDate",
        ),
        ("ILMD", True, "my:low", "INNER_ILMD_my:low"),
        ("ILMD", True, "my:note", "INNER_ILMD_my:note"),
        ("ERROR_DECLARATION", False, "my:who", "ERROR_DECLARATION_my:who"),
        ("readPoint", False, "my:door", "readPoint_my:door"),
        ("readPoint", True, "my:number", "INNER_readPoint_my:number"),
        ("SENSORREPORT", False, "my:grade", "SENSORREPORT_my:grade"),
        ("SENSORELEMENT", False, "my:box", "SENSORELEMENT_my:box"),
    )

    def extensions(self) -> Asked | None:
        family, inner, key, name = self.random.choice(self._EXTENSIONS)
        drawn: list[Any] = []
        for _ in range(300):
            drawn += extension(self.some(), family, inner, key)
            if len(drawn) >= 2:
                break
        drawn = [each for each in drawn if not isinstance(each, dict)]
        numbers = numeric(drawn)
        if numbers and self.random.random() < 0.6:
            operator, bound = self.random.choice(tuple(COMPARE)), numbers[0]
            return Asked(
                f"{operator}_{name}",
                bound,
                lambda event: any(
                    COMPARE[operator](each, bound)
                    for each in numeric(extension(event, family, inner, key))
                ),
            )
        if not drawn:
            return None
        wanted: list[Any] = [
            str(each) if isinstance(each, int | Decimal) and self.random.random() < 0.5 else each
            for each in drawn[:3]
        ]
        return Asked(
            f"EQ_{name}",
            wanted,
            lambda event: any(
                equal(found, each)
                for found in extension(event, family, inner, key)
                for each in wanted
            ),
        )

    def exists(self) -> Asked:
        if self.random.random() < 0.2:
            return Asked(
                "EXISTS_sensorElementList", True, lambda event: bool(event.get("sensorElementList"))
            )
        family, inner, key, name = self.random.choice(self._EXTENSIONS)
        return Asked(
            f"EXISTS_{name}",
            self.random.choice((True, None, 1, "true")),
            lambda event: bool(extension(event, family, inner, key)),
        )
