/** What is written says what was typed: no digit more or less, whose it is, and when by which clock. */
import { expect, it } from "vitest";

import { reading, resourceOf } from "../../../records/fhir";
import { measures, pressureScales, remark, type Scale } from "./measures";
import { measurement, note, prescription, pressure, thisMinute, written } from "./resources";

const ABOUT = { person: "P".repeat(22), encounter: "E".repeat(22), author: "A".repeat(22) };
const WHEN = "2026-03-01T08:05";

function scale(key: string, at = 0): Scale {
  const found = [...measures("laboratory"), ...measures("vital")].find((each) => each.key === key);
  const chosen = found?.scales[at];
  if (chosen === undefined) throw new Error(key);
  return chosen;
}

it("writes a value as it was typed, with its unit and code", () => {
  const potassium = scale("k");
  const made = { category: "laboratory", what: "钾", scale: potassium, value: "4.50", when: WHEN } as const;
  const text = measurement(ABOUT, made);
  expect(text).toContain('"value": 4.50,');
  const whole = JSON.parse(text) as Record<string, unknown>;
  expect(whole["valueQuantity"]).toEqual({
    value: 4.5, unit: "mmol/L", system: "http://unitsofmeasure.org", code: "mmol/L",
  });
  expect(whole["subject"]).toEqual({
    identifier: { system: "urn:yilian:person", value: ABOUT.person },
  });
  const resource = resourceOf(text);
  const shown = resource === undefined ? undefined : reading(resource);
  // A browser before ECMAScript 2025 shows its shortest form; the bytes are the same.
  expect(["4.50", "4.5"]).toContain(shown?.value);
  expect([shown?.title, shown?.unit]).toEqual(["钾", "mmol/L"]);
});

it("keeps what a person typed as text, whatever it looks like", () => {
  const typed = 'says "\\u00004.5" and {name}, \u0000 7';
  const made = JSON.parse(note(ABOUT, "Note", typed, WHEN)) as { valueString: string };
  expect(made.valueString).toBe(typed);
});

it("writes both values of a blood pressure", () => {
  const names = { both: "Blood pressure", upper: "Upper", lower: "Lower" };
  const text = pressure(ABOUT, { names, upper: "128", lower: "79", when: WHEN });
  const resource = resourceOf(text);
  const parts = resource === undefined ? [] : reading(resource).parts;
  expect(parts.map((each) => [each.title, each.value, each.unit])).toEqual([
    ["Upper", "128", "mmHg"], ["Lower", "79", "mmHg"],
  ]);
});

it("writes a dosage in words and in numbers", () => {
  const text = prescription(ABOUT, {
    medicine: "阿莫西林胶囊", dose: "0.50", unit: "g", word: "g", times: "3", days: "7", text: "…", when: WHEN,
  });
  const whole = JSON.parse(text) as { dosageInstruction: [{ timing: unknown; doseAndRate: unknown }] };
  expect(text).toContain('"value": 0.50,');
  expect(whole.dosageInstruction[0].timing).toEqual({
    repeat: {
      boundsDuration: { value: 7, unit: "d", system: "http://unitsofmeasure.org", code: "d" },
      frequency: 3, period: 1, periodUnit: "d",
    },
  });
});

it("says the time of the clock on the wall and what it is ahead", () => {
  expect(written(WHEN)).toMatch(/^2026-03-01T08:05:00[+-]\d\d:\d\d$/);
  expect(Date.parse(written(WHEN))).toBe(new Date(WHEN).getTime());
  expect(thisMinute(new Date(2026, 0, 2, 3, 4))).toBe("2026-01-02T03:04");
});

it.each([
  ["k", "4.50", "usual"],
  ["k", "3.49", "low"],
  ["k", "5.31", "high"],
  ["k", "45", "impossible"],
  ["na", "14", "impossible"],
  ["temp", "38.5", "high"],
  ["temp", "385", "impossible"],
  ["spo2", "101", "impossible"],
  ...["", "4,5", "４.５", "-1", "04", "4.", ".5", "1e3", "four", "4 5"].map((each) => ["k", each, "unreadable"]),
])("%s of %s is %s", (key = "", typed = "", told = "") => {
  expect(remark(typed, scale(key))).toBe(told);
});

it("tells a mistyped unit by each scale's own range", () => {
  expect(remark("95", scale("glu", 1))).toBe("usual");
  expect(remark("5.1", scale("glu", 1))).toBe("low");
  const [upper, lower] = pressureScales();
  expect([remark("120", upper), remark("80", lower), remark("12", upper)]).toEqual([
    "usual", "usual", "impossible",
  ]);
});
