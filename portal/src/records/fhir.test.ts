import { expect, test } from "vitest";

import { reading, resourceOf } from "./fhir";
import { fhirMoment } from "./when";

const read = (resource: object): ReturnType<typeof reading> => {
  const found = resourceOf(JSON.stringify(resource));
  if (found === undefined) throw new Error("no resource");
  return reading(found);
};

test("a laboratory value has unit, range and what the laboratory says of it", () => {
  const found = read({
    resourceType: "Observation",
    status: "final",
    code: { text: "血红蛋白" },
    effectiveDateTime: "2026-03-02",
    valueQuantity: { value: 98, unit: "g/L", comparator: "<=" },
    referenceRange: [{ low: { value: 115 }, high: { value: 150 } }],
    interpretation: [{ coding: [{ code: "L" }] }],
  });
  expect(found).toMatchObject({
    title: "血红蛋白", when: "2026-03-02", value: "≤98", unit: "g/L", range: "115 – 150", flag: "L",
  });
});

test("a value of zero and a value that is false are values", () => {
  expect(read({ resourceType: "Observation", valueQuantity: { value: 0, unit: "mm" } }).value).toBe("0");
  expect(read({ resourceType: "Observation", valueBoolean: false }).value).toBe("−");
});

test("what has parts shows each of them", () => {
  const found = read({
    resourceType: "Observation",
    code: { coding: [{ display: "Blood pressure" }] },
    component: [
      { code: { text: "systolic" }, valueQuantity: { value: 120, unit: "mmHg" } },
      { code: { text: "diastolic" }, valueQuantity: { value: 80, unit: "mmHg" } },
    ],
  });
  expect(found.parts.map((each) => `${each.title} ${each.value}`)).toEqual(["systolic 120", "diastolic 80"]);
});

test("an allergy tells its reactions, a medicine its dosage", () => {
  const allergy = read({
    resourceType: "AllergyIntolerance",
    code: { text: "Penicillin" },
    criticality: "high",
    reaction: [{ manifestation: [{ text: "rash" }, { text: "fever" }] }],
  });
  expect(allergy.rows).toContainEqual({ name: "reactions", value: "rash; fever", kind: "text" });
  const medicine = read({
    resourceType: "MedicationRequest",
    medicationCodeableConcept: { text: "Metformin" },
    dosageInstruction: [{ text: "500 mg twice a day" }],
  });
  expect(medicine.rows[0]?.value).toBe("500 mg twice a day");
});

test("a type that nobody wrote a view for is known as such", () => {
  expect(read({ resourceType: "VisionPrescription" }).known).toBe(false);
});

test.each(["", "{", "[]", '"x"', "7", "{}", '{"resourceType":7}', "null"])("%s is no resource", (content) => {
  expect(resourceOf(content)).toBeUndefined();
});

test.each(["Observation", "Condition", "AllergyIntolerance", "Encounter", "Immunization"])(
  "%s with wrong members is read as far as it goes",
  (resourceType) => {
    const odd = { resourceType, code: 7, valueQuantity: "x", component: [null, 3], reaction: {}, period: [] };
    expect(() => read(odd)).not.toThrow();
  },
);

test("a date is no more exact than it was written", () => {
  expect(fhirMoment("2024", "en")).toBe("2024");
  expect(fhirMoment("2024-03", "zh-CN")).toBe("2024年3月");
  expect(fhirMoment("2024-03-09", "en")).toBe("March 9, 2024");
  expect(fhirMoment("last spring", "en")).toBe("last spring");
  expect(fhirMoment("2024-13-45", "en")).toBe("2024-13-45");
});
