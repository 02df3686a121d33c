import { describe, expect, it } from "vitest";

import { gaps, type Light, median, seats, STUCK_MS, tone, troubles } from "./health";

const WELL = { reasons: [], pending: 0, newest: 1_000, now: 2_000, silent: 0 };

describe("troubles", () => {
  it("finds none in a node that is well, however long nothing happened", () => {
    expect(troubles({ ...WELL, now: 10 * STUCK_MS })).toEqual([]);
    expect(tone([])).toBe("green");
  });

  it("lists the gravest first and knows what is grave", () => {
    const found = troubles({ ...WELL, reasons: ["index_behind", "engine_stopped"], silent: 1 });
    expect(found).toEqual(["engine_stopped", "index_behind", "silent"]);
    expect(tone(found)).toBe("red");
    expect(tone(["index_behind"])).toBe("amber");
    expect(tone(["index_fault"])).toBe("red");
  });

  it("is stuck only where something waits for longer than the limit", () => {
    const waits = { ...WELL, pending: 1, newest: 0 };
    expect(troubles({ ...waits, now: STUCK_MS })).toEqual([]);
    expect(troubles({ ...waits, now: STUCK_MS + 1 })).toEqual(["stuck"]);
  });

  it("never calls a node well that gives a reason unknown here", () => {
    expect(tone(troubles({ ...WELL, reasons: ["something_new"] }))).toBe("red");
  });
});

describe("seats", () => {
  const light: Light = {
    commit: { signatures: [{ block_id_flag: 2 }, { block_id_flag: 1 }, { block_id_flag: 3 }] },
    validators: ["+/8=", "AAA=", "AQE="].map((value, at) => ({
      address: `A${at}`,
      pub_key: { value },
      voting_power: "10",
    })),
  };

  it("names who signed; a vote for nothing is no signature", () => {
    const found = seats(light, [{ public: "-_8", organisation: "one" }, { public: "AAA" }]);
    expect(found.map((each) => [each.organisation, each.signed])).toEqual([
      ["one", true],
      [undefined, false],
      [undefined, false],
    ]);
  });

  it("counts a missing place as not signed", () => {
    expect(seats({ ...light, commit: { signatures: [] } }, [])[0]?.signed).toBe(false);
  });
});

describe("gaps and their middle", () => {
  it("are between neighbours, never below nought", () => {
    const found = gaps([
      { height: 3, time: 900 },
      { height: 2, time: 1_000 },
      { height: 1, time: 400 },
    ]);
    expect(found.map((each) => each.gap)).toEqual([0, 600]);
    expect(gaps([])).toEqual([]);
  });

  it("take the middle of an even and an odd number", () => {
    expect(median([5, 1, 3])).toBe(3);
    expect(median([4, 1, 2, 100])).toBe(3);
    expect(median([])).toBeUndefined();
  });
});
