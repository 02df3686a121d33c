"""Write the training's practice data: `python tools/practice.py [--check]`.

People and records come from the seeded generator, receipts from a chain of their own: the real law
run in memory, its headers signed by four validators whose seeds are labels. So the same program
writes the same files, and a browser verifies the receipts against that chain's validators. Times
are told as days from now, codes of packs are those of GS1's prefix for examples (952).
`--check` writes nothing and fails where a file differs or is too large.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
for _folder in (ROOT, ROOT / "src"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

import msgspec  # noqa: E402
from tests import chain as law  # noqa: E402
from tests.portal import proof_papers as papers  # noqa: E402
from tests.unit.sdk import receipts  # noqa: E402
from tools import practice_ward as ward  # noqa: E402

from yilian.gateway.fhir import intake, sample  # noqa: E402
from yilian.gateway.http.supply_public import Scanned, ShownRecall  # noqa: E402
from yilian.gateway.supply import scan  # noqa: E402
from yilian.gateway.supply.verdict import Concern, Reason  # noqa: E402
from yilian.ledger import codec, keys  # noqa: E402
from yilian.ledger.modules.care.messages import OpenEncounter  # noqa: E402
from yilian.ledger.modules.consent import messages as consent  # noqa: E402
from yilian.ledger.modules.identity import messages as identity  # noqa: E402
from yilian.ledger.modules.records.messages import Anchor, AnchorBatch  # noqa: E402
from yilian.sdk import verify  # noqa: E402
from yilian.text import LANGUAGES, say  # noqa: E402
from yilian.vault import leaves  # noqa: E402

FOLDER = ROOT / "portal/src/roles/training/practice"
BUDGET = 60_000
"""Bytes of all files together, in gzip."""
SEED = 7
RECORDS = 40
SENSITIVE = 2
NAMES = {
    "hospital": ("Practice Hospital", "练习医院"),
    "clinic": ("Practice Heart Clinic", "练习心脏专科医院"),
    "insurer": ("Practice Insurance", "练习保险公司"),
}
PACKS: dict[str, tuple[Reason, Concern]] = {
    "genuine": ("verified", "none"),
    "expired": ("expired", "not_for_sale"),
    "dispensed": ("dispensed", "suspected_fake"),
    "recalled": ("recalled", "not_for_sale"),
    "slip": ("lot_differs", "data_error"),
    "other_pack": ("lot_and_expiry_differ", "suspected_fake"),
    "nobodys": ("serial_unknown", "suspected_fake"),
}


name = ward.name
KINDS = {"hospital": "hospital", "clinic": "clinic", "insurer": "insurer"}


def proofs() -> dict[str, Any]:
    """Run a block of all that lessons do; gives its receipts, the batch, and the trust file."""
    chain = law.Chain()
    acts = _acts(chain)
    before = chain.app_hash
    raws = tuple(acts.values())
    applied = chain.block(*raws)
    if any(each.code for each in applied.results):
        raise AssertionError(applied.results)
    signer = receipts.Chain((10, 10, 10, 10), chain_id=chain.genesis.chain, height=chain.height)
    real = papers.Real(signer, chain, before, raws, applied.results, chain.height)
    trust = papers._trust(real)
    made = [papers._receipt(real, at) for at in range(len(raws))]
    for each in made:
        told = verify.verify(json.dumps(each).encode(), json.dumps(trust).encode())
        if "was accepted" not in told.proved or told.level != "agreed":
            raise AssertionError(told)
    trust.pop("now")
    hashes = [keys.sha256(raw).hex() for raw in raws]
    batch = f"records/batch/{ward.BATCH}"
    return {
        "trust": trust,
        "height": chain.height,
        "named": dict(zip(acts, hashes, strict=True)),
        "receipts": dict(zip(hashes, made, strict=True)),
        "states": {batch: papers._state(real, batch)},
    }


def _acts(chain: law.Chain) -> dict[str, bytes]:
    """Sign what lessons do, by name: of a patient, two doctors and their hospital."""
    patient = chain.ward(name("person"))
    hospital = chain.hospital
    doctor = chain.practitioner(name("chen"))
    colleague = chain.practitioner(name("zhou"))
    chain.licence(doctor, name("licence"))
    chain.licence(colleague, name("licence of the colleague"))
    grant, link, curious = name("grant"), name("link"), name("access of the colleague")
    soon, terms = chain.time + 10 * law.MINUTE, law.digest_of("practice terms")
    given = consent.Grant(
        grant=grant, terms=terms, starts=chain.time, ends=chain.time + 30 * law.DAY
    )

    def anchor(label: str) -> Anchor:
        return Anchor(record=name(label), commitment=law.digest_of(f"practice {label}"))

    enrolled = identity.EnrolPerson(person=name("li"), tag=law.digest_of("practice li"))
    rows = leaves.unpack(ward.packed())
    batch = AnchorBatch(batch=ward.BATCH, root=leaves.root(rows), size=len(rows))
    judged = consent.ReviewBreakGlass(access=curious, finding="unjustified", reasons=terms)
    return {
        "given": chain.sign(patient, given, **_for(chain, patient)),
        "stopped": chain.sign(patient, consent.Revoke(grant=grant), **_for(chain, patient)),
        "noted": chain.sign(hospital, anchor("note")),
        "kept": chain.sign(hospital, batch),
        "opened": chain.sign(
            doctor, consent.OpenSession(session=name("session"), terms=terms, ends=soon)
        ),
        "asked": chain.sign(doctor, consent.Ask(ask=name("ask"), terms=terms, ends=soon)),
        "urgent": chain.sign(
            doctor, consent.BreakGlass(access=name("access"), terms=terms, ends=soon)
        ),
        "curious": chain.sign(
            colleague, consent.BreakGlass(access=curious, terms=terms, ends=soon)
        ),
        "judged": chain.sign(doctor, judged),
        "enrolled": chain.sign(hospital, enrolled),
        "visited": chain.sign(hospital, OpenEncounter(encounter=name("encounter"), terms=terms)),
        "linked": chain.sign(hospital, identity.Link(link=link, terms=terms)),
        "unlinked": chain.sign(hospital, identity.Unlink(link=link)),
        "witnessed": chain.sign(hospital, anchor("evidence")),
    }


def _for(chain: law.Chain, ward: law.Actor) -> dict[str, Any]:
    return {
        "sender": chain.hospital.id,
        "payer": chain.hospital.id,
        "signers": [chain.hospital.signer.id],
        "on_behalf_of": ward.id,
    }


def person() -> dict[str, Any]:
    """Give a made-up patient: what is kept of them, what they allowed, and who looked."""
    known = _known()
    doctor = {"kind": "practitioner", "name": None}
    return {
        "organisation": name("hospital"),
        "person": name("person"),
        "names": {
            name(label): dict(zip(LANGUAGES, told, strict=True)) for label, told in NAMES.items()
        },
        "kinds": {name(label): kind for label, kind in KINDS.items()},
        "records": known,
        "grants": [
            _grant("medicines", "clinic", ["medication"], (-12, 18)),
            _grant("bills", "insurer", ["claim"], (-40, 5)),
        ],
        "disclosures": [
            _looked(doctor, "clinic", known, "medication", 2, grant=name("medicines")),
            _looked(doctor, "hospital", known, "laboratory", 5),
            _looked(doctor, "insurer", known, "problem", 1, refused="category_not_granted"),
        ],
    }


def _known() -> list[dict[str, Any]]:
    (bundle,) = sample.bundles(SEED, 1)
    found = intake.take_apart(bundle).resources
    kinds = ("medication", "laboratory", "claim", "problem", "immunization", "document")
    chosen = [each for each in found if each.category in kinds][:: max(1, len(found) // RECORDS)]
    for kind in kinds:
        if all(each.category != kind for each in chosen):
            chosen.append(next(each for each in found if each.category == kind))
    return [
        {
            "record": name(f"record {at}"),
            "category": each.category,
            "sensitivity": "psy" if at < SENSITIVE else each.sensitivity,
            "months_ago": at % 9,
        }
        for at, each in enumerate(chosen)
    ]


def _grant(
    label: str, grantee: str, categories: list[str], days: tuple[int, int]
) -> dict[str, Any]:
    return {
        "grant": name(label),
        "grantee": name(grantee),
        "categories": categories,
        "purposes": ["treat" if grantee == "clinic" else "pay"],
        "starts_days": days[0],
        "ends_days": days[1],
    }


def _looked(
    reader: dict[str, Any],
    house: str,
    known: list[dict[str, Any]],
    category: str,
    days_ago: int,
    grant: str | None = None,
    refused: str = "",
) -> dict[str, Any]:
    records = [each["record"] for each in known if each["category"] == category][:3]
    return {
        "reader": {**reader, "id": name(f"reader at {house}"), "organisation": name(house)},
        "purpose": "pay" if house == "insurer" else "treat",
        "grant": grant,
        "outcome": "deny" if refused else "permit",
        "reasons": [refused] if refused else [],
        "records": records,
        "lines": [name(f"line {each}") for each in records],
        "days_ago": days_ago,
    }


def gtin(at: int) -> str:
    """Give a GTIN-14 of GS1's prefix for examples, with its check digit (GS1 7.9)."""
    digits = f"0952{at:09d}"
    total = sum(int(each) * (3 if place % 2 == 0 else 1) for place, each in enumerate(digits))
    return f"{digits}{-total % 10}"


