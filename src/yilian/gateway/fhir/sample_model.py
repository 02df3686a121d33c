"""The shapes of the tables that lifelike patients are made from.

A quantity is kept as a whole number of thousandths of its SI unit (`milli`), so that no float ever
enters: HbA1c 7.2 % is 7200. Times inside a story are thousandths of the whole history (`permille`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

from yilian.gateway.fhir.sample_draw import Draw

Json = dict[str, Any]
"""A FHIR element or resource on its way to JSON text; decimals inside are `decimal.Decimal`."""

Knots = tuple[tuple[int, int], ...]
"""A curve: (permille of the history, milli value), straight between the knots."""


class Scale(NamedTuple):
    """How a laboratory of one country names and writes a quantity."""

    loinc: str
    display: str
    unit: str
    ucum: str
    decimals: int
    low: str
    high: str
    female: tuple[str, str] | None = None
    """The reference range of women, where it differs."""
    ratio: tuple[int, int] = (1, 1)
    """What the SI value is multiplied with: numerator, denominator."""


class Analyte(NamedTuple):
    """One thing that is measured: its Chinese name, how much it scatters, its two scales."""

    key: str
    zh: str
    scatter: int
    """Variation from visit to visit in thousandths of the value."""
    china: Scale
    west: Scale


class Panel(NamedTuple):
    """A laboratory report and the analytes on it."""

    key: str
    loinc: str
    en: str
    zh: str
    price: int
    """In hundredths of the currency unit, the same figure in both countries."""
    analytes: tuple[str, ...]


class Disease(NamedTuple):
    """A diagnosis: SNOMED CT for the West, ICD-10 for both."""

    snomed: str
    icd: str
    en: str
    zh: str


class Drug(NamedTuple):
    """A medicine and how it is taken; `dose` is written as prescribed ("2.50")."""

    atc: str
    rxnorm: str
    """Empty where no RxNorm code is given."""
    en: str
    zh: str
    dose: str
    unit: str
    daily: int
    price: int
    west: str = ""
    """The dose in the West, where its tablets differ."""


class Act(NamedTuple):
    """A procedure: SNOMED CT for the West, ICD-9-CM volume 3 for China."""

    snomed: str
    icd9: str
    en: str
    zh: str
    minutes: int
    price: int


class Vaccine(NamedTuple):
    """A vaccine by its CVX code, with the Chinese name."""

    cvx: str
    en: str
    zh: str


class Allergen(NamedTuple):
    """What a person does not tolerate, FHIR category, and the usual reaction."""

    snomed: str
    en: str
    zh: str
    category: str
    reaction: Disease


class Onset(NamedTuple):
    """A diagnosis of a story: when, how likely (permille), and when it is over (0: never)."""

    disease: str
    at: int
    chance: int = 1000
    until: int = 0
    bends: tuple[tuple[str, Knots], ...] = ()
    """Curves of those who have it, in place of the story's."""


class Course(NamedTuple):
    """A medicine of a story: for which disease, from when to when (1000: still taken)."""

    drug: str
    disease: str
    start: int
    stop: int = 1000
    chance: int = 1000


class Visit(NamedTuple):
    """One contact with care on a day of the history (0 is the first)."""

    day: int
    kind: str
    panels: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    disease: str = ""
    """The reason, where it is a short illness or an admission."""
    stay: int = 0
    """Days in hospital."""


class Story(NamedTuple):
    """The course of one kind of life with illness, or without."""

    key: str
    sex: str
    """`female`, `male` or `any`."""
    ages: tuple[int, int]
    """At the end of the history, in years."""
    years: tuple[int, int]
    visits: tuple[int, int]
    """How many planned visits the history has."""
    schedule: str
    kinds: tuple[str, ...]
    """Kinds of the planned visits, taken in turn."""
    panels: tuple[tuple[str, int], ...]
    """Laboratory panels and how often (permille of the planned visits)."""
    onsets: tuple[Onset, ...]
    curves: dict[str, Knots]
    courses: tuple[Course, ...]
    acts: tuple[tuple[str, int], ...]
    """Procedures and how often (permille of the planned visits)."""
    admissions: tuple[tuple[int, int, str], ...] = ()
    """(permille, days in hospital, disease)."""
    flares: tuple[str, ...] = ()
    """Diseases that break out between the planned visits."""
    limit: int = 400
    """The most resources one patient of this story may have."""


class House(NamedTuple):
    """A place of care, plainly invented."""

    code: str
    name: str
    kind: str
    """`hospital` or `clinic`."""
    address: Json
    phone: str


class Region(NamedTuple):
    """What differs between two countries: names, numbers, money, clock, words."""

    language: str
    zone: str
    currency: str
    systems: dict[str, str]
    """Identifier and local code systems: `doctor`, `house`, `record`, `item`, `visit`."""
    houses: tuple[House, ...]
    person: Callable[[Draw, date, str], Json]
    """The part of a Patient that is a country's own; takes birth date and sex."""
    doctor: Callable[[Draw, str], Json]
    """A HumanName for a practitioner of that sex."""
    payers: tuple[str, ...]
    visits: dict[str, tuple[str, str]]
    """Kind of visit: code and name in the region's own words."""
    words: dict[str, str]
    """Sentences and titles with `str.format` fields."""
