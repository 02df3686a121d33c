"""The made-up ward of the training: who waits, what is kept of them, and who is at the desk.

Words are in each language; a record's text is a record of its own in each, for its bytes are what
the chain of the practice data vouches for (`tools/practice.py`).
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, NamedTuple

from tests import chain as law

from yilian.gateway.auth.qr import qr_code
from yilian.ledger import codec
from yilian.text import LANGUAGES
from yilian.vault import envelope, leaves

RESIDENT = "urn:oid:2.16.840.1.113883.2.23.1.19.1"
UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
WEIGHT, CORRECT_WEIGHT = "820", "82.0"
CARD = "PRACTICE-17"
INVITATION = "https://practice.invalid/join#PRACTICE"


def name(label: str) -> str:
    """Give the id of somebody or something that is made up; the hospital is the chain's own."""
    return law.name_of(label if label == "hospital" else f"practice {label}")


BATCH = name("batch")


def _told(english: str, chinese: str) -> dict[str, str]:
    return dict(zip(LANGUAGES, (english, chinese), strict=True))


class Written(NamedTuple):
    """A record that is made up: where it is kept, what it is, and its text in each language."""

    label: str
    house: str
    type: str
    day: str
    display: dict[str, str]
    value: dict[str, str] | None
    content: dict[str, dict[str, Any]]


def _written(label: str, house: str, day: str, titles: tuple[str, str], **more: Any) -> Written:
    display = _told(*titles)
    kind = more.pop("kind")
    value = more.pop("value", None)
    content = {
        language: {
            "resourceType": kind,
            "id": label,
            **{
                key: each(display[language]) if callable(each) else each
                for key, each in more.items()
            },
        }
        for language in LANGUAGES
    }
    return Written(label, house, kind, day, display, value, content)


def _named(title: str) -> dict[str, str]:
    return {"text": title}


def _active(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}]}


def _weight(value: str, label: str = "weight") -> Written:
    return _written(
        label,
        "hospital",
        "2025-11-03",
        ("Body weight", "体重"),
        kind="Observation",
        value=_told(f"{value} kg", f"{value} kg"),
        status="final",
        code=lambda title: {"coding": [{"system": LOINC, "code": "29463-7"}], "text": title},
        effectiveDateTime="2025-11-03",
        valueQuantity={"value": value, "unit": "kg", "system": UCUM, "code": "kg"},
    )


def _medicine(label: str, house: str, day: str, titles: tuple[str, str]) -> Written:
    return _written(
        label,
        house,
        day,
        titles,
        kind="MedicationStatement",
        status="active",
        medicationCodeableConcept=_named,
        effectiveDateTime=day,
    )


def records() -> tuple[Written, ...]:
    """Give all records of the ward, in the order of their batch."""
    return (
        _written(
            "penicillin",
            "hospital",
            "2019-06-12",
            ("Penicillin: severe reaction", "青霉素：严重过敏"),
            kind="AllergyIntolerance",
            clinicalStatus=_active("allergyintolerance-clinical", "active"),
            criticality="high",
            code=_named,
            recordedDate="2019-06-12",
        ),
        _written(
            "diabetes",
            "hospital",
            "2021-04-20",
            ("Diabetes, type 2", "2 型糖尿病"),
            kind="Condition",
            clinicalStatus=_active("condition-clinical", "active"),
            code=_named,
            onsetDateTime="2021-04-20",
        ),
        _medicine("metformin", "hospital", "2025-05-08", ("Metformin 500 mg", "二甲双胍 500 毫克")),
        _weight(WEIGHT),
        _weight(CORRECT_WEIGHT, "weight again"),
        _medicine("warfarin", "clinic", "2025-09-15", ("Warfarin 2.5 mg", "华法林 2.5 毫克")),
        _written(
            "fibrillation",
            "clinic",
            "2025-09-15",
            ("Atrial fibrillation", "心房颤动"),
            kind="Condition",
            clinicalStatus=_active("condition-clinical", "active"),
            code=_named,
            onsetDateTime="2025-09-15",
        ),
    )


# -- the batch that the chain has ----------------------------------------------------------------


