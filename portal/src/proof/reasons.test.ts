import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { reasonOf } from "./reasons";

const read = (name: string): string =>
  readFileSync(new URL(`../../../${name}`, import.meta.url), "utf-8");

const table = read("docs/formats/receipt.md").split("| code | what does not hold |")[1] ?? "";
const codes = [...(table.split("\n\n")[0] ?? "").matchAll(/`([a-z_]+)`/g)].map((each) => each[1] ?? "");

test("every code of the document has a sentence in both languages", () => {
  expect(codes.length).toBeGreaterThan(30);
  for (const language of ["en", "zh-CN"]) {
    const words = JSON.parse(read(`src/yilian/text/${language}/portal_proof.json`)) as {
      reasons: Record<string, string>;
    };
    for (const code of codes) expect(words.reasons[reasonOf(code)], code).toBeTruthy();
  }
});

test("whoever signed wrongly is told apart from who is a stranger", () => {
  expect(reasonOf("bad_signature")).toBe("signatures");
  expect(reasonOf("unknown_validators")).toBe("strangers");
  expect(reasonOf("events_differ")).toBe("paper");
});
