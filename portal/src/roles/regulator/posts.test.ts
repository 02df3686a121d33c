import { describe, expect, it } from "vitest";

import { faultsIn, type Interval, movedIn, postOf, timeOf } from "./posts";

const interval = (number: number, some: Partial<Interval>): Interval => ({
  interval: number, posted: number * 10, fault: "", movements: [], ...some,
});

describe("the time that is opened", () => {
  const now = Date.parse("2026-11-22T10:00:00Z");

  it("ends now, unless it is said otherwise by the reader's own clock", () => {
    expect(timeOf("", 10, now)).toEqual({ since: now - 600_000, until: now });
    const until = new Date("2026-11-22T01:30").getTime();
    expect(timeOf("2026-11-22T01:30", 30, until + 5)).toEqual({ since: until - 1_800_000, until });
  });

  it("is neither unreadable nor wholly to come", () => {
    expect(timeOf("soon", 10, now)).toBeUndefined();
    expect(timeOf("2099-01-01T00:00", 10, now)).toBeUndefined();
    expect(timeOf("1970-01-01T00:00", 60, now)).toBeUndefined();
  });
});

describe("what moved", () => {
  it("is what was made, given and ended; what was kept is no movement", () => {
    const units = ["one"];
    const found = movedIn([
      interval(1, {
        movements: [
          { kind: "kept", units, made: true },
          { kind: "kept", units, made: false, holder: "self" },
        ],
      }),
      interval(2, { movements: [{ kind: "given", units, made: false, holder: "shop" }] }),
      interval(3, { posted: null, movements: [{ kind: "ended", units, made: false, word: "dispensed" }] }),
    ]);
    expect(found.map(({ key, what, holder, word, posted }) => [key, what, holder, word, posted])).toEqual([
      ["1.0", "made", "", "", 10],
      ["2.0", "given", "shop", "", 20],
      ["3.0", "ended", "", "dispensed", null],
    ]);
  });

  it("names the intervals that do not open; a silent one had no post", () => {
    const some = (["", "silent", "missing", "wrong"] as const).map((fault, at) => interval(at, { fault }));
    expect(faultsIn(some).map((each) => each.fault)).toEqual(["missing", "wrong"]);
  });
});

it("names a post as the chain does", () => {
  expect(postOf("member", 176_384)).toBe("member.0000000000176384");
});
