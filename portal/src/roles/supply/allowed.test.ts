import { describe, expect, it } from "vitest";

import { allowed, type Shipment, type Unit } from "./allowed";
import { degrees } from "./degrees";
import { caseIn, partsOf } from "./Names";
import { glnOf, isGln, siteOf } from "./place";

const OURS = "ours";
const PACK = "https://id.gs1.org/01/09520001000010/21/S1";

function unit(more: Partial<Unit>): Unit {
  return {
    unit: PACK,
    gtin: "09520001000010",
    serial: "S1",
    lot: "L1",
    expiry: "2031-03-31",
    standing: "active",
    parent: null,
    holder: OURS,
    place: "",
    since: 0,
    ...more,
  };
}

function may(more: Partial<Unit>, shipments: readonly Shipment[] = [], today = "2030-01-01"): string[] {
  return allowed({ unit: unit(more), ours: [OURS], today, shipments });
}

const COMING: Shipment = {
  shipment: "s",
  sender: "maker",
  units: [PACK],
  outermost: [PACK],
  count: 1,
  checked: true,
  fault: "",
  at: 0,
};

describe("what may be done", () => {
  it("is everything that moves a sound pack of ours", () => {
    expect(may({})).toEqual(["dispense", "ship", "quarantine", "take_out"]);
  });
  it("is not to sell what is expired, in a case, or another's", () => {
    expect(may({}, [], "2031-04-01")).toEqual(["quarantine", "take_out"]);
    expect(may({ parent: "https://id.gs1.org/00/095200010000000010" })).toEqual(["quarantine"]);
    expect(may({ holder: "theirs" })).toEqual([]);
  });
  it("is to sell on the last day of the expiry", () => {
    expect(may({}, [], "2031-03-31")).toContain("dispense");
  });
  it("is to receive by a shipment that was checked alone", () => {
    const away = { standing: "in_transit", holder: "maker" } as const;
    expect(may(away, [COMING])).toEqual(["receive"]);
    expect(may(away, [{ ...COMING, checked: false }])).toEqual([]);
    expect(may(away, [{ ...COMING, fault: "spent" }])).toEqual([]);
    expect(may(away)).toEqual([]);
  });
  it("is nothing with a pack that has ended", () => {
    expect(may({ standing: "dispensed" })).toEqual([]);
    expect(may({ standing: "destroyed" })).toEqual([]);
  });
  it("is to look at what was set aside", () => {
    expect(may({ standing: "quarantined" })).toEqual(["release", "send_back", "take_out"]);
    expect(may({ standing: "recalled" })).toEqual(["send_back", "take_out"]);
  });
});

it("knows a location number by its check digit", () => {
  expect(isGln("9520001000027")).toBe(true);
  expect(isGln("9520001000028")).toBe(false);
  expect(isGln("952000100002")).toBe(false);
  expect(glnOf(siteOf("9520001000027"))).toBe("9520001000027");
  expect(glnOf("geo:1,2")).toBe("geo:1,2");
});

it("reads the names of packs and cases", () => {
  expect(partsOf(PACK)).toEqual({ gtin: "09520001000010", serial: "S1", case: "" });
  expect(partsOf("https://id.gs1.org/00/095200010000000010").case).toBe("095200010000000010");
  expect(partsOf("https://id.gs1.org/01/09520001000010/21/A%2F1").serial).toBe("A/1");
});

it.each([[950, "9.5"], [0, "0.0"], [-4, "0.0"], [-5, "-0.1"], [-2550, "-25.5"], [794, "7.9"]])(
  "writes %i hundredths as %s",
  (value, text) => {
    expect(degrees(value)).toBe(text);
  },
);

it("knows the code of a case", () => {
  const number = "095200010000000010";
  for (const code of [`(00)${number}`, `]C100${number}`, number, `https://id.gs1.org/00/${number}`]) {
    expect(caseIn(code)).toBe(number);
  }
  expect(caseIn("(01)09520001000010(21)S1")).toBe("");
  expect(caseIn(PACK)).toBe("");
});
