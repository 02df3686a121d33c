"""The shared vectors of reading on one's own device: what the portal opens, the vault opens."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest

from tests.unit.gateway.practice.reading_vectors import FILE, made
from yilian.gateway.practice.reading_keys import reading_key_binding
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault.envelope import PrivateKey, WrappedCategoryKey, unwrap
from yilian.vault.keystore import CategoryKey
from yilian.vault.own_copies import open_copies
from yilian.vault.packages import ReleasedRecord


def opened(vectors: dict[str, Any]) -> dict[str, bytes]:
    """Open all of it with the reading key."""
    holder, person = vectors["holder"], vectors["person"]
    device = PrivateKey(codec.to_bytes(vectors["reading_key"]["secret"]))
    keys = []
    for each in msgspec.convert(vectors["keys"], list[WrappedCategoryKey]):
        info = reading_key_binding(holder, person, each.key)
        private = PrivateKey(unwrap(device, each.wrapped, info))
        keys.append(CategoryKey(each.key, each.name, each.generation, private, ended=False))
    sealed = [each["sealed"] for each in vectors["records"]]
    copies = msgspec.convert(sealed, list[ReleasedRecord])
    return open_copies(holder, copies, keys, vectors["roots"])


def contents(vectors: dict[str, Any]) -> dict[str, bytes]:
    return {
        each["sealed"]["proof"]["record"]: base64.b64decode(each["content"])
        for each in vectors["records"]
    }


def test_the_file_opens_to_what_it_says() -> None:
    vectors = json.loads(FILE.read_text("utf-8"))
    found = opened(vectors)
    assert found == contents(vectors)
    assert len(found) == len(vectors["records"]) > 1


def test_what_is_made_now_has_the_shape_of_the_file() -> None:
    vectors, now = json.loads(FILE.read_text("utf-8")), made()
    assert opened(now) == contents(now) == contents(vectors)
    assert _shape(now) == _shape(vectors), (
        "run: python -m tests.unit.gateway.practice.reading_vectors"
    )


def _shape(vectors: dict[str, Any]) -> Any:
    """Members and lengths, without what is drawn at random."""
    wraps = [(sorted(each), each["name"], len(each["wrapped"])) for each in vectors["keys"]]
    sealed = [each["sealed"] for each in vectors["records"]]
    records = [(sorted(each), len(each["ciphertext"]), sorted(each["keys"])) for each in sealed]
    return sorted(vectors), vectors["format"], wraps, records


@pytest.mark.parametrize("member", ["person", "holder"])
def test_keys_are_for_one_person_at_one_holder(member: str) -> None:
    vectors = json.loads(FILE.read_text("utf-8"))
    vectors[member] = vectors["reading_key"]["id"]
    with pytest.raises(Refusal) as caught:
        opened(vectors)
    assert caught.value.code.name == "envelope_not_opened"
