"""Who was treated where, and for what: an insurer with the whole chain guesses as by chance.

The plan's section 8: given a patient's own id at the insurer, every block, every event, all state
and the insurer's own vault, nothing tells at which hospital the patient is known, nor which
category of record a grant opens. Guessers of several kinds try; one of them learns from the true
answers of half the patients, and is then asked about the other half.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from yilian.bootstrap import Founder, Node, make_node
from yilian.gateway.organisation import Organisation
from yilian.ledger import codec
from yilian.node.config import NodeFolder
from yilian.vault.envelope import Terms, new_id
from yilian.vault.records import Item

PATIENTS = 240
CATEGORIES = ("laboratory", "medication")
FOUNDERS = (
    Founder("云溪市第一人民医院", "hospital", "H-A-0001"),
    Founder("Lakeside General Hospital", "hospital", "H-B-0002"),
    Founder("Plains Health Insurance", "insurer", "I-0003"),
)


class Patient(NamedTuple):
    """The truth about a patient: their two ids, which hospital, and what its grant opens."""

    insured: str
    known: str
    hospital: int
    category: int
    grant: str


class World(NamedTuple):
    """What happened, and all that an insurer's node sees of it."""

    patients: list[Patient]
    hospitals: tuple[str, str]
    events: list[dict[str, Any]]
    blocks: list[tuple[int, int, list[str]]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    path = tmp_path_factory.mktemp("relation") / "node"
    make_node(path, "relation", FOUNDERS, port=0)
    draw = random.Random(20_261_122)
    with Node(NodeFolder(path)) as node:
        first, second, insurer = (
            node.organisations[each.id] for each in node.configuration.organisations
        )
        patients = _lives(draw, (first, second), insurer)
        for each in (first, second, insurer):
            each.anchor_all()
        return _seen(node, patients, (first.id, second.id))


def _lives(
    draw: random.Random, hospitals: Sequence[Organisation], insurer: Organisation
) -> list[Patient]:
    """Enrol everybody at the insurer and at one hospital, in an order that tells nothing."""
    numbers = [f"11010119900101{serial:04d}" for serial in range(PATIENTS)]
    steps = [(number, place) for number in numbers for place in ("insurer", "hospital")]
    draw.shuffle(steps)
    insured, known = {}, {}
    where = {number: draw.randrange(2) for number in numbers}
    what = {number: draw.randrange(2) for number in numbers}
    grants = {}
    for number, place in steps:
        if place == "insurer":
            insured[number] = insurer.enrol_person("urn:example:number", number)[0]
        else:
            hospital = hospitals[where[number]]
            known[number] = hospital.enrol_person("urn:example:number", number)[0]
            category = CATEGORIES[what[number]]
            grants[number] = _treat(
                hospital, hospitals[1 - where[number]].id, known[number], category
            )
    return [
        Patient(insured[each], known[each], where[each], what[each], grants[each])
        for each in numbers
    ]


def _treat(hospital: Organisation, other: str, person: str, category: str) -> str:
    item = Item(
        record=new_id(),
        patient=person,
        category=category,
        sensitivity="normal",
        period="2026-11",
        media_type="application/fhir+json",
        content=b'{"resourceType":"Basic"}',
    )
    hospital.anchor(hospital.deposit([item]))
    now = hospital.engine.now()
    terms = Terms(
        grantee=other,
        categories=(category,),
        purposes=("treat",),
        starts=now,
        ends=now + 86_400_000,
    )
    return hospital.grant(person, terms).grant


def _seen(node: Node, patients: list[Patient], hospitals: tuple[str, str]) -> World:
    events: list[dict[str, Any]] = []
    blocks = []
    for height in range(1, node.engine.height + 1):
        block = node.engine.store.block(height)
        outcomes = node.engine.store.outcomes(height)
        assert block is not None
        assert outcomes is not None
        blocks.append((height, block.header.time, [raw.decode() for raw in block.txs]))
        for result in outcomes.results:
            events += [{**each, "height": height} for each in json.loads(result.events)]
    return World(patients, hospitals, events, blocks)


def chance(asked: int) -> int:
    """How many of so many coin tosses come out right at most, but for one time in 100,000."""
    return math.ceil(asked / 2 + 4.3 * math.sqrt(asked) / 2)


def judge(world: World, guess: Callable[[Patient], int], truth: Callable[[Patient], int]) -> None:
    right = sum(guess(each) == truth(each) for each in world.patients)
    least = PATIENTS - chance(PATIENTS)
    assert least <= right <= chance(PATIENTS)


def hospital_of(patient: Patient) -> int:
    return patient.hospital


def category_of(patient: Patient) -> int:
    return patient.category


def mentions(world: World, name: str) -> list[int]:
    return [height for height, _, raws in world.blocks if any(name in raw for raw in raws)]


def test_the_guessers_would_find_a_chain_that_tells(world: World) -> None:
    """With the id at the hospital instead of the insurer's, the first guesser is always right."""
    raws = [raw for _, _, several in world.blocks for raw in several]
    for each in world.patients:
        first = next(raw for raw in raws if each.known in raw)
        assert world.hospitals[each.hospital] in first


def test_nothing_on_the_chain_joins_an_insureds_id_to_a_hospital(world: World) -> None:
    raws = [raw for _, _, several in world.blocks for raw in several]
    for each in world.patients:
        assert each.known != each.insured
        about = [raw for raw in raws if each.insured in raw]
        assert len(about) == 1
        assert not any(name in about[0] for name in (*world.hospitals, each.known, each.grant))
        enrolled = [event for event in world.events if each.insured in event.values()]
        assert {event["type"] for event in enrolled} == {"identity.Enrolled"}


def test_the_nearest_enrolment_tells_no_hospital(world: World) -> None:
    enrolled: dict[str, int] = {}
    at_hospital: list[tuple[int, int]] = []
    for event in world.events:
        if event["type"] == "identity.Enrolled" and event["kind"] == "person":
            enrolled[event["subject"]] = event["height"]
            if event["organisation"] in world.hospitals:
                at = world.hospitals.index(event["organisation"])
                at_hospital.append((event["height"], at))
    sides: list[Callable[[int], int]] = [abs, lambda gap: gap if gap > 0 else 10**9]
    for side in sides:
        guesses = {
            each: min(at_hospital, key=lambda at: side(at[0] - enrolled[each.insured]))[1]
            for each in world.patients
        }
        judge(world, guesses.__getitem__, hospital_of)


def test_the_digits_of_ids_and_tags_tell_no_hospital_and_no_category(world: World) -> None:
    tags = tags_of(world)
    for bit in range(64):
        for shown in (
            {each: each.insured for each in world.patients},
            {each: tags[each.insured] for each in world.patients},
        ):
            guesses = {
                each: codec.to_bytes(text)[bit // 8] >> bit % 8 & 1 for each, text in shown.items()
            }
            judge(world, guesses.__getitem__, hospital_of)
            judge(world, guesses.__getitem__, category_of)


def tags_of(world: World) -> dict[str, str]:
    found = {}
    for _, _, raws in world.blocks:
        for raw in raws:
            for message in json.loads(raw)["body"]["messages"]:
                if message["type"] == "identity.EnrolPerson":
                    found[message["person"]] = message["tag"]
    return found


def test_a_grants_size_and_look_tell_no_category(world: World) -> None:
    """Of every grant: what it looks like on the chain, learnt from half of them."""
    looks = {}
    for height, _, raws in world.blocks:
        for raw in raws:
            for message in json.loads(raw)["body"]["messages"]:
                if message["type"] == "consent.Grant":
                    terms = codec.to_bytes(message["terms"])
                    span = message["ends"] - message["starts"]
                    looks[message["grant"]] = [len(raw), span, height % 2, *terms]
    learnt_guess(world, [looks[each.grant] for each in world.patients], category_of)


def test_all_that_names_the_insureds_id_tells_no_hospital(world: World) -> None:
    tags = tags_of(world)
    looks = [
        [
            len(mentions(world, each.insured)),
            mentions(world, each.insured)[0],
            *codec.to_bytes(each.insured),
            *codec.to_bytes(tags[each.insured]),
        ]
        for each in world.patients
    ]
    learnt_guess(world, looks, hospital_of)


def learnt_guess(
    world: World, looks: Sequence[Sequence[int]], truth: Callable[[Patient], int]
) -> None:
    """Let the nearest centre of half the patients guess the other half (leave-half-out, twice)."""
    scale = [max(1, max(column) - min(column)) for column in zip(*looks, strict=True)]
    points = [[value / part for value, part in zip(look, scale, strict=True)] for look in looks]
    right = asked = 0
    for parity in (0, 1):
        centres = []
        for answer in (0, 1):
            group = [
                point
                for index, (point, each) in enumerate(zip(points, world.patients, strict=True))
                if index % 2 == parity and truth(each) == answer
            ]
            centres.append([sum(column) / len(group) for column in zip(*group, strict=True)])
        for index, (point, each) in enumerate(zip(points, world.patients, strict=True)):
            if index % 2 != parity:
                guess = math.dist(point, centres[1]) < math.dist(point, centres[0])
                right += int(guess) == truth(each)
                asked += 1
    assert asked == PATIENTS
    assert PATIENTS - chance(asked) <= right <= chance(asked)
