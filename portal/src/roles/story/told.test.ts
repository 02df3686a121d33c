import { describe, expect, it } from "vitest";

import { within } from "./told";

describe("a person's link", () => {
  const here = "http://localhost:8420";
  it("keeps its place within the portal", () => {
    expect(within("http://localhost:8420/en/join#abc", here)).toBe("/en/join#abc");
  });
  it("is left as it is where it leads elsewhere", () => {
    expect(within("http://elsewhere:8420/en/join#abc", here)).toBeUndefined();
  });
});
