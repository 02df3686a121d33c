import { describe, expect, it } from "vitest";

import { NOTHING, numbersIn, packsOf, type Typed, wantedOf } from "./recall";

const WHOLE: Typed = {
  gtin: " 09520001000010 ", grade: "1", reason: "potency", scope: "lots", numbers: "A1\n\n A2 \nA1\n",
};

describe("what is typed", () => {
  it("is read line by line, each number once", () => {
    expect(wantedOf(WHOLE)).toEqual({
      gtin: "09520001000010", grade: 1, reason: "potency", scope: "lots", numbers: ["A1", "A2"],
    });
  });

  it("names the first field that is missing: nothing is chosen beforehand", () => {
    expect(wantedOf(NOTHING)).toBe("gtin");
    for (const field of ["gtin", "grade", "reason", "scope", "numbers"] as const) {
      expect(wantedOf({ ...WHOLE, [field]: "" })).toBe(field);
      expect(wantedOf({ ...WHOLE, [field]: "批" })).toBe(field);
    }
  });

  it("is of every pack only where that was said", () => {
    expect(wantedOf({ ...WHOLE, scope: "every" })).toMatchObject({ scope: "every", numbers: [] });
  });

  it.each(["a b", "L".repeat(21), "批号", "#"])("takes %s for no number", (text) => {
    expect(numbersIn(`A1\n${text}`, "lots")).toBeUndefined();
  });

  it("takes as many as the law does", () => {
    const lines = (count: number): string => Array.from({ length: count }, (_, at) => `N${at}`).join("\n");
    expect(numbersIn(lines(100), "lots")).toHaveLength(100);
    expect(numbersIn(lines(101), "lots")).toBeUndefined();
    expect(numbersIn(lines(1000), "serials")).toHaveLength(1000);
    expect(numbersIn(lines(1001), "serials")).toBeUndefined();
  });
});

describe("what the node is asked", () => {
  it.each([
    ["lots", { lots: ["A1"] }],
    ["serials", { serials: ["A1"] }],
    ["every", { every: true }],
  ] as const)("names %s", (scope, asked) => {
    expect(packsOf({ scope, numbers: ["A1"] })).toEqual(asked);
  });
});