def packs() -> dict[str, Any]:
    """Give made-up packs: the code on each, and what a node answers, in each language."""
    found = {}
    for at, (label, (reason, concern)) in enumerate(PACKS.items(), 1):
        serial, lot = f"PRACTICE{at:03d}", f"P{at}"
        code = f"(01){gtin(at)}(21){serial}(10){lot}"
        answers = {
            each: _scanned(each, reason, concern, gtin(at), serial, lot) for each in LANGUAGES
        }
        words = {
            each: {
                "title": say(each, "scan", f"concern/{concern}/title"),
                "do": say(each, "scan", f"concern/{concern}/do"),
                "why": say(each, "scan", f"reason/{reason}"),
            }
            for each in LANGUAGES
        }
        found[label] = {
            "code": code,
            "concern": concern,
            "reason": reason,
            "answers": answers,
            "words": words,
        }
    return found


def _scanned(
    language: str, reason: Reason, concern: Concern, number: str, serial: str, lot: str
) -> Any:
    word = scan._WORDS.get(reason) or scan._BY_CONCERN[concern]
    recall = ShownRecall(id=name("recall"), grade=1, reason="contamination", issued=law.START)
    english = language == "en"
    shown = Scanned(
        verdict=word,
        colour=scan.COLOURS[word],
        reason=reason,
        title=say(language, "scan", f"verdict/{word}/title"),
        do=say(language, "scan", f"verdict/{word}/do"),
        why=say(language, "scan", f"reason/{reason}"),
        product="Practice tablets 10 mg" if english else "练习片 10 毫克",
        maker="Practice Medicines" if english else "练习制药厂",
        gtin=number,
        responder="answered",
        kind="gs1",
        serial=serial,
        lot=lot,
        expiry="2025-01-31" if reason == "expired" else "2099-12-31",
        recall=recall if reason == "recalled" else None,
    )
    return msgspec.to_builtins(shown)


def files() -> dict[Path, str]:
    """Give every file and the text that it should hold."""
    made = {"chain": proofs(), "person": person(), "packs": packs(), "ward": ward.ward()}
    return {
        FOLDER / f"{each}.json": codec.encode(content).decode() + "\n"
        for each, content in made.items()
    }


def main(arguments: list[str]) -> int:
    """Write or check the files; gives the exit code."""
    wanted = files()
    size = sum(len(gzip.compress(text.encode(), 9)) for text in wanted.values())
    if size > BUDGET:
        print(f"too large: {size} bytes in gzip, allowed are {BUDGET}")
        return 1
    wrong = [
        place
        for place, text in wanted.items()
        if not place.exists() or place.read_text("utf-8") != text
    ]
    for place in wrong:
        if "--check" in arguments:
            print(f"stale: {place.relative_to(ROOT)}")
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(wanted[place], "utf-8")
            print(f"written: {place.relative_to(ROOT)}")
    return 1 if wrong and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
