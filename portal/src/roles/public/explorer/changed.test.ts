import { describe, expect, it } from "vitest";

import { keysOf, rows } from "./changed";

describe("the records that events name", () => {
  it("are found by their fields, each once", () => {
    const events = [
      { type: "consent.Granted", grant: "g1", person: "p1", starts: 1 },
      { type: "consent.Revoked", grant: "g1", person: "p1" },
      { type: "supply.ProductAccepted", gtin: "09520001000012", owner: "o1" },
    ];
    expect(keysOf(events)).toEqual(["consent/grant/g1", "supply/product/09520001000012"]);
  });
  it("are never a person's own", () => {
    const person = { type: "identity.Recovered", recovery: "r1", person: "p1" };
    expect(keysOf([person])).toEqual([]);
  });
});

describe("what differs", () => {
  it("is every field that came, went or changed", () => {
    expect(rows({ a: 1, b: [1], c: "x" }, { a: 1, b: [2], d: true })).toEqual([
      { field: "b", before: [1], after: [2] },
      { field: "c", before: "x", after: undefined },
      { field: "d", before: undefined, after: true },
    ]);
  });
  it("is everything of a record that is new, and nothing of one that stayed", () => {
    expect(rows(null, { a: 1 })).toEqual([{ field: "a", before: undefined, after: 1 }]);
    expect(rows({ a: { b: 1 } }, { a: { b: 1 } })).toEqual([]);
  });
});
