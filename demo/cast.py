"""The people of the chapters: invented by the seeded generator, enrolled as they would be.

A name or a number never stands on a command line, where every user of the machine sees it: what
the registration desk needs comes in a file.
"""

from __future__ import annotations

import base64
import itertools
import json
import secrets
from pathlib import Path
from typing import Any, NamedTuple

from stage import DEMO, Somebody, Stage, command, said, tell

from yilian.gateway.fhir import intake, sample
from yilian.gateway.fhir.patient import described

_ANY_ID = "A" * 22


class Invented(NamedTuple):
    """A person whom nobody is: name, language, number, and a whole history as a FHIR bundle."""

    name: str
    language: str
    system: str
    number: str
    bundle: bytes


class Patient(NamedTuple):
    """A patient with a key of their own, and how their records were taken in."""

    who: Somebody
    records: int
    transaction: str


def invent(seed: int, at: int) -> Invented:
    """Draw a person: the same seed and place, the same person; even places are Chinese."""
    bundle = next(itertools.islice(sample.bundles(seed, at + 1), at, None))
    taken = intake.take_apart(bundle)
    (resource,) = (each for each in taken.resources if each.type == "Patient")
    known = described(_ANY_ID, resource.content)
    assert known is not None
    return Invented(known.name, known.language, *taken.identity, bundle)


def room(chapter: str) -> Path:
    """Make the folder where a chapter puts its keys and files."""
    folder = DEMO / chapter
    folder.mkdir(exist_ok=True)
    return folder


def decide(stage: Stage, *action: str) -> int:
    """Propose something and have members vote until it is carried; gives the block."""
    proposed = command("governance", "propose", *stage.a.on_chain, *action)
    proposal = proposed["new"]["proposal"]
    for each in stage.members[1:]:
        vote = ("governance", "vote", *each.on_chain, "--approve", "--proposal", proposal)
        voted = command(*vote)
        if any(event["type"] == "governance.Closed" for event in voted["events"]):
            return int(voted["height"])
    raise AssertionError("all members approve")


def tag() -> str:
    """Draw what stands for the keyed check of a doctor's number at a registry."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


def write(file: Path, content: Any) -> Path:
    """Write a JSON file for a command to read."""
    file.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    return file


def person(stage: Stage, folder: Path, name: str, invented: Invented) -> Somebody:
    """Enrol a person at hospital A with a key made on a device of their own."""
    key = folder / f"{name}.key"
    made = command("keys", "new", key, "--plain")
    entry = {
        "system": invented.system,
        "number": invented.number,
        "name": invented.name,
        "language": invented.language,
        "key": {"suite": made["suite"], "public": made["public"]},
    }
    file = write(folder / f"{name}.json", entry)
    enrolled = command("organisation", "enrol", *stage.a.at_home, file)
    return Somebody(enrolled["person"], key, stage.a.id, invented.name, stage.a.node)


def patient(stage: Stage, folder: Path, invented: Invented) -> Patient:
    """Enrol a patient at hospital A with a key of their own, and take their records in."""
    tell(
        f"{invented.name} gets an id at hospital A with a key of their own, and records",
        f"{invented.name} 在医院甲登记，自带密钥，并有病历",
    )
    who = person(stage, folder, "patient", invented)
    loaded = _load(stage, folder, invented, "--person", who.id)
    return Patient(who, loaded["records"], loaded["transaction"])


def in_custody(stage: Stage, folder: Path, invented: Invented) -> tuple[str, dict[str, Any]]:
    """Take in somebody who has no key, so that hospital A acts for them; gives id and answer."""
    tell(
        f"{invented.name} is known at hospital A, without a key: in the hospital's custody",
        f"{invented.name} 在医院甲有档案，没有密钥：由医院托管",
    )
    loaded = _load(stage, folder, invented)
    return loaded["person"], loaded


def _load(stage: Stage, folder: Path, invented: Invented, *whose: str) -> dict[str, Any]:
    file = folder / "bundle.json"
    file.write_bytes(invented.bundle)
    answer = command("organisation", "load", file, *stage.a.at_home, *whose)
    loaded: dict[str, Any] = answer["loaded"][0]
    return loaded


def doctor(stage: Stage, folder: Path, at: Somebody, name: str, invented: Invented) -> Somebody:
    """Enrol a doctor at a hospital, have the authority license them, and list them as staff."""
    where = said(*(("hospital A", "医院甲") if at.id == stage.a.id else ("hospital B", "医院乙")))
    tell(f"{invented.name} is a doctor of {where}", f"{invented.name} 是{where}的医生")
    key = folder / f"{name}.key"
    command("keys", "new", key, "--plain")
    made = command("identity", "enrol-practitioner", *at.on_chain, "--new-key", key, "--tag", tag())
    practitioner = made["new"]["practitioner"]
    command(
        "identity",
        "issue-licence",
        *stage.authority.on_chain,
        *("--practitioner", practitioner, "--profession", "physician", "--ends", "+365d"),
    )
    entry = {"name": invented.name, "role": "physician", "language": invented.language}
    file = write(folder / f"{name}.json", entry)
    command("organisation", "staff", *at.at_home, "--practitioner", practitioner, file)
    return Somebody(practitioner, key, at.id, invented.name, at.node)
