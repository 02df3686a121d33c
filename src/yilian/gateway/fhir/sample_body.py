"""One body over time: what would be measured in it on a given day.

A value is a curve of the story (or a resting value of this person), times a slow drift that
remembers the last visit, times what a short illness does. Values that depend on others are
computed from them, so that a report never contradicts itself: red cell indices, the differential,
LDL cholesterol (Friedewald), the filtration rate (CKD-EPI 2021), body mass index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Context, Decimal

from yilian.gateway.fhir.sample_draw import Draw
from yilian.gateway.fhir.sample_lab import ANALYTES
from yilian.gateway.fhir.sample_model import Analyte, Knots
from yilian.gateway.fhir.sample_panel import FINDINGS, FUNCTION_TESTS, VITALS

MEASURED: Mapping[str, Analyte] = {**ANALYTES, **VITALS, **FUNCTION_TESTS}

ILLNESS = {
    "cold": {"temp": 1035, "wbc": 1150, "crp": 3000, "hr": 1120},
    "pharyngitis": {"temp": 1040, "wbc": 1200, "crp": 4000, "hr": 1130},
    "bronchitis": {"temp": 1032, "wbc": 1350, "crp": 6000, "rr": 1150},
    "otitis": {"temp": 1045, "wbc": 1450, "crp": 7000, "hr": 1150},
    "cystitis": {"temp": 1012, "wbc": 1300, "crp": 3500},
    "attack": {"spo2": 945, "rr": 1450, "hr": 1300, "pef": 620, "eos": 1500},
}
"""What a short illness multiplies, in thousandths."""

_HEIGHTS = (50, 76, 88, 96, 103, 110, 116, 122, 128, 133, 138, 144, 150, 156, 161, 165, 168, 170)
_WEIGHTS = (34, 99, 124, 145, 165, 185, 208, 232, 258, 288, 322, 362, 410, 460, 510, 560, 595, 620)
"""Middle of healthy children: height in cm, weight in 0.1 kg, at each birthday from 0 to 17."""

_TOGETHER = ("hba1c", "glu", "uacr")
"""Curves that lie high or low in the same persons."""

_PERSONAL = {"sbp": 60, "dbp": 60, "temp": 5, "spo2": 8, "ph": 3, "bmi": 110, "ogtt": 60}
"""How far persons differ on a curve, in thousandths, where three times the scatter is wrong."""

_GROWN = 18 * 365
_PRECISION = Context(prec=12)


def along(curve: Knots, permille: int) -> int:
    """Read a curve between its knots; before the first and after the last it stays level."""
    before = curve[0]
    for knot in curve:
        if permille < knot[0]:
            width = knot[0] - before[0]
            if width == 0:
                return knot[1]
            return before[1] + (knot[1] - before[1]) * (permille - before[0]) // width
        before = knot
    return before[1]


def filtration_rate(creatinine: int, age: int, sex: str) -> int:
    """Compute the CKD-EPI 2021 rate (Inker and others, N Engl J Med 2021) in milli mL/min.

    `creatinine` is in milli umol/L, `age` in years. Decimal logarithms are exactly specified, so
    every machine rounds alike; binary floats are not.
    """
    kappa, alpha = ("0.7", "-0.241") if sex == "female" else ("0.9", "-0.302")
    ratio = _PRECISION.divide(Decimal(max(creatinine, 1)), Decimal(kappa) * 88420)
    exponent = Decimal(alpha) if ratio < 1 else Decimal("-1.200")
    log = _PRECISION.add(
        _PRECISION.multiply(_PRECISION.ln(ratio), exponent),
        _PRECISION.multiply(_PRECISION.ln(Decimal("0.9938")), Decimal(age)),
    )
    rate = _PRECISION.multiply(_PRECISION.exp(log), Decimal(142000))
    return int(rate) * 1012 // 1000 if sex == "female" else int(rate)


class Body:
    """What a person's measurements are, day by day; days must not go backwards."""

    def __init__(
        self, draw: Draw, curves: dict[str, Knots], sex: str, age_days: int, span: int
    ) -> None:
        self._draw = draw
        self._curves = curves
        self._sex = sex
        self._born = -age_days
        self._span = span
        self._own: dict[str, int] = {}
        self._drift: dict[str, int] = {}
        self._today: dict[str, int] = {}
        self._illness: Mapping[str, int] = {}
        self._day = 0
        tall = 171 if sex == "male" else 159
        self._height = tall * 1000 + draw.around(16000)
        self._grows = draw.around(80)
        self._worse = draw.around(110)

    def wake(self, day: int, illness: str = "") -> None:
        """Begin a day of measuring, with or without a short illness."""
        self._day = day
        self._today = {}
        self._illness = ILLNESS.get(illness, {})

    def age(self) -> int:
        """Whole years (of 365.25 days) on this day."""
        return max(0, (self._day - self._born) * 4 // 1461)

    def value(self, key: str) -> int:
        """Measure `key` in thousandths of its SI unit; the same all day. Raises KeyError."""
        known = self._today.get(key)
        if known is None:
            rule = _DERIVED.get(key)
            known = rule(self) if rule else self._free(key)
            self._today[key] = known
        return known

    def _free(self, key: str) -> int:
        if key in FINDINGS:
            return along(self._curves.get(key, ((0, 150),)), self._permille())
        analyte = MEASURED[key]
        scatter = analyte.scatter
        own = self._own.get(key)
        curve = self._curves.get(key)
        if own is None:
            own = self._severity(key, scatter) if curve else self._resting(analyte)
            self._own[key] = own
        value = self._child(key) or own
        if curve:
            value = along(curve, self._permille()) * (1000 + own) // 1000
        drift = self._drift.get(key, 0) * 7 // 10 + self._draw.around(scatter)
        self._drift[key] = drift
        value = value * (1000 + drift) // 1000 * self._illness.get(key, 1000) // 1000
        if key == "hbvdna":
            return max(value + self._draw.around(150), 0)
        return min(value, 100000) if key == "spo2" else value

    def _severity(self, key: str, scatter: int) -> int:
        if key in _TOGETHER:
            return self._worse
        return self._draw.around(_PERSONAL.get(key, min(3 * scatter, 150)))

    def _resting(self, analyte: Analyte) -> int:
        scale = analyte.china
        low, high = scale.female if scale.female and self._sex == "female" else scale[5:7]
        floor, ceiling = milli(low), milli(high)
        return floor + (ceiling - floor) * self._draw.between(200, 780) // 1000

    def _permille(self) -> int:
        return self._day * 1000 // self._span

    def _child(self, key: str) -> int:
        age = self.age()
        if age >= 14:
            return 0
        if key == "sbp":
            return 88000 + 2000 * age
        if key == "dbp":
            return 52000 + 1200 * age
        if key == "hr":
            return max(124000 - 5000 * age, 78000)
        return max(30000 - 1200 * age, 17000) if key == "rr" else 0

    def _height_now(self) -> int:
        days = self._day - self._born
        if days >= _GROWN:
            return self._height
        return _growth(_HEIGHTS, days, 1000) * (1000 + self._grows // 2) // 1000

    def _weight_now(self) -> int:
        days = self._day - self._born
        if days >= _GROWN:
            height = self._height
            return self._free("bmi") * (height // 100) * (height // 100) // 10**6
        drift = 1000 + self._grows + self._draw.around(10)
        return _growth(_WEIGHTS, days, 100) * drift // 1000


def _growth(table: tuple[int, ...], days: int, unit: int) -> int:
    year, rest = divmod(max(days, 0) * 100, 36525)
    if year >= len(table) - 1:
        return table[-1] * unit
    return (table[year] * (36525 - rest) + table[year + 1] * rest) * unit // 36525


def milli(text: str) -> int:
    """Read a decimal text as thousandths."""
    return int(Decimal(text) * 1000)


def _lymphocytes(body: Body) -> int:
    white = body.value("wbc")
    share = body._free("lymph")
    return share * 10000 // white if white > 10000 else share


_DERIVED: dict[str, Callable[[Body], int]] = {
    "rbc": lambda b: b.value("hgb") * 1000 // b.value("mch"),
    "mcv": lambda b: b.value("mch") * 10**6 // b.value("mchc"),
    "hct": lambda b: b.value("hgb") * 10**5 // b.value("mchc"),
    "lymph": _lymphocytes,
    "neut": lambda b: 99500 - b.value("lymph") - b.value("mono") - b.value("eos"),
    "ldl": lambda b: max(b.value("chol") - b.value("hdl") - b.value("tg") * 10 // 22, 400),
    "egfr": lambda b: filtration_rate(b.value("creat"), b.age(), b._sex),
    "height": Body._height_now,
    "weight": Body._weight_now,
    "bmi": lambda b: b.value("weight") * 10**10 // b.value("height") ** 2,
    "ratio": lambda b: b.value("fev1") * 100000 // b.value("fvc"),
}
