import { describe, expect, it } from "vitest";

import { type Branch, grow, isLotOf, type Item, numbers } from "./tree";

const item = (name: string, ...made_into: string[]): Item => ({ item: name, made_into });

function drawn(branches: readonly Branch<Item>[]): string {
  return branches
    .map((each) => `${each.name}${each.again ? "!" : ""}${each.item === undefined ? "?" : ""}` +
      (each.made.length === 0 ? "" : `(${drawn(each.made)})`))
    .join(" ");
}

describe("grow", () => {
  it("puts what was made below what it was made of", () => {
    expect(drawn(grow([item("c"), item("b", "c", "d"), item("a")]))).toBe("b(c d?) a");
  });

  it("shows what was made of two things in full once", () => {
    expect(drawn(grow([item("a", "x"), item("b", "x"), item("x", "y"), item("y")]))).toBe(
      "a(x(y)) b(x!)",
    );
  });

  it("ends in a circle and loses nobody in it", () => {
    expect(drawn(grow([item("a", "b"), item("b", "a")]))).toBe("a(b(a!))");
    expect(drawn(grow([item("s", "s")]))).toBe("s(s!)");
    expect(grow([])).toEqual([]);
  });
});

describe("numbers", () => {
  it("reads packs, lots and cases", () => {
    expect(numbers("https://id.gs1.org/01/09520001000014/21/S%2F1")).toEqual({
      gtin: "09520001000014",
      serial: "S/1",
    });
    expect(numbers("https://id.gs1.org/01/09520001000014/10/L1").lot).toBe("L1");
    expect(numbers("https://id.gs1.org/00/095200010000000015").sscc).toBe("095200010000000015");
  });

  it("tells a pack's own lot from what was made of it", () => {
    const pack = "https://id.gs1.org/01/09520001000014/21/S1";
    expect(isLotOf("https://id.gs1.org/01/09520001000014/10/L1", pack)).toBe(true);
    expect(isLotOf("https://id.gs1.org/01/09520001000014/21/S2", pack)).toBe(false);
    expect(isLotOf("https://id.gs1.org/01/09520001000021/10/L1", pack)).toBe(false);
    expect(isLotOf("nothing", "nothing")).toBe(false);
  });

  it("finds none in what is no link, and fails at nothing", () => {
    expect(numbers("urn:epc:id:sgtin:1.2.3")).toEqual({});
    expect(numbers("https://x/01/%E0%A4%A")).toEqual({ gtin: "%E0%A4%A" });
    expect(numbers("")).toEqual({});
  });
});
