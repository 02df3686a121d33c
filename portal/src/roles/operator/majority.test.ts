import { describe, expect, it } from "vitest";

import { count } from "./majority";

const FOUR = ["a", "b", "c", "d"];

describe("count", () => {
  it("needs more than the share, not just the share", () => {
    const vote = { approved: ["a"], opposed: [] };
    expect(count(vote, FOUR, [2, 3]).needed).toBe(3);
    expect(count(vote, ["a", "b", "c"], [2, 3]).needed).toBe(3);
    expect(count(vote, FOUR, [1, 2]).needed).toBe(3);
    expect(count(vote, ["a"], [2, 3]).needed).toBe(1);
  });

  it("leaves out votes of who is no member any more", () => {
    const vote = { approved: ["a", "gone"], opposed: ["b", "gone"] };
    expect(count(vote, FOUR, [2, 3])).toEqual({ approved: 1, opposed: 1, needed: 3 });
  });

  it("decides a removal by the others, and never by one alone", () => {
    const vote = { approved: ["a", "d"], opposed: ["d"] };
    expect(count(vote, FOUR, [2, 3], "d")).toEqual({ approved: 1, opposed: 0, needed: 3 });
    expect(count(vote, ["a", "d"], [2, 3], "d").needed).toBe(2);
  });
});
