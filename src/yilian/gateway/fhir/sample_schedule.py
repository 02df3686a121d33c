"""When a person meets care: the planned visits of a story, and what happens in between."""

from __future__ import annotations

from collections.abc import Callable

from yilian.gateway.fhir.sample_draw import Draw
from yilian.gateway.fhir.sample_model import Story, Visit
from yilian.gateway.fhir.sample_story import PREGNANT_DAYS
from yilian.gateway.fhir.sample_terms import CHILD_DOSES

_ADMISSION = ("cbc", "renal", "liver", "clotting", "infection")

_WEEKS = {
    7: ("cbc", "urine", "hbv", "thyroid", "liver", "renal", "ferritin"),
    12: ("urine",),
    16: ("urine", "cbc"),
    20: ("urine",),
    24: ("ogtt", "cbc"),
    28: ("urine", "cbc", "ferritin"),
    30: ("urine",),
    32: ("urine", "cbc"),
    34: ("urine", "liver"),
    36: ("cbc", "clotting", "urine"),
    37: ("urine",),
    38: ("urine",),
    39: ("urine", "cbc"),
}
"""Weeks of pregnancy with a prenatal visit, and what is taken then."""

_SCANS = (7, 12, 22, 24, 30, 36)
_LAST_PERIOD = 728


def visits(story: Story, draw: Draw, span: int) -> list[Visit]:
    """List all visits of a history of `span` days, in order of day."""
    planned = _SCHEDULES[story.schedule](story, draw, span)
    if story.flares:
        for _ in range(draw.between(0, max(1, span // 500))):
            sick = Visit(draw.between(1, span - 1), "acute", ("cbc", "infection"), (), "")
            planned.append(sick._replace(disease=draw.pick(story.flares)))
    for permille, stay, disease in story.admissions:
        day = span * permille // 1000
        panels = (*_ADMISSION, "gas") if disease == "exacerbation" else _ADMISSION
        acts = _ADMITTED[disease]
        planned = [each for each in planned if not day - 2 <= each.day <= day + stay + 6]
        if disease != "delivery":
            planned.append(Visit(day, "emergency", (), (), disease))
        planned.append(Visit(day, "inpatient", panels, acts, disease, stay))
    # The sort is stable, so an emergency stays ahead of the admission of the same day.
    return sorted(planned, key=lambda visit: visit.day)


_ADMITTED = {
    "stroke": ("head_ct", "thrombolysis", "ecg", "echo", "physiotherapy", "physiotherapy"),
    "exacerbation": ("chest_xray", "nebulizer", "nebulizer", "ecg"),
    "delivery": ("fetal_heart", "birth"),
}


def _even(story: Story, draw: Draw, span: int) -> list[Visit]:
    count = draw.between(*story.visits)
    step = span // count
    planned = []
    for number in range(count):
        day = min(number * step + draw.between(0, step * 2 // 3), span - 1)
        kind = story.kinds[number % len(story.kinds)]
        if kind == "rehab" and day * 1000 < story.admissions[0][0] * span:
            kind = "followup"
        panels = tuple(key for key, often in story.panels if draw.chance(often))
        acts = tuple(key for key, often in story.acts if draw.chance(often))
        if kind == "rehab":
            acts = (*acts, "physiotherapy")
        planned.append(Visit(day, kind, panels, acts))
    return planned


def _pregnancy(_story: Story, draw: Draw, _span: int) -> list[Visit]:
    planned = [
        Visit(90 + draw.below(60), "checkup", ("cbc", "urine", "liver"), ("exam",)),
        Visit(470 + draw.below(60), "checkup", ("cbc", "thyroid", "ferritin"), ("exam",)),
    ]
    for week, panels in _WEEKS.items():
        day = _LAST_PERIOD + week * 7 + draw.below(5)
        acts = ("obstetric_scan",) if week in _SCANS else ()
        if week >= 28:
            acts = (*acts, "fetal_heart")
        planned.append(Visit(day, "prenatal", panels, acts))
    planned.append(Visit(PREGNANT_DAYS - 3, "followup", ("cbc", "urine", "ferritin"), ("exam",)))
    return planned


def _child(story: Story, draw: Draw, span: int) -> list[Visit]:
    planned = []
    for day in sorted({dose_day for dose_day, _ in CHILD_DOSES}):
        if day < span:
            planned.append(Visit(day, "wellchild"))
    first_yearly = 3 * 365 + draw.below(60)
    for day in [*range(300, min(span, 1000), 240), *range(first_yearly, span, 300)]:
        panels = tuple(key for key, often in story.panels if draw.chance(often))
        planned.append(Visit(day, "wellchild", panels, ("exam",)))
    return planned


def _dialysis(_story: Story, draw: Draw, span: int) -> list[Visit]:
    planned = [Visit(2, "followup", ("cbc", "renal", "liver", "bone", "hbv", "urine"), ("echo",))]
    day = span * 60 // 1000
    sessions = 0
    while day < span:
        panels: tuple[str, ...] = ()
        if sessions % 13 == 0:
            panels = ("cbc", "renal", "bone")
        if sessions % 39 == 0:
            panels = (*panels, "liver", "ferritin", "hbv")
        if draw.chance(940):
            planned.append(Visit(day, "dialysis", panels, ("dialysis",)))
        day += (2, 2, 3)[sessions % 3]
        sessions += 1
    return planned


_SCHEDULES: dict[str, Callable[[Story, Draw, int], list[Visit]]] = {
    "even": _even,
    "pregnancy": _pregnancy,
    "child": _child,
    "dialysis": _dialysis,
}
