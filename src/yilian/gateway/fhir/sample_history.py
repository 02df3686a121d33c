"""One whole patient: plays a story visit by visit and writes the chart.

Order of things: the person, the places and the doctors; then each visit with its encounter, new
diagnoses, vital signs, laboratory, procedures, prescriptions, vaccines, papers and bill.
"""

from __future__ import annotations

from datetime import date, timedelta

from yilian.gateway.fhir.sample_body import Body
from yilian.gateway.fhir.sample_chart import Chart, Contact, coded
from yilian.gateway.fhir.sample_draw import Draw
from yilian.gateway.fhir.sample_measure import (
    HL7,
    LOINC,
    blood_pressure,
    finding,
    form,
    measured,
    smoking,
    written,
)
from yilian.gateway.fhir.sample_model import Course, Json, Onset, Panel, Region, Story, Visit
from yilian.gateway.fhir.sample_panel import FINDINGS, PANELS
from yilian.gateway.fhir.sample_roster import desk
from yilian.gateway.fhir.sample_schedule import visits
from yilian.gateway.fhir.sample_story import PREGNANT_DAYS
from yilian.gateway.fhir.sample_terms import (
    ACTS,
    ACUTE,
    ALLERGENS,
    CHILD_DOSES,
    DISEASES,
    DRUGS,
    VACCINES,
)

LAST_DAY = date(2025, 6, 30)
"""No history goes beyond this day: the generator has no clock."""

_TEST_DATA = {"system": f"{HL7}/v3-ActReason", "code": "HTEST", "display": "test health data"}
_LASTS = {"dialysis": 240, "emergency": 180, "rehab": 60, "checkup": 90}
_FEES = {"emergency": 8000, "inpatient": 96000, "checkup": 5000, "rehab": 3000, "dialysis": 2500}
_ROUTINE = ("hr", "temp", "weight")
_ADMITTED = ("hr", "temp", "spo2")
_PAPERS = {"followup": 220, "acute": 150, "rehab": 150, "prenatal": 60, "checkup": 350}
_MISSED = ("followup", "checkup", "rehab", "acute", "wellchild")
_TESTED = {"spirometry": ("fev1", "fvc", "ratio", "pef")}
_REACTS = 180
"""Permille of people with an allergy, beside those whose story has one."""


def _most(visit: Visit) -> int:
    """Bound the resources one visit can make (a stay repeats vital signs and two panels)."""
    tests = sum(len(PANELS[key].analytes) + 1 for key in visit.panels)
    return 24 + tests + 2 * len(visit.acts) + (36 + 7 * visit.stay if visit.stay else 0)


