"""Lifelike FHIR R4 patients from a seed: whole histories, Chinese and Western, all invented.

For tests, benchmarks and demonstrations, where no real person's data may be. The same seed gives
the same bytes on every machine and Python version: no clock, no float, no `random`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import msgspec

from yilian.gateway.fhir.sample_draw import Draw
from yilian.gateway.fhir.sample_history import History
from yilian.gateway.fhir.sample_measure import REGIONS
from yilian.gateway.fhir.sample_model import Story
from yilian.gateway.fhir.sample_story import DIALYSIS, STORIES

Language = Literal["zh-CN", "en", "mixed"]

_LONG_EVERY = 40
_LONG_AT = 17
"""One patient in forty is a long one of up to 1,300 resources: the eighteenth, and so on."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


def bundles(seed: int, count: int, *, language: Language = "mixed") -> Iterator[bytes]:
    """Make `count` patients, each as the bytes of one FHIR R4 transaction Bundle.

    UTF-8 JSON without white space; decimals as written ("1.50"); 60 to 400 entries, one patient in
    forty up to 1,300. `mixed` takes turns, Chinese first. Patient number n depends on the seed and
    n alone, so a longer run begins with the shorter one. Places and doctors are shared between
    patients and carry `ifNoneExist`; their entries are equal wherever they occur.

    Raises ValueError on a negative count or an unknown language, at the call.
    """
    if count < 0:
        raise ValueError("count must not be negative")
    if language not in get_args(Language):
        raise ValueError(f"language must be one of {', '.join(get_args(Language))}")
    return (_bundle(seed, number, language) for number in range(count))


def write(folder: Path, seed: int, count: int, language: Language = "mixed") -> int:
    """Write `0.json`, `1.json`, ... into `folder` (made if absent) and answer the bytes written.

    An existing file of that name is replaced. Raises ValueError as `bundles`, and OSError.
    """
    patients = bundles(seed, count, language=language)
    folder.mkdir(parents=True, exist_ok=True)
    return sum(
        (folder / f"{number}.json").write_bytes(data) for number, data in enumerate(patients)
    )


def _bundle(seed: int, number: int, language: Language) -> bytes:
    region = REGIONS[("zh-CN", "en")[number % 2] if language == "mixed" else language]
    draw = Draw(f"yilian sample {seed} {number} {region.language}")
    entries = History(region, _story(seed, number), draw).play()
    return _encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})


def _story(seed: int, number: int) -> Story:
    if number % _LONG_EVERY == _LONG_AT:
        return DIALYSIS
    deck, place = divmod(number, len(STORIES))
    return Draw(f"yilian sample deck {seed} {deck}").shuffled(STORIES)[place]
