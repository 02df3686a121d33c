"""Write what a doctor measures, by LOINC and UCUM: `python tools/measures.py [--check]`.

    portal/src/roles/doctor/writing/measures.json

It follows from the project's own tables of analytes and vital signs. `usual` is the range of
adults, of women and men together; `possible` is what a living person's value hardly leaves.
`--check` writes nothing and fails where the file differs.
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from yilian.gateway.fhir.sample_lab import ANALYTES
from yilian.gateway.fhir.sample_model import Analyte, Scale
from yilian.gateway.fhir.sample_panel import VITALS

FILE = Path(__file__).resolve().parents[1] / "portal/src/roles/doctor/writing/measures.json"

LABORATORY = (
    *("glu", "hba1c", "wbc", "hgb", "plt", "crp", "na", "k", "ca", "creat", "urea", "urate"),
    *("alt", "ast", "tbil", "alb", "chol", "tg", "hdl", "ldl", "tsh", "ft4", "inr", "ddimer"),
)
VITAL_SIGNS = ("temp", "hr", "rr", "spo2", "weight", "height")

UNITS = {
    "10*9/L": "×10⁹/L",
    "10*3/uL": "×10³/μL",
    "umol/L": "μmol/L",
    "Cel": "°C",
    "/min": "/min",
}
"""How people write a unit, where UCUM writes it otherwise."""

POSSIBLE = {
    "temp": ("25", "45"),
    "hr": ("10", "300"),
    "rr": ("2", "90"),
    "spo2": ("20", "100"),
    "weight": ("0.3", "400"),
    "height": ("20", "250"),
    "sbp": ("40", "300"),
    "dbp": ("15", "200"),
    "hba1c": ("2", "25"),
}
"""In the unit of the only scale."""

FACTORS = {"na": ("0.65", "1.4"), "k": ("0.3", "2"), "ca": ("0.4", "2"), "alb": ("0.1", "1.5")}
"""Below and above the usual range, as factors; what is not named may be far out of it."""
FAR = ("0.01", "50")


def scale(analyte: Analyte, written: Scale) -> dict[str, Any]:
    """Write one scale."""
    lows = [written.low, *([written.female[0]] if written.female else [])]
    highs = [written.high, *([written.female[1]] if written.female else [])]
    low, high = min(lows, key=Decimal), max(highs, key=Decimal)
    least, most = FACTORS.get(analyte.key, FAR)
    possible = (str(Decimal(low) * Decimal(least)), str(Decimal(high) * Decimal(most)))
    return {
        "loinc": written.loinc,
        "display": written.display,
        "unit": UNITS.get(written.unit, written.unit),
        "ucum": written.ucum,
        "usual": [low, high],
        "possible": list(POSSIBLE.get(analyte.key, possible)),
    }


def measure(analyte: Analyte) -> dict[str, Any]:
    """Write what is measured, with the scales that there are."""
    scales = [scale(analyte, analyte.china)]
    if (analyte.west.loinc, analyte.west.ucum) != (analyte.china.loinc, analyte.china.ucum):
        scales.append(scale(analyte, analyte.west))
    return {"key": analyte.key, "scales": scales}


def made() -> str:
    """Make the file's text."""
    found = {
        "laboratory": [measure(ANALYTES[key]) for key in LABORATORY],
        "vital": [measure(VITALS[key]) for key in VITAL_SIGNS],
        "pressure": [measure(VITALS[key]) for key in ("sbp", "dbp")],
    }
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def main(words: list[str]) -> int:
    """Write the file, or tell whether it is as it must be."""
    if "--check" in words:
        return 0 if FILE.read_text("utf-8") == made() else 1
    FILE.write_text(made(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
