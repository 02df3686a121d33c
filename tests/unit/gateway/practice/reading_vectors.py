"""Make `vectors/reading/reading.json`: what a device opens with a reading key, and what comes out.

Wraps and seals are drawn at random, so the file is another each time it is made; what a test holds
it against is that it opens. `python -m tests.unit.gateway.practice.reading_vectors` writes it anew.
"""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from tests.unit.vault.builders import HOSPITAL, PATIENT, identifier, item, open_vault
from yilian.gateway.practice.reading_keys import wrapped_keys
from yilian.ledger import codec
from yilian.vault.envelope import new_recipient

FILE = Path(__file__).parents[4] / "vectors/reading/reading.json"
FHIR = "application/fhir+json"
CONTENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        '{"resourceType":"Observation","code":{"text":"血红蛋白"},"valueQuantity":{"value":98.10,"unit":"g/L"}}',
        {"category": "laboratory", "period": "2026-03"},
    ),
    (
        '{"resourceType":"AllergyIntolerance","code":{"text":"Penicillin 💊"}}',
        {"category": "allergy", "period": "2026-03"},
    ),
    (
        '{"resourceType":"Observation","code":{"text":"glucose"},"status":"final"}',
        {"category": "laboratory", "period": "2026-04"},
    ),
)
CORRECTION = '{"resourceType":"Observation","code":{"text":"glucose"},"status":"corrected"}'


def made() -> dict[str, Any]:
    """Deposit, wrap and copy with the vault, as the routes do."""
    device = new_recipient()
    with tempfile.TemporaryDirectory() as folder, open_vault(Path(folder), HOSPITAL) as vault:
        items = [
            item(number, content=text.encode(), media_type=FHIR, **more)
            for number, (text, more) in enumerate(CONTENTS, 1)
        ]
        items.append(item(4, media_type="application/octet-stream", category="document"))
        first = vault.deposit(items)
        late = item(5, content=CORRECTION.encode(), replaces=identifier(3), period="2026-04")
        second = vault.deposit([late])
        contents = {each.record: each.content for each in (*items, late)}
        keys = vault.keystore.category_keys(PATIENT)
        wraps = wrapped_keys(HOSPITAL, PATIENT, keys, device.public)
        copies = vault.emergencies.copies.of(PATIENT, PATIENT).records
    return {
        "format": "yilian-reading-vectors/1",
        "holder": HOSPITAL,
        "person": PATIENT,
        "reading_key": {
            "secret": codec.to_text(device.export()),
            "public": codec.to_text(device.public.data),
            "id": device.public.id,
        },
        "keys": json.loads(msgspec.json.encode(wraps)),
        "records": [
            {
                "sealed": json.loads(msgspec.json.encode(each)),
                "content": base64.b64encode(contents[each.proof.record]).decode(),
            }
            for each in copies
        ],
        "roots": {each.batch: each.root for each in (first, second)},
    }


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    text = json.dumps(made(), ensure_ascii=False, indent=1, sort_keys=True)
    FILE.write_text(text + "\n", "utf-8")