def _bytes(content: dict[str, Any]) -> bytes:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    # A FHIR decimal is a number, and its last zero counts.
    for value in (WEIGHT, CORRECT_WEIGHT):
        text = text.replace(f'"value":"{value}"', f'"value":{value}')
    return text.encode()


def _salt(label: str, language: str) -> bytes:
    return sha256(f"practice salt {label} {language}".encode()).digest()


def _kept(house: str) -> list[tuple[Written, str]]:
    return [(each, told) for each in records() if each.house == house for told in LANGUAGES]


def record_id(label: str, language: str) -> str:
    """Give the id of a record in a language."""
    return name(f"record {label} {language}")


def packed() -> bytes:
    """Give the leaves of the hospital's batch."""
    return leaves.pack(
        leaves.Entry(
            record_id(each.label, told),
            envelope.commitment(_salt(each.label, told), _bytes(each.content[told])),
            None,
        )
        for each, told in _kept("hospital")
    )


def _proof(at: int) -> Any:
    each, told = _kept("hospital")[at]
    rows = packed()
    entry = leaves.unpack(rows)[at]
    proof = envelope.RecordProof(
        record=entry.record,
        commitment=entry.commitment,
        batch=BATCH,
        index=at,
        total=len(_kept("hospital")),
        path=leaves.path(rows, at),
        salt=codec.to_text(_salt(each.label, told)),
    )
    return json.loads(codec.encode(proof))


def _shown(each: Written, told: str, proof: Any) -> dict[str, Any]:
    return {
        "record": record_id(each.label, told),
        "type": each.type,
        "day": each.day,
        "display": each.display[told],
        "value": None if each.value is None else each.value[told],
        "content": _bytes(each.content[told]).decode(),
        "proof": proof,
    }


def _records() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for at, (each, told) in enumerate(_kept("hospital")):
        found.setdefault(each.label, {})[told] = _shown(each, told, _proof(at))
    for each, told in _kept("clinic"):
        found.setdefault(each.label, {})[told] = _shown(each, told, None)
    return found


# -- people --------------------------------------------------------------------------------------


def _person(label: str, names: tuple[str, str], born: str, number: str) -> dict[str, Any]:
    return {"id": name(label), "name": _told(*names), "born": born, "number": number}


def people() -> dict[str, dict[str, Any]]:
    """Give who is at the ward and at the desk; numbers are of nobody (`PRACTICE-…`)."""
    return {
        "wang": _person("wang", ("Wang Fang", "王芳"), "1958-03-02", "PRACTICE-0017"),
        "namesake": _person("namesake", ("Wang Fang", "王芳"), "1985-12-20", "PRACTICE-0038"),
        "zhao": _person("zhao", ("Zhao Min", "赵敏"), "1990-07-14", "PRACTICE-0042"),
        "li": _person("li", ("Li Na", "李娜"), "1992-05-16", "PRACTICE-0055"),
        "unknown": _person(
            "unknown", ("Unknown woman, ambulance 7", "无名女性，7 号救护车"), "", ""
        ),
    }


def _staff() -> list[dict[str, Any]]:
    return [
        {"practitioner": name(label), "name": _told(*names), "role": role}
        for label, names, role in (
            ("chen", ("Dr Chen Jie", "陈洁医师"), "physician"),
            ("liu", ("Nurse Liu Yan", "刘燕护士"), "nurse"),
            ("zhou", ("Dr Zhou Wei", "周伟医师"), "physician"),
        )
    ]


def ward() -> dict[str, Any]:
    """Give the whole file."""
    return {
        "doctor": name("chen"),
        "clerk": name("desk"),
        "system": RESIDENT,
        "people": people(),
        "staff": _staff(),
        "records": _records(),
        "accesses": {"own": name("access"), "colleague": name("access of the colleague")},
        "card": CARD,
        "invitation": {
            "link": INVITATION,
            "qr": {"side": qr_code(INVITATION).side, "path": qr_code(INVITATION).path},
        },
        "reasons": {
            "own": _told("Unconscious after a fall, no relatives", "摔倒后昏迷，没有家属"),
            "colleague": _told(
                "He is my neighbour. I wanted to know how he is.",
                "他是我的邻居，想知道他怎么样了。",
            ),
        },
    }
