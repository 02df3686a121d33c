import { expect, it } from "vitest";

import { corrected, takesNotes, valueOf } from "./correcting";

const GLUCOSE = `{
  "resourceType": "Observation",
  "note": [{"text": "fasting"}],
  "valueQuantity": {"value": 6.10, "unit": "mmol/L"},
  "referenceRange": [{"low": {"value": 3.9}, "high": {"value": 6.1}}],
  "extension": [{"valueString": "6.10"}]
}`;

function written(content: string, value: string | undefined): string {
  return new TextDecoder().decode(corrected(content, value, "typed wrongly"));
}

it("puts another value and a note in, and leaves everything else", () => {
  const made = JSON.parse(written(GLUCOSE, "5.9")) as Record<string, unknown>;
  expect(made["valueQuantity"]).toEqual({ value: 5.9, unit: "mmol/L" });
  expect(made["note"]).toEqual([{ text: "fasting" }, { text: "typed wrongly" }]);
  expect(made["referenceRange"]).toEqual([{ low: { value: 3.9 }, high: { value: 6.1 } }]);
  expect(made["extension"]).toEqual([{ valueString: "6.10" }]);
});

it("writes a value as it was typed, trailing zero and all", () => {
  expect(written(GLUCOSE, "5.90")).toContain('"value": 5.90');
});

it("needs no value where there is none", () => {
  const condition = '{"resourceType": "Condition", "code": {"text": "sprain"}}';
  expect(valueOf(condition)).toBeUndefined();
  expect(JSON.parse(written(condition, undefined))).toEqual({
    resourceType: "Condition",
    code: { text: "sprain" },
    note: [{ text: "typed wrongly" }],
  });
});

it("is for types that take a note alone", () => {
  expect(takesNotes(GLUCOSE)).toBe(true);
  expect(takesNotes('{"resourceType": "Patient"}')).toBe(false);
  expect(takesNotes("no JSON")).toBe(false);
});