class History:
    """The play of one story for one person; `entries` of its chart become the Bundle."""

    def __init__(self, region: Region, story: Story, draw: Draw) -> None:
        self.story = story
        self.region = region
        self._draw = draw
        self.sex = story.sex if story.sex != "any" else draw.pick(("female", "male"))
        end = LAST_DAY - timedelta(days=draw.below(400))
        self.birth = end - timedelta(
            days=draw.between(*story.ages) * 36525 // 100 + draw.below(360)
        )
        self.span = draw.between(*story.years) * 365 + draw.between(1, 90)
        if story.schedule == "pregnancy":
            self.span = PREGNANT_DAYS
        if story.schedule == "child":
            self.span = min((end - self.birth).days, self.span + 365)
            end = self.birth + timedelta(days=self.span)
        start = end - timedelta(days=self.span)
        self.chart = Chart(region, draw, start)
        curves = dict(story.curves)
        self._onsets = [each for each in story.onsets if draw.chance(each.chance)]
        for onset in self._onsets:
            curves.update(onset.bends)
        self.body = Body(draw, curves, self.sex, (start - self.birth).days, self.span)
        self._start = start
        self._courses = [each for each in story.courses if draw.chance(each.chance)]
        self._conditions: dict[str, str] = {}
        self._requests: dict[str, Json] = {}
        self._given: dict[str, int] = {}
        self._bill: list[tuple[Json, int]] = []
        self._allergies: list[str] = []
        self._cause = DISEASES["checkup"]
        self._open(draw)

    def _open(self, draw: Draw) -> None:
        person = self.region.person(draw, self.birth, self.sex)
        number = {
            "use": "usual",
            "system": self.region.systems["record"],
            "value": f"{draw.below(10**8):08d}",
        }
        person["identifier"].append(number)
        self._payer = draw.pick(self.region.payers)
        self._smokes = self.story.key == "copd" or draw.chance(220 if self.body.age() > 17 else 0)
        fields: Json = {"meta": {"tag": [_TEST_DATA]}}
        for name in ("extension", "identifier"):
            if name in person:
                fields[name] = person[name]
        fields["active"] = True
        fields["name"] = person["name"]
        fields["telecom"] = person["telecom"]
        fields["gender"] = self.sex
        fields["birthDate"] = self.birth.isoformat()
        fields["address"] = person["address"]
        fields["communication"] = person["communication"]
        self.chart.patient = self.chart.add("Patient", fields)
        houses = self.region.houses
        hospitals = [number for number, each in enumerate(houses) if each.kind == "hospital"]
        clinics = [number for number, each in enumerate(houses) if each.kind == "clinic"]
        self._hospital = self._engage(draw.pick(hospitals), 2)
        self._clinic = self._engage(draw.pick(clinics), 1)

    def _engage(self, number: int, doctors: int) -> tuple[str, list[str]]:
        place = desk(self.region.language, number)
        house = self.chart.add("Organization", place.organization, place.identity)
        chosen = self._draw.shuffled(place.doctors)[:doctors]
        return house, [self.chart.add("Practitioner", doctor, key) for key, doctor in chosen]

    def play(self) -> list[Json]:
        """Go through the visits and answer the entries of the Bundle.

        A person goes to the doctor often or seldom: where the chart has grown ahead of its share,
        an ordinary visit is missed and others do without most tests. Admissions are never missed.
        """
        story = self.story
        in_bed = sum(stay for _, stay, _ in story.admissions)
        share = story.limit if story.limit > 400 else self._draw.between(70, 345 - 16 * in_bed)
        ordinary = 0
        for planned in visits(story, self._draw, self.span):
            visit = planned
            before = len(self.chart.entries)
            if ordinary > share * (visit.day + self.span // 8) // self.span:
                if visit.kind in _MISSED:
                    continue
                visit = visit._replace(panels=visit.panels[: 5 if visit.stay else 1])
            if before + _most(visit) > story.limit:
                continue
            self._visit(visit)
            if not visit.stay:
                ordinary += len(self.chart.entries) - before
        return self.chart.entries

    def _visit(self, visit: Visit) -> None:
        sick = visit.disease if visit.kind == "acute" else ""
        self.body.wake(visit.day, sick)
        contact = self._meet(visit)
        first = len(self._given) == 0 and not self._conditions
        self._diagnose(contact, visit)
        for day in range(visit.stay or 1):
            self._look(contact, visit, day)
            self._test(contact, visit, day)
        self._treat(contact, visit)
        self._prescribe(contact, visit)
        self._vaccinate(contact, visit)
        if first or visit.kind == "checkup":
            self._ask(contact)
        self._write_papers(contact, visit)
        if visit.kind != "dialysis" or visit.panels:
            main = self._conditions.get(visit.disease) or next(iter(self._conditions.values()), "")
            self.chart.claim(contact, self._payer, self._bill, main)

    def _meet(self, visit: Visit) -> Contact:
        draw = self._draw
        small = visit.kind in ("acute", "wellchild", "checkup") and draw.chance(700)
        house, doctors = self._clinic if small else self._hospital
        hours = (0, 1380) if visit.kind == "emergency" else (480, 1000)
        minute = draw.between(*hours)
        lasts = visit.stay * 1440 + 120 if visit.stay else _LASTS.get(visit.kind, 25)
        self._cause = DISEASES[visit.disease or self._reason(visit)]
        reason = self.chart.disease(self._cause)
        code, name = self.region.visits[visit.kind]
        what = {**coded(self.region.systems["visit"], code, name), "text": name}
        fee = _FEES.get(visit.kind, 1800) * max(visit.stay, 1)
        self._bill = [(what, fee + draw.below(40) * 25)]
        return self.chart.encounter(
            visit.kind, draw.pick(doctors), house, visit.day, minute, lasts, reason
        )

    def _reason(self, visit: Visit) -> str:
        if visit.kind in ("checkup", "wellchild") or not self.story.onsets:
            return "checkup"
        if visit.kind == "prenatal":
            return "pregnancy"
        own = [each for each in self._onsets if each.disease in self._conditions]
        lasting = [each.disease for each in own if not each.until]
        if not lasting:
            return "checkup"
        main = next((key for key in lasting if key == self.story.key), lasting[0])
        return main if self._draw.chance(600) else self._draw.pick(lasting)

    def _diagnose(self, contact: Contact, visit: Visit) -> None:
        for onset in list(self._onsets):
            day = onset.at * self.span // 1000
            if visit.day >= day and not self._known(onset):
                until = onset.until * self.span // 1000 if onset.until else None
                disease = DISEASES[onset.disease]
                since = max(day, visit.day - 20)
                over = None if until is None else max(until, visit.day + 1)
                condition = self.chart.condition(contact, disease, since, over)
                self._conditions[onset.disease] = condition
                self._given[f"{onset.disease}@{onset.at}"] = 1
                if until is None and onset.disease != "hemiplegia":
                    self.chart.plan(contact, disease, condition)
        if visit.kind == "acute":
            over = visit.day + self._draw.between(4, 14)
            disease = DISEASES[visit.disease]
            since = visit.day - self._draw.below(3)
            self._conditions[visit.disease] = self.chart.condition(contact, disease, since, over)

    def _known(self, onset: Onset) -> bool:
        return f"{onset.disease}@{onset.at}" in self._given

    def _look(self, contact: Contact, visit: Visit, later: int) -> None:
        body, sex, language = self.body, self.sex, self.region.language
        if later:
            body.wake(visit.day + later)
        day, minute = visit.day + later, contact.minute + 3 if later == 0 else 430
        grown = body.age() >= 14
        keys: tuple[str, ...] = _ADMITTED if visit.stay else _ROUTINE
        if visit.kind == "dialysis":
            keys = ("weight",)
        elif not grown or visit.kind == "checkup":
            keys = ("height", "weight", "bmi", "hr", "temp")
        elif self.story.key in ("copd", "asthma") or visit.kind == "emergency":
            keys = ("hr", "rr", "temp", "spo2", "weight")
        elif self.story.key in ("diabetes", "pregnancy"):
            keys = ("hr", "weight", "bmi")
        if grown or body.age() >= 3:
            found = blood_pressure(self.region, body.value("sbp"), body.value("dbp"), sex)
            self.chart.observation(contact, found, day, minute)
        for key in keys:
            found = measured(form(key, language, sex), body.value(key), False)
            self.chart.observation(contact, found, day, minute)
        if "stroke" in self._conditions and (visit.stay or visit.kind == "rehab"):
            found = measured(form("nihss", language, sex), body.value("nihss"), False)
            self.chart.observation(contact, found, day, minute + 9)

    def _test(self, contact: Contact, visit: Visit, later: int) -> None:
        panels = visit.panels
        if later:
            again = later in (visit.stay // 2, visit.stay - 1)
            panels = ("cbc", "infection") if again else ()
            if again and visit.disease == "exacerbation":
                panels = ("cbc", "infection", "gas")
        for key in panels:
            self._panel(contact, PANELS[key], visit.day + later)

    def _panel(self, contact: Contact, panel: Panel, day: int) -> None:
        drawn = contact.minute + 20 if day == contact.day else 375
        sex = self.sex if self.body.age() >= 14 else "female"
        results: list[Json] = []
        high: list[str] = []
        low: list[str] = []
        for key in panel.analytes:
            value = self.body.value(key)
            if key in FINDINGS:
                found = finding(self.region, key, value)
                flag, name = "N", found["code"]["text"]
            else:
                shape = form(key, self.region.language, sex)
                found = measured(shape, value, True)
                flag, name = found["interpretation"][0]["coding"][0]["code"], shape.name
            if flag != "N":
                (high if flag == "H" else low).append(name)
            urn = self.chart.observation(contact, found, day, drawn)
            results.append({"reference": urn, "display": name})
        words = self.region.words
        join = "、" if self.region.language == "zh-CN" else ", "
        said = [words["conclusion_high"].format(items=join.join(high))] if high else []
        said += [words["conclusion_low"].format(items=join.join(low))] if low else []
        code = self._report_code(panel, found)
        self.chart.report(
            contact, panel, code, results, " ".join(said) or words["conclusion_none"], day, drawn
        )
        self._bill.append((code, panel.price))

    def _report_code(self, panel: Panel, only: Json) -> Json:
        if len(panel.analytes) == 1:
            shared: Json = only["code"]
            return shared
        name = panel.zh if self.region.language == "zh-CN" else panel.en
        return {**coded(LOINC, panel.loinc, panel.en), "text": name}

    def _treat(self, contact: Contact, visit: Visit) -> None:
        for number, key in enumerate(visit.acts):
            act = ACTS[key]
            day = visit.day + min(number, max(visit.stay - 1, 0))
            self.chart.procedure(contact, act, day, contact.minute + 30 + 25 * number)
            code = self.chart.entries[-1]["resource"]["code"]
            self._bill.append((code, act.price))
            for test in _TESTED.get(key, ()):
                shape = form(test, self.region.language, self.sex)
                found = measured(shape, self.body.value(test), self.body.age() >= 18)
                self.chart.observation(contact, found, visit.day, contact.minute + 45)

    def _prescribe(self, contact: Contact, visit: Visit) -> None:
        if visit.kind == "acute" and visit.disease in ACUTE:
            usual, other = ACUTE[visit.disease]
            chinese = self.region.language == "zh-CN"
            avoid = usual == "amoxicillin" and "penicillin" in self._allergies
            key = other if avoid or (other == "herbal" and chinese) else usual
            self._request(contact, key, visit.disease, "completed", self._draw.between(3, 7))
        if visit.kind in ("wellchild", "checkup", "acute", "emergency"):
            return
        if visit.kind == "dialysis" and not visit.panels:
            return
        permille = visit.day * 1000 // self.span
        for course in self._courses:
            if course.disease in self._conditions:
                self._renew(contact, course, permille)

    def _renew(self, contact: Contact, course: Course, permille: int) -> None:
        before = self._requests.pop(course.drug, None)
        if before is not None:
            before["status"] = "completed"
        if course.start <= permille <= course.stop:
            days = 14 if course.drug == "prednisone" else 90
            request = self._request(contact, course.drug, course.disease, "active", days)
            self._requests[course.drug] = request

    def _request(self, contact: Contact, key: str, disease: str, status: str, days: int) -> Json:
        drug = DRUGS[key]
        reason = self._conditions[disease]
        request = self.chart.prescription(contact, drug, days, reason, status)
        self._bill.append((request["medicationCodeableConcept"], drug.price * max(days // 30, 1)))
        return request

    def _vaccinate(self, contact: Contact, visit: Visit) -> None:
        if visit.kind == "wellchild" and self.story.schedule == "child":
            for number, (due, key) in enumerate(CHILD_DOSES):
                if due <= visit.day and f"dose {number}" not in self._given:
                    self._given[f"dose {number}"] = 1
                    self._dose(contact, key)
            return
        if visit.kind not in ("followup", "checkup", "wellchild", "prenatal"):
            return
        today = self._start + timedelta(days=visit.day)
        season = f"influenza {today.year}"
        if today.month >= 9 and season not in self._given and self._draw.chance(450):
            self._given[season] = 1
            self._dose(contact, "influenza")
        if today.year == 2021 and self._given.get("covid", 0) < 2 and self._draw.chance(700):
            self._dose(contact, "covid" if self.region.language == "zh-CN" else "covid_mrna")
            self._given["covid"] = self._given.get("covid", 0) + 1
        if self.body.age() >= 65 and "ppsv23" not in self._given and self._draw.chance(300):
            self._dose(contact, "ppsv23")

    def _dose(self, contact: Contact, key: str) -> None:
        self._given[key] = number = self._given.get(key, 0) + 1
        self.chart.immunization(contact, VACCINES[key], number)

    def _ask(self, contact: Contact) -> None:
        draw = self._draw
        if self.body.age() >= 18:
            found = smoking(self.region, self._smokes)
            self.chart.observation(contact, found, contact.day, contact.minute + 5)
        if "asked" in self._given:
            return
        self._given["asked"] = 1
        if self.story.key == "asthma":
            self._allergies = ["mite"]
        elif draw.chance(_REACTS):
            self._allergies = [draw.pick(tuple(ALLERGENS))]
        for key in self._allergies:
            self.chart.allergy(contact, ALLERGENS[key])

    def _write_papers(self, contact: Contact, visit: Visit) -> None:
        words = self.region.words
        reason = self.chart.say(self._cause)
        if visit.stay:
            text = words["summary"].format(reason=reason, stay=visit.stay)
            day = visit.day + visit.stay
            self.chart.note(contact, "18842-5", words["summary_title"], text, day)
        elif self._draw.chance(_PAPERS.get(visit.kind, 0)):
            self.body.wake(visit.day)
            sbp, dbp = (self._whole(key) for key in ("sbp", "dbp"))
            text = words["note"].format(reason=reason, sbp=sbp, dbp=dbp)
            self.chart.note(contact, "11506-3", words["note_title"], text, visit.day)

    def _whole(self, key: str) -> str:
        shape = form(key, self.region.language, self.sex)
        return str(written(shape, self.body.value(key))[0]["value"])
